from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from highwall.errors import BadInput
from highwall.sentinel2 import DEFAULT_BANDS
from highwall.tiles import Encoding, Tile, read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


RGB = Encoding(("B02", "B03", "B04"), 1e-4, 0.0)


@given(
    values=hnp.arrays(st.sampled_from([np.uint16, np.int16]), (3, 5, 7), elements=st.integers(0, 9000)),
    nodata=st.sampled_from([None, 0, 77]),
    offset=st.sampled_from([0.0, -0.1]),
)
@settings(max_examples=60, deadline=None)
def test_reflectance_is_value_times_scale_plus_offset_where_there_is_data(
    tmp_path_factory: pytest.TempPathFactory,
    write: Callable[..., Path],
    values: NDArray[Any],
    nodata: float | None,
    offset: float,
) -> None:
    values[:, 0, 0] = 1234  # some pixel holds data
    path = write(tmp_path_factory.mktemp("t") / "x.tif", values, nodata=nodata)
    image = read_image(path, Encoding(RGB.bands, 1e-4, offset))
    expected = (values != 77).all(axis=0) if nodata == 77 else (values != 0).any(axis=0)
    expected |= (values == 0).all(axis=0) & (nodata == 77)
    np.testing.assert_array_equal(image.valid, expected)
    np.testing.assert_allclose(image.pixels, np.where(expected, values * 1e-4 + offset, 0), atol=1e-6)
    assert image.pixels.dtype == np.float32
    assert image.bands == RGB.bands


def test_not_finite_in_one_band_is_no_data_in_all(tmp_path: Path, write: Callable[..., Path]) -> None:
    values = np.full((3, 4, 4), 0.2, np.float32)
    values[1, 0, 0], values[2, 1, 1] = np.nan, np.inf
    image = read_image(write(tmp_path / "x.tif", values), Encoding(RGB.bands, 1, 0))
    assert np.argwhere(~image.valid).tolist() == [[0, 0], [1, 1]]
    assert np.isfinite(image.pixels).all()
    assert (image.pixels[:, 0, 0] == 0).all()


def test_georeference_is_kept_and_never_required(
    tmp_path: Path, write: Callable[..., Path], recwarn: pytest.WarningsRecorder
) -> None:
    values = np.full((3, 6, 4), 900, np.uint16)
    transform = rasterio.transform.from_origin(5e5, 4e6, 10, 10)
    located = read_image(write(tmp_path / "a.tif", values, crs="EPSG:32633", transform=transform), RGB)
    assert located.geobox.crs.to_epsg() == 32633
    assert located.geobox.affine == transform
    path = write(tmp_path / "b.tif", values)
    recwarn.clear()
    assert read_image(path, RGB).geobox is None
    assert not recwarn.list


@given(order=st.permutations(range(6)))
@settings(max_examples=10, deadline=None)
def test_bands_in_another_order_are_put_right_by_their_names(
    tmp_path_factory: pytest.TempPathFactory, write: Callable[..., Path], order: list[int]
) -> None:
    values = np.arange(1, 7, dtype=np.uint16)[:, None, None] * np.full((6, 3, 3), 100, np.uint16)
    path = tmp_path_factory.mktemp("t") / "x.tif"
    write(path, values[order], names=[DEFAULT_BANDS[i] for i in order])
    np.testing.assert_allclose(read_image(path, Encoding(DEFAULT_BANDS, 1e-4, 0)).pixels, values * 1e-4, rtol=1e-6)
    by_position = read_image(path, Encoding(DEFAULT_BANDS, 1e-4, 0, by_name=False))
    np.testing.assert_allclose(by_position.pixels, values[order] * 1e-4, rtol=1e-6)


