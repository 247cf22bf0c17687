from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.forecasting.looks import look, look_names
from highwall.forecasting.radiometry import RadiometricShift, clear_air, radiometric_shift
from highwall.sentinel2 import BANDS, DEFAULT_BANDS
from highwall.simulation import AWAY, HOME, Region, draw_site, render_site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SCENES = Path(os.environ.get("HIGHWALL_DATA", Path(__file__).parents[3] / "shared" / "data")) / "scenes"
RGB = DEFAULT_BANDS[:3]
MICROMETRES = np.array([BANDS[band][0] for band in DEFAULT_BANDS])
AIR = clear_air(MICROMETRES)

MISSING = "an offset of about +1,000 counts (not applied)"
TWICE = "an offset of -1,000 counts applied twice"
ABOVE = "another processing level (top of atmosphere against surface)"
BELOW = "another processing level (surface against top of atmosphere)"
FAULTS = {MISSING, TWICE, "an offset of about +1,000 counts in the training tiles (not applied)"}


def ground(tiles: int, seed: int, plants: float = 0.5) -> list[Floats]:
    """Draw surface reflectance of tiles `(6, 30, 30)`: soil, plants and some water, each tile its own mixture."""
    rng = np.random.default_rng(seed)
    soil = np.array([0.08, 0.12, 0.17, 0.25, 0.32, 0.27])
    plant = np.array([0.03, 0.06, 0.04, 0.35, 0.18, 0.08])
    water = np.array([0.03, 0.03, 0.02, 0.01, 0.005, 0.003])
    drawn = []
    for _ in range(tiles):
        share = np.clip(rng.normal(plants, 0.08) + rng.normal(0, 0.1, 900), 0, 1)
        pixels = (np.outer(soil, 1 - share) + np.outer(plant, share)) * rng.normal(1, 0.1, 900)
        pixels[:, :30] = water[:, None]
        drawn.append((pixels + rng.normal(0, 0.001, pixels.shape)).reshape(6, 30, 30).astype(np.float32))
    return drawn


def looks(tiles: Sequence[Floats], bands: Sequence[str] = DEFAULT_BANDS) -> Floats:
    return np.array([look(tile[: len(bands)], np.ones(tile.shape[1:], bool), bands) for tile in tiles])


def shift(training: Sequence[Floats], new: Sequence[Floats], bands: Sequence[str] = DEFAULT_BANDS) -> RadiometricShift:
    return radiometric_shift(looks(training, bands), looks(new, bands), bands, look_names(bands))


def plus(tiles: Sequence[Floats], light: Sequence[float] | Floats) -> list[Floats]:
    return [tile + np.asarray(light, np.float32)[:, None, None] for tile in tiles]


@given(st.floats(0.4, 1.7))
def test_clear_air_scatters_as_deep_as_measured(wavelength: float) -> None:
    """Depth by the fit of Bodhaine et al. 1999, Journal of Atmospheric and Oceanic Technology 16, equation 30."""
    square = wavelength**2
    depth = 0.0021520 * (1.0455996 - 341.29061 / square - 0.90230850 * square)
    depth /= 1 + 0.0027059889 / square - 85.968563 * square
    sun = np.radians(45)
    scattered = depth * 0.75 * (1 + np.cos(np.pi - sun) ** 2) / (4 * np.cos(sun))
    assert clear_air(np.array([wavelength]))[0] == pytest.approx(scattered, rel=0.02)


@pytest.mark.parametrize("bands", [DEFAULT_BANDS, RGB])
@pytest.mark.parametrize("tiles", [1, 3, 20])
def test_more_of_the_same_has_no_cause(bands: Sequence[str], tiles: int) -> None:
    found = shift(ground(30, 0), ground(tiles, 1), bands)
    assert found.cause is None
    assert np.abs(found.dark).max() < 0.01


