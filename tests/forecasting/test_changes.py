from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highwall.forecasting.changes import CHANGES, changed
from highwall.sentinel2 import BANDS, DEFAULT_BANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NUMBERS = range(1, len(CHANGES) + 1)
RANDOM = {"noise", "other soil", "other rock", "snow"}
SOME = st.lists(st.sampled_from(sorted(BANDS)), min_size=1, unique=True)
SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 24))
GRASS = dict(zip(DEFAULT_BANDS, (0.04, 0.07, 0.05, 0.30, 0.18, 0.09), strict=True))


def ground(seed: int, bands: Sequence[str], shape: tuple[int, int] = (40, 50)) -> NDArray[np.float32]:
    """Reflectance with holes, and here and there a zero in a single band."""
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(0.005, 0.6, (len(bands), *shape))
    pixels *= rng.random(pixels.shape) > 0.02
    return (pixels * (rng.random(shape) > 0.2)).astype(np.float32)


def number_of(name: str) -> int:
    return list(CHANGES).index(name) + 1


def after(name: str, pixels: NDArray[np.float32], bands: Sequence[str] = DEFAULT_BANDS) -> NDArray[np.float32]:
    return changed(pixels, bands, number_of(name), 7)


@given(st.integers(0, 1000), SOME, SHAPES)
def test_every_change_keeps_shape_type_and_holes(seed: int, bands: list[str], shape: tuple[int, int]) -> None:
    pixels = ground(seed, bands, shape)
    before, hole = pixels.copy(), (pixels == 0).all(0)
    for number in NUMBERS:
        result = changed(pixels, bands, number, seed)
        assert result.shape == pixels.shape
        assert result.dtype == np.float32
        assert np.isfinite(result).all()
        assert (result >= 0).all()
        np.testing.assert_array_equal((result == 0).all(0), hole)
        np.testing.assert_array_equal(pixels, before)


@given(st.integers(0, 1000), SOME)
def test_what_reflects_light_goes_on_reflecting(seed: int, bands: list[str]) -> None:
    pixels = np.random.default_rng(seed).uniform(0.005, 1.2, (len(bands), 9, 9)).astype(np.float32)
    for number in NUMBERS:
        assert (changed(pixels, bands, number, seed) > 0).all()


def test_number_0_is_the_image_as_it_is() -> None:
    pixels = ground(0, DEFAULT_BANDS)
    np.testing.assert_array_equal(changed(pixels, DEFAULT_BANDS, 0, 5), pixels)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_change_changes_and_is_the_same_again(number: int) -> None:
    pixels = ground(1, DEFAULT_BANDS)
    result = changed(pixels, DEFAULT_BANDS, number, 5)
    assert np.abs(result - pixels).max() > 0.01
    np.testing.assert_array_equal(changed(pixels, DEFAULT_BANDS, number, 5), result)
    other = changed(pixels, DEFAULT_BANDS, number, 6)
    assert np.array_equal(other, result) != (list(CHANGES)[number - 1] in RANDOM)


def test_there_are_no_more_changes() -> None:
    with pytest.raises(IndexError):
        changed(ground(0, DEFAULT_BANDS), DEFAULT_BANDS, len(CHANGES) + 1, 0)


@pytest.mark.parametrize(("name", "amount"), [("offset not applied", 0.1), ("offset applied twice", -0.05)])
def test_an_offset_adds_exactly(name: str, amount: float) -> None:
    pixels = np.random.default_rng(0).uniform(0.06, 0.6, (6, 20, 20)).astype(np.float32)
    np.testing.assert_array_equal(after(name, pixels), pixels + np.float32(amount))


def test_an_offset_that_is_subtracted_leaves_dark_ground_a_little_light() -> None:
    result = after("offset applied twice", np.full((6, 4, 4), 0.03, np.float32))
    assert ((result > 0) & (result < 0.001)).all()


@pytest.mark.parametrize(("name", "factor"), [("darker", 0.6), ("brighter", 1.5)])
def test_light_multiplies(name: str, factor: float) -> None:
    pixels = ground(0, DEFAULT_BANDS)
    np.testing.assert_allclose(after(name, pixels), pixels * factor, rtol=1e-6)


@pytest.mark.parametrize("name", ["other soil", "other rock"])
def test_a_tint_is_a_factor_for_each_band(name: str) -> None:
    pixels = np.random.default_rng(0).uniform(0.05, 0.6, (6, 20, 20)).astype(np.float32)
    factor = after(name, pixels) / pixels
    np.testing.assert_allclose(factor, np.broadcast_to(factor[:, :1, :1], factor.shape), rtol=1e-5)
    assert len(np.unique(factor[:, 0, 0])) == 6


