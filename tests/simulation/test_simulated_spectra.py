import numpy as np
import pytest

from highwall.simulation.spectra import BASE, LITHOLOGIES, WATERS, Material, palette


@pytest.mark.parametrize("rock", list(LITHOLOGIES))
def test_every_material_of_a_palette_reflects_something_possible(rock: str) -> None:
    for seed in range(20):
        colours = palette(np.random.default_rng(seed), LITHOLOGIES[rock], seed / 20)
        assert colours.means.shape == (len(Material), 6)
        assert colours.means.min() > 0
        assert colours.means.max() < 0.9
        assert (colours.spreads > 0).all()


def test_palettes_scatter_about_the_table() -> None:
    palettes = [palette(np.random.default_rng(s), LITHOLOGIES["granite"], 1.0).means for s in range(300)]
    for material in (Material.GRASS, Material.CROP, Material.CLEAR_WATER, Material.ASPHALT, Material.BRIGHT_ROOF):
        assert np.median([p[material] for p in palettes], axis=0) == pytest.approx(BASE[material][0], rel=0.05)
    rock = np.median([p[Material.ROCK] for p in palettes], axis=0)
    assert rock == pytest.approx(LITHOLOGIES["granite"].rock, rel=0.05)


def test_spectra_have_the_shapes_of_their_kind() -> None:
    blue, green, red, nir, swir1, swir2 = range(6)
    for material in (Material.FOREST, Material.GRASS, Material.CROP):
        spectrum = BASE[material][0]
        assert spectrum[green] > spectrum[red]  # chlorophyll
        assert spectrum[nir] > 4 * spectrum[red]  # red edge
        assert spectrum[swir1] > spectrum[swir2]  # leaf water
    for material in set(WATERS) & set(BASE):
        spectrum = BASE[material][0]
        assert spectrum[swir1] < spectrum[nir] <= spectrum[green]
    iron = LITHOLOGIES["iron ore"].overburden
    assert iron[blue] < iron[green] < iron[red]
    for name in ("kaolin", "limestone"):
        assert LITHOLOGIES[name].rock[swir2] < 0.85 * LITHOLOGIES[name].rock[swir1]


def test_dry_season_turns_grass_yellow() -> None:
    dry, green = (
        palette(np.random.default_rng(0), LITHOLOGIES["granite"], v).means[Material.GRASS] for v in (0.0, 1.0)
    )
    assert (green[3] - green[2]) / (green[3] + green[2]) > (dry[3] - dry[2]) / (dry[3] + dry[2]) + 0.2