@pytest.mark.parametrize("bands", [DEFAULT_BANDS, RGB])
@pytest.mark.parametrize("tiles", [1, 20])
def test_an_offset_is_told_and_measured(bands: Sequence[str], tiles: int) -> None:
    land, new = ground(30, 0), ground(tiles, 1)
    plain, found = shift(land, new, bands), shift(land, plus(new, [0.1] * 6), bands)
    assert found.cause == MISSING
    for end in ("dark", "median", "bright"):
        assert getattr(found, end) == pytest.approx(np.add(getattr(plain, end), 0.1), abs=1e-6)
    assert shift(land, plus(new, [-0.1] * 6), bands).cause == TWICE
    told = shift(plus(land, [0.1] * 6), new, bands).cause
    assert told is not None
    assert told.endswith("in the training tiles (not applied)")


def test_an_offset_is_told_through_a_change_of_level() -> None:
    land, new = ground(30, 0), ground(5, 1)
    assert shift(land, plus(new, 0.1 + AIR)).cause == MISSING
    assert shift(plus(land, AIR), plus(new, [0.1] * 6)).cause == MISSING


@pytest.mark.parametrize("size", [0.03, 0.2])
def test_another_shift_of_all_bands_is_no_offset_of_a_thousand_counts(size: float) -> None:
    assert shift(ground(30, 0), plus(ground(5, 1), [size] * 6)).cause not in FAULTS


@pytest.mark.parametrize("bands", [DEFAULT_BANDS, RGB])
def test_air_as_thick_as_all_of_it_is_another_level(bands: Sequence[str]) -> None:
    land, new = ground(30, 0), ground(5, 1)
    assert shift(land, plus(new, AIR), bands).cause == ABOVE
    assert shift(plus(land, AIR), new, bands).cause == BELOW
    assert shift(plus(land, AIR), plus(new, AIR), bands).cause is None


def test_air_does_not_hide_what_no_air_does() -> None:
    land, new = ground(30, 0), ground(5, 1)
    air = {ABOVE, BELOW, "haze", "clearer air"}
    assert shift(plus(land, AIR), plus(new, [-0.1] * 6), RGB).cause not in air  # a fault on top of the level
    assert shift(land, plus(new, 0.1 + AIR), RGB).cause not in air


@settings(max_examples=20, deadline=None)
@given(power=st.floats(0.8, 2.0), blue=st.floats(0.03, 0.05))
def test_more_air_on_the_same_level_is_haze(power: float, blue: float) -> None:
    haze = blue * (MICROMETRES / MICROMETRES[0]) ** -power  # Chavez 1988
    land, new = plus(ground(30, 0), AIR), plus(ground(5, 1), AIR)
    assert shift(land, plus(new, haze)).cause == "haze"
    assert shift(plus(land, haze), new).cause == "clearer air"


def test_light_that_rises_with_wavelength_is_not_air() -> None:
    dust = 0.04 * MICROMETRES / MICROMETRES[0]
    assert shift(ground(30, 0), plus(ground(5, 1), dust)).cause not in {*FAULTS, ABOVE, BELOW, "haze", "clearer air"}


def test_other_ground_is_told_in_words() -> None:
    land = ground(30, 0)
    assert shift(land, ground(10, 1, plants=0.85)).cause in {"greener", "moister"}
    assert shift(land, ground(10, 1, plants=0.1)).cause in {"less green", "drier"}
    bright = [np.concatenate([tile[:, :1], 1.5 * tile[:, 1:]], axis=1) for tile in ground(10, 1)]  # but for the water
    assert shift(land, bright).cause == "brighter soil"
    assert shift(bright * 3, land).cause == "darker"


def test_little_ground_to_compare_with_has_no_words() -> None:
    assert shift(ground(4, 0), ground(10, 1, plants=0.1)).cause is None


@pytest.mark.filterwarnings("error")
def test_unknown_looks_are_left_out() -> None:
    names = look_names(DEFAULT_BANDS)
    land, new = looks(ground(12, 0)), looks(plus(ground(3, 1), [0.1] * 6))
    gap = np.full((2, len(names)), np.nan, np.float32)
    plain = radiometric_shift(land, new, DEFAULT_BANDS, names)
    assert radiometric_shift(np.concatenate([gap, land]), np.concatenate([new, gap]), DEFAULT_BANDS, names) == plain
    for sides in ((gap, new), (land, gap)):
        found = radiometric_shift(*sides, DEFAULT_BANDS, names)
        assert found.cause is None
        assert np.isnan(found.dark).all()
        assert json.loads(json.dumps(found.to_json(), allow_nan=False))["bright"]["B12"] is None