def test_tints_scatter_as_they_should() -> None:
    one = np.ones((6, 1, 1), np.float32)
    for name, deviation in (("other soil", 0.15), ("other rock", 0.3)):
        factors = [changed(one, DEFAULT_BANDS, number_of(name), seed) for seed in range(500)]
        assert np.log(factors).std() == pytest.approx(deviation, rel=0.08)  # 3000 draws: 4 sigma are 5 %
        assert np.log(factors).mean() == pytest.approx(0, abs=0.025)


def test_haze_lights_up_dark_ground_in_blue_and_takes_contrast() -> None:
    dark, bright = np.full((6, 1, 1), 0.02, np.float32), np.full((6, 1, 1), 0.6, np.float32)
    risen = [(after(name, dark) - dark).ravel() for name in ("haze", "thick haze")]
    for rise in risen:
        assert (np.diff(rise) < 0).all()  # bands are ordered by wavelength
    assert (risen[1][:3] > risen[0][:3]).all()
    for name, kept in (("haze", 0.75), ("thick haze", 0.5)):
        contrast = after(name, bright) - after(name, dark)
        np.testing.assert_allclose(contrast, (bright - dark) * kept, rtol=1e-4)


def test_noise_is_white_and_as_strong_as_it_should_be() -> None:
    pixels = np.full((6, 60, 60), 0.3, np.float32)
    added = after("noise", pixels) - pixels
    assert added.std() == pytest.approx(0.02, rel=0.03)
    assert added.mean() == pytest.approx(0, abs=0.0006)
    assert np.abs(np.corrcoef(added.reshape(6, -1)) - np.eye(6)).max() < 0.08
    assert abs(np.corrcoef(added[:, :-1].ravel(), added[:, 1:].ravel())[0, 1]) < 0.03


def test_coarser_pixels_are_means_of_three_by_three() -> None:
    pixels = np.random.default_rng(0).uniform(0.05, 0.6, (6, 9, 11)).astype(np.float32)
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1)), mode="edge")
    expected = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2)).mean((3, 4))
    np.testing.assert_allclose(after("coarser", pixels), expected, atol=1e-6)


def vegetation(pixels: NDArray[np.float32], bands: Sequence[str]) -> float:
    red, infrared = (float(pixels[bands.index(band)].mean()) for band in ("B04", "B08"))
    return (infrared - red) / (infrared + red)


def test_in_the_dry_season_grass_turns_into_soil_and_rock_stays() -> None:
    grass = np.array([*GRASS.values()], np.float32)[:, None, None].repeat(4, 1).repeat(4, 2)
    rock = np.array([0.16, 0.19, 0.23, 0.22, 0.34, 0.31], np.float32)[:, None, None]
    dried = after("dry season", grass)
    assert vegetation(dried, DEFAULT_BANDS) < vegetation(grass, DEFAULT_BANDS) / 2
    assert dried[2].mean() > grass[2].mean()
    np.testing.assert_array_equal(after("dry season", rock), rock)


def test_without_near_infrared_green_tells_grass() -> None:
    bands = ("B02", "B03", "B04")
    grass = np.array([GRASS[band] for band in bands], np.float32)[:, None, None]
    rock = np.array([0.16, 0.19, 0.23], np.float32)[:, None, None]
    assert after("dry season", grass, bands)[2, 0, 0] > 1.5 * grass[2, 0, 0]
    np.testing.assert_array_equal(after("dry season", rock, bands), rock)


def test_snow_covers_its_share_in_patches() -> None:
    ground_ = np.array([*GRASS.values()], np.float32)[:, None, None].repeat(128, 1).repeat(128, 2)
    covers = []
    for seed in range(5):
        result = changed(ground_, DEFAULT_BANDS, number_of("snow"), seed)
        white = result[0] > 0.4
        covers.append(white.mean())
        assert (result[0, white] > result[5, white] * 3).all()  # bright to the eye, dark in short-wave infrared
        bare = result[0] < 0.041
        np.testing.assert_allclose(result[:, bare], ground_[:, bare], atol=0.01)
        edges = (white[1:] != white[:-1]).sum() + (white[:, 1:] != white[:, :-1]).sum()
        assert edges < 0.15 * white.size  # scattered pixels have 0.96 of them
    assert np.mean(covers) == pytest.approx(0.4, abs=0.03)


def test_a_band_does_not_care_for_its_place() -> None:
    pixels = ground(3, DEFAULT_BANDS)
    for name in set(CHANGES) - RANDOM | {"snow"}:
        turned = after(name, pixels[::-1], DEFAULT_BANDS[::-1])
        np.testing.assert_allclose(turned[::-1], after(name, pixels), atol=1e-6)
