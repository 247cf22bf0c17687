"""What the plugin reads and does, written down again from its code (0.6.5)."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from highwall.exporting import Values
from highwall.exporting.deepness import Standardisation, settings
from highwall.legend import Legend

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")


def plugin(tiles: np.ndarray, metadata: dict[str, str]) -> np.ndarray:
    """Do what `ModelBase.preprocessing` does to tiles `(n, y, x, channel)`."""
    tiles = np.float32(tiles * 1.0 / 255.0)
    mean = np.array([float(x) for x in json.loads(metadata["standardization_mean"])], dtype=np.float32)
    std = np.array([float(x) for x in json.loads(metadata["standardization_std"])], dtype=np.float32)
    return np.transpose((tiles - mean) / std, (0, 3, 1, 2))


@given(
    st.data(),
    st.sampled_from([np.uint8, np.uint16, np.int16, np.float32]),
    st.sampled_from([(1e-4, 0.0), (1e-4, -0.1), (1 / 255, 0.0), (1.0, 0.0)]),
    array_shapes(min_dims=3, max_dims=3, max_side=4),
    st.integers(1, 6),
)
def test_the_file_gets_reflectance_of_any_raster(
    data: st.DataObject, kind: type, numbers: tuple[float, float], shape: tuple[int, int, int], channels: int
) -> None:
    high = {np.uint8: 255, np.float32: 2}.get(kind, 20_000)
    elements = st.floats(0, high, width=32) if kind is np.float32 else st.integers(0, high)
    tiles = data.draw(arrays(kind, (*shape, channels), elements=elements))
    values = Values(BANDS[:channels], *numbers)
    given_ = plugin(tiles, settings(values, Legend(), 256))
    expected = np.moveaxis(tiles, -1, 1).astype(float) * numbers[0] + numbers[1]
    np.testing.assert_allclose(given_, expected, rtol=1e-6, atol=1e-7)
    if not values.offset:
        np.testing.assert_array_equal(given_ == 0, expected == 0)  # no data stays exactly that
    np.testing.assert_array_equal(Standardisation.to_reflectance(values).prepare(np.moveaxis(tiles, -1, 1)), given_)


def test_settings_read_as_the_plugin_reads_them() -> None:
    legend = Legend.from_names({0: "background", 1: "mine ground", 3: "tailings pond"})
    metadata = settings(Values(BANDS), legend, 512)
    assert all(isinstance(value, str) for value in metadata.values())
    assert str(json.loads(metadata["model_type"])).capitalize() == "Segmentor"
    names = sorted(json.loads(metadata["class_names"]).items(), key=lambda pair: int(pair[0]))
    assert [int(key) for key, _ in names] == [0, 1, 2]  # it takes a gap for an error
    assert tuple(name for _, name in names) == legend.names
    assert float(json.loads(metadata["resolution"])) == 100 * 10  # cm
    assert int(json.loads(metadata["tile_size"])) == 512
    assert 256 * int(json.loads(metadata["tiles_overlap"])) / 100 == 64
    assert float(json.loads(metadata["seg_thresh"])) == 0
    assert int(json.loads(metadata["seg_small_segment"])) == 0
