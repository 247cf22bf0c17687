import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.simulation.ground import Ground
from highwall.simulation.sensor import NOISE, PATH_REFLECTANCE, Light, at_20_m, block_mean, observe, reflect
from highwall.simulation.spectra import LITHOLOGIES, Material, palette
from highwall.simulation.surface import Surface

LEVEL_LIGHT = Light(azimuth=45.0, altitude=60.0, haze=0.0)


@pytest.mark.parametrize("material", list(Material))
def test_a_pure_surface_has_the_mean_and_the_spread_of_its_material(material: Material) -> None:
    ground = Ground((400, 400), 5.0)
    surface = Surface.bare(ground, np.zeros(ground.shape, np.float32))
    surface.paint(np.ones(ground.shape, bool), material)
    rng = np.random.default_rng(0)
    colours = palette(rng, LITHOLOGIES["granite"], 0.7)
    pixels = observe(rng, reflect(rng, surface, colours, LEVEL_LIGHT), ground.cell, haze=0.0)
    assert pixels.mean((1, 2)) == pytest.approx(colours.means[material], rel=0.12, abs=0.001)
    relative = pixels[:4].std((1, 2)) / colours.means[material][:4]
    assert (relative < 1.2 * colours.spreads[material] + NOISE[:4] / colours.means[material][:4]).all()


def test_mixtures_lie_between_their_materials() -> None:
    ground = Ground((100, 100), 5.0)
    surface = Surface.bare(ground, np.zeros(ground.shape, np.float32))
    surface.paint(np.ones(ground.shape, bool), Material.FOREST, Material.SOIL, 0.3)
    rng = np.random.default_rng(0)
    colours = palette(rng, LITHOLOGIES["basalt"], 1.0)
    leaving = reflect(rng, surface, colours, LEVEL_LIGHT).mean((1, 2))
    expected = 0.7 * colours.means[Material.FOREST] + 0.3 * colours.means[Material.SOIL]
    assert leaving == pytest.approx(expected, rel=0.1)


def test_slopes_towards_the_sun_are_brighter_and_shadow_keeps_the_sky() -> None:
    ground = Ground((60, 60), 5.0)
    ridge = np.broadcast_to(100 - 0.5 * np.abs(ground.x - 150), ground.shape).astype(np.float32)
    surface = Surface.bare(ground, ridge)
    rng = np.random.default_rng(0)
    colours = palette(rng, LITHOLOGIES["granite"], 0.5)
    low_eastern_sun = Light(azimuth=90.0, altitude=20.0, haze=0.0)
    leaving = reflect(rng, surface, colours, low_eastern_sun)
    west, east = leaving[:, :, 5:20].mean((1, 2)), leaving[:, :, 40:55].mean((1, 2))
    assert (east > 2 * west).all()
    assert west[0] / east[0] > west[5] / east[5] > 0  # the sky is blue


def test_haze_adds_most_in_the_blue() -> None:
    dark = np.full((6, 40, 40), 0.01, np.float32)
    clear, hazy = (observe(np.random.default_rng(1), dark, 5.0, haze) for haze in (0.0, 1.0))
    added = (hazy - clear).mean((1, 2))
    assert (np.diff(added) < 0).all()
    assert added == pytest.approx(PATH_REFLECTANCE, rel=0.12, abs=2e-4)


def test_noise_is_that_of_the_sensor() -> None:
    flat = np.full((6, 400, 400), 0.2, np.float32)
    assert observe(np.random.default_rng(1), flat, 5.0, 0.0).std((1, 2)) == pytest.approx(NOISE, rel=0.05)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30))
def test_resampling_to_20_m_keeps_size_and_constants(height: int, width: int) -> None:
    flat = np.full((2, height, width), 0.3, np.float32)
    back = at_20_m(flat)
    assert back.shape == flat.shape
    assert back == pytest.approx(flat)


def test_resampling_to_20_m_keeps_the_mean_and_loses_detail() -> None:
    fine = np.random.default_rng(0).random((1, 64, 64)).astype(np.float32)
    back = at_20_m(fine)
    assert back.mean() == pytest.approx(fine.mean(), abs=0.01)
    assert back.std() < 0.5 * fine.std()


def test_block_mean_is_the_mean_of_each_block() -> None:
    fine = np.random.default_rng(0).random((2, 6, 4)).astype(np.float32)
    coarse = block_mean(fine, 2)
    for band, row, column in np.ndindex(2, 3, 2):
        block = fine[band, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        assert coarse[band, row, column] == pytest.approx(block.mean())