@pytest.mark.parametrize("compress", ["none", "deflate", "lzw"])
def test_a_truncated_file_is_named(
    tmp_path: Path, write: Callable[..., Path], ground: Callable[..., NDArray[np.float32]], compress: str
) -> None:
    path = write(tmp_path / "x.tif", ground(0), compress=compress)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(BadInput, match=r"x\.tif: not readable as TIFF, or truncated") as raised:
        read_image(path, Encoding(RGB.bands, 1, 0))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full((3, 4, 4), np.nan, np.float32), "all pixels are NaN or infinite"),
        (np.zeros((3, 4, 4), np.uint16), "no pixel holds data"),
        (np.full((7, 4, 4), 1, np.uint16), "has 7 bands, not the 3 of its dataset"),
        (np.full((3, 4, 4), 1j, np.complex64), "pixels of type complex64"),
    ],
)
def test_images_that_cannot_be_used(
    tmp_path: Path, write: Callable[..., Path], values: NDArray[Any], reason: str
) -> None:
    with pytest.raises(BadInput, match=reason):
        read_image(write(tmp_path / "x.tif", values), RGB)


@pytest.mark.parametrize(
    ("values", "scale", "likely"),
    [
        (np.full((3, 9, 9), 2500, np.float32), 1.0, "0.0001"),
        (np.full((3, 9, 9), 180, np.uint8), 1.0, "0.00392157"),
        (np.full((3, 9, 9), 0.3, np.float32), 100.0, "1"),
    ],
)
def test_an_impossible_scale_is_named_with_the_likely_one(
    tmp_path: Path, write: Callable[..., Path], values: NDArray[Any], scale: float, likely: str
) -> None:
    path = write(tmp_path / "x.tif", values)
    with pytest.raises(BadInput, match=rf"x\.tif: reflectance from .* a scale of {likely} would fit"):
        read_image(path, Encoding(RGB.bands, scale, 0))
    read_image(path, Encoding(RGB.bands, float(likely), 0))


def test_a_few_outliers_are_no_error(
    tmp_path: Path, write: Callable[..., Path], ground: Callable[..., NDArray[np.float32]]
) -> None:
    values = ground(0)
    values[:, 5, 5:9] = 40
    assert read_image(write(tmp_path / "x.tif", values), Encoding(RGB.bands, 1, 0)).pixels.max() == 40


def labels_of(tmp_path: Path, write: Callable[..., Path], mask: NDArray[Any], **profile: Any) -> NDArray[np.uint8]:
    image = write(tmp_path / "i.tif", np.full((3, 4, 5), 900, np.uint16))
    return read_labels(Tile(image, write(tmp_path / "m.tif", mask, **profile), "train"), RGB)


@given(
    mask=hnp.arrays(st.sampled_from([np.uint8, np.int16, np.float32]), (4, 5), elements=st.sampled_from([0, 1, 2, 3]))
)
@settings(max_examples=20, deadline=None)
def test_labels_are_indices_and_nodata_is_unknown(
    tmp_path_factory: pytest.TempPathFactory, write: Callable[..., Path], mask: NDArray[Any]
) -> None:
    labels = labels_of(tmp_path_factory.mktemp("t"), write, mask, nodata=2)
    np.testing.assert_array_equal(labels, np.where(mask == 2, 255, mask))
    assert labels.dtype == np.uint8


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (np.zeros((5, 4), np.uint8), r"m\.tif: mask of 4 x 5 pixels for an image of 5 x 4"),
        (np.zeros((2, 4, 5), np.uint8), "a mask has one band, not 2"),
        (np.full((4, 5), 9, np.uint8), r"m\.tif: labels outside the legend: 9"),
        (np.full((4, 5), 300, np.uint16), "labels outside the legend: 300"),
        (np.full((4, 5), 0.5, np.float32), "a mask holds whole numbers, not 0.5"),
    ],
)
def test_masks_that_cannot_be_used(tmp_path: Path, write: Callable[..., Path], mask: NDArray[Any], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        labels_of(tmp_path, write, mask)


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("float32", None), ("float32", -9999), ("uint16", 65535), ("uint8", None)]
)
def test_zero_in_all_bands_is_no_data_in_any_type(tmp_path: Path, dtype: str, nodata: float | None) -> None:
    values = np.full((3, 4, 4), 0.2 if dtype == "float32" else 100, dtype)
    values[:, 1, 2] = 0
    values[0, 3, 3] = 0  # deep shadow in one band
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="GTiff", count=3, height=4, width=4, dtype=dtype, nodata=nodata) as target:
        target.write(values)
    valid = read_image(path, Encoding(("B02", "B03", "B04"), 1 if dtype == "float32" else 1e-3, 0)).valid
    np.testing.assert_array_equal(valid, (values != 0).any(0))
