from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highwall.forecasting.looks import look, look_names
from highwall.sentinel2 import DEFAULT_BANDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

RGB = ("B02", "B03", "B04")


def tile(seed: int, bands: int = 6, shape: tuple[int, int] = (13, 9)) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    return rng.gamma(2, 0.08, (bands, *shape)).astype(np.float32) + np.float32(0.001), rng.random(shape) < 0.8


def by_name(
    pixels: NDArray[np.float32], valid: NDArray[np.bool_], bands: tuple[str, ...] = DEFAULT_BANDS
) -> dict[str, float]:
    found = look(pixels, valid, bands)
    assert found.dtype == np.float32
    return dict(zip(look_names(bands), found.tolist(), strict=True))


@given(st.integers(0, 1000))
def test_every_statistic_is_what_its_name_says(seed: int) -> None:
    pixels, valid = tile(seed)
    found = by_name(pixels, valid)
    plane = dict(zip(DEFAULT_BANDS, pixels.astype(float), strict=True))
    for band, values in plane.items():
        for percentile in (1, 25, 50, 75, 99):
            expected = np.quantile(values[valid], percentile / 100)
            assert found.pop(f"{band} p{percentile:02d}") == pytest.approx(expected, rel=1e-5)
        pairs = [
            abs(values[y, x] - values[y + down, x + across])
            for y, x in np.ndindex(valid.shape)
            for down, across in ((0, 1), (1, 0))
            if y + down < valid.shape[0] and x + across < valid.shape[1]
            if valid[y, x] and valid[y + down, x + across]
        ]
        assert found.pop(f"{band} texture") == pytest.approx(np.mean(pairs), rel=1e-4)
    b, g, r, n, s = (plane[band][valid] for band in DEFAULT_BANDS[:5])
    assert found.pop("NDVI") == pytest.approx(np.median((n - r) / (n + r)), abs=1e-5)
    assert found.pop("GRVI") == pytest.approx(np.median((g - r) / (g + r)), abs=1e-5)
    assert found.pop("NDWI") == pytest.approx(np.median((g - n) / (g + n)), abs=1e-5)
    assert found.pop("NDMI") == pytest.approx(np.median((n - s) / (n + s)), abs=1e-5)
    assert found.pop("BSI") == pytest.approx(np.median(((s + r) - (n + b)) / ((s + r) + (n + b))), abs=1e-5)
    assert not found


def test_indices_are_those_whose_bands_are_there() -> None:
    assert [name for name in look_names(RGB) if " " not in name] == ["GRVI"]
    assert [name for name in look_names(("B08", "B04")) if " " not in name] == ["NDVI"]
    assert [name for name in look_names(("B12",)) if " " not in name] == []
    assert len(look_names(RGB)) == len(set(look_names(RGB))) == 3 * 6 + 1


def test_bands_may_come_in_any_order() -> None:
    pixels, valid = tile(0)
    straight = by_name(pixels, valid)
    assert by_name(pixels[::-1], valid, DEFAULT_BANDS[::-1]) == pytest.approx(straight, abs=1e-6)


@given(st.integers(0, 1000), st.floats(-9, 9))
def test_what_lies_where_nothing_is_valid_does_not_show(seed: int, junk: float) -> None:
    pixels, valid = tile(seed)
    other = np.where(valid, pixels, np.float32(junk))
    np.testing.assert_array_equal(look(pixels, valid, DEFAULT_BANDS), look(other, valid, DEFAULT_BANDS))


def test_a_shift_moves_levels_and_leaves_texture() -> None:
    pixels, valid = tile(1)
    before, after = by_name(pixels, valid), by_name(pixels + np.float32(0.1), valid)
    for name, value in before.items():
        if " p" in name:
            assert after[name] == pytest.approx(value + 0.1, abs=1e-6)
        elif "texture" in name:
            assert after[name] == pytest.approx(value, abs=1e-6)


def test_coarser_pixels_have_less_texture() -> None:
    pixels, _ = tile(2, shape=(64, 64))
    coarse = pixels.reshape(6, 32, 2, 32, 2).mean((2, 4)).repeat(2, 1).repeat(2, 2)
    valid = np.ones((64, 64), bool)
    fine, smooth = by_name(pixels, valid), by_name(coarse, valid)
    assert all(smooth[name] < fine[name] / 2 for name in fine if "texture" in name)


def test_nothing_valid_nothing_known() -> None:
    pixels, valid = tile(3)
    assert np.isnan(look(pixels, valid & False, DEFAULT_BANDS)).all()
    assert np.isnan(look(pixels[:, :0], valid[:0], DEFAULT_BANDS)).all()


def test_a_lone_pixel_has_levels_and_no_texture() -> None:
    pixels, valid = tile(4)
    valid[:] = False
    valid[3, 4] = True
    found = by_name(pixels, valid)
    assert [name for name, value in found.items() if np.isnan(value)] == [f"{band} texture" for band in DEFAULT_BANDS]
    assert found["B08 p01"] == found["B08 p99"] == pixels[3, 3, 4]


def test_pixels_without_light_are_left_out_of_indices() -> None:
    pixels = np.array([[[0.1, 0.0, -0.2]], [[0.3, 0.0, 0.1]]], np.float32)  # red, near infrared
    found = by_name(pixels, np.ones((1, 3), bool), ("B04", "B08"))
    assert found["NDVI"] == pytest.approx(0.5)
    assert np.isnan(by_name(pixels[..., 1:], np.ones((1, 2), bool), ("B04", "B08"))["NDVI"])
