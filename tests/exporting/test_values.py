"""What values of a raster stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from highwall.errors import BadInput
from highwall.exporting import Values

COUNTS = arrays(np.uint16, (2, 3, 4, 5), elements=st.integers(0, 20_000))
BANDS = ("B02", "B03", "B04")


@given(COUNTS, st.sampled_from([(1e-4, 0.0), (1e-4, -0.1), (1 / 255, 0.0)]))
def test_reflectance_is_linear_but_where_nothing_is(counts: np.ndarray, numbers: tuple[float, float]) -> None:
    values = Values(BANDS, *numbers)
    reflectance = values.reflectance(counts)
    nothing = (counts == 0).all(1)
    assert not reflectance[np.broadcast_to(nothing[:, None], counts.shape)].any()
    for band in range(3):
        expected = counts[:, band].astype(float) * numbers[0] + numbers[1]
        np.testing.assert_allclose(reflectance[:, band][~nothing], expected[~nothing], rtol=1e-6, atol=1e-6)


@given(COUNTS, st.sampled_from([(1e-4, 0.0), (1e-4, -0.1), (1.0, 0.0)]))
def test_values_are_the_way_back(counts: np.ndarray, numbers: tuple[float, float]) -> None:
    values = Values(BANDS, *numbers)
    some = np.maximum(counts, 1) * (counts != 0).any(1, keepdims=True)  # in a pixel with data, 0 is left to no data
    given_ = some.astype(np.uint16) if numbers[0] < 1 else (some * 1e-4).astype(np.float32)
    back = values.values(values.reflectance(given_))
    assert back.dtype == given_.dtype
    np.testing.assert_allclose(back, given_, rtol=1e-6)


@given(st.sampled_from([(1e-4, 0.0), (1e-4, -0.1), (1.0, 0.0), (1.0, 0.05)]))
def test_the_limit_of_no_data_lies_between_it_and_the_least_value(numbers: tuple[float, float]) -> None:
    values = Values(("B02",), *numbers)
    least = np.array(1 if values.counts else 1e-4, np.float32).reshape(1, 1, 1, 1)
    assert values.offset < values.no_data_below < values.reflectance(least).item()


def test_nonsense_is_refused() -> None:
    for bands, scale, offset, why in (
        (("B02", "B99"), 1.0, 0.0, "'B99' is no Sentinel-2 band"),
        (("B02", "b2"), 1.0, 0.0, "named twice"),
        (("B02",), 0.0, 0.0, "scale 0.0: must be above 0"),
        (("B02",), float("nan"), 0.0, "scale nan"),
        (("B02",), 1.0, float("inf"), "offset inf"),
    ):
        with pytest.raises(BadInput, match=why):
            Values(bands, scale, offset)