def test_bands_may_come_in_any_order() -> None:
    land, new = ground(12, 0), plus(ground(3, 1), AIR)
    turned = DEFAULT_BANDS[::-1]
    found = shift([tile[::-1] for tile in land], [tile[::-1] for tile in new], turned)
    straight = shift(land, new)
    assert found.cause == straight.cause == ABOVE
    assert found.median == pytest.approx(straight.median[::-1])


@pytest.mark.parametrize("bands", [("B02",), ("B08", "B11"), ("B11", "B12", "B8A")])
def test_few_or_long_bands_tell_nothing_of_the_air(bands: tuple[str, ...]) -> None:
    land, new = ground(12, 0), ground(3, 1)
    haze = np.full(6, 0.04)
    assert shift(land, plus(new, haze), bands).cause not in {*FAULTS, ABOVE, BELOW, "haze", "clearer air"}


@pytest.fixture(scope="module")
def regions() -> dict[str, list[Floats]]:
    def draw(region: Region) -> list[Floats]:
        rng = np.random.default_rng(0)
        return [render_site(draw_site(rng, region, ((0.5, 0.5),)), (64, 64))[0].pixels for _ in range(16)]

    return {"home": draw(HOME), "away": draw(AWAY)}


@pytest.mark.parametrize("bands", [DEFAULT_BANDS, RGB])
def test_other_regions_are_no_offset_and_offsets_are_told_in_other_regions(
    regions: dict[str, list[Floats]], bands: Sequence[str]
) -> None:
    home, away = regions["home"], regions["away"]
    for land, new in ((home, away), (away, home), (home[:8], home[8:]), (away[:8], away[8:])):
        assert shift(land, new, bands).cause not in FAULTS
        for tile in new:
            assert shift(land, [tile], bands).cause not in FAULTS
    for new in (home, away):
        if len(bands) == 6 or new is home:
            assert shift(home, plus(new, [0.1] * 6), bands).cause == MISSING
            assert shift(home, plus(new, [-0.1] * 6), bands).cause == TWICE


def scene(name: str) -> Floats:
    path = SCENES / f"{name}.tif"
    if not path.is_file():
        pytest.skip(f"{path} is missing (set HIGHWALL_DATA)")
    with rasterio.open(path) as file:
        counts = file.read()
    return look(counts * np.float32(1e-4), (counts > 0).all(axis=0), DEFAULT_BANDS)[None]


def test_levels_of_one_real_place_are_told() -> None:
    """One place twice, both with an offset that was not applied: 0.1 is taken off."""
    above, surface = scene("terramind_L1C_433D_629L_3_1"), scene("terramind_L2A_433D_629L_3_1")
    names = look_names(DEFAULT_BANDS)
    levels = [index for index, name in enumerate(names) if " p" in name]
    found = radiometric_shift(surface, above, DEFAULT_BANDS, names)
    assert np.subtract(found.dark, AIR) == pytest.approx(0, abs=0.012)
    forest = scene("rstoolbox_trombetas")
    assert radiometric_shift(forest, above, DEFAULT_BANDS, names).cause == MISSING
    assert radiometric_shift(forest, surface, DEFAULT_BANDS, names).cause == MISSING
    right = above.copy()
    right[:, levels] -= 0.1
    assert radiometric_shift(forest, right, DEFAULT_BANDS, names).cause == ABOVE
    assert radiometric_shift(right, forest, DEFAULT_BANDS, names).cause == BELOW


def test_real_places_are_no_offset_from_each_other() -> None:
    names = look_names(DEFAULT_BANDS)
    places = ["oscd_milano_1", "oscd_brasilia_1", "dsen2_20171022_T49JGM", "oscd_bordeaux_1", "rstoolbox_trombetas"]
    seen = [scene(place) for place in places]
    for one in seen:
        for other in seen:
            assert radiometric_shift(one, other, DEFAULT_BANDS, names).cause not in FAULTS
