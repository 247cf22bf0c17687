"""What covers the land where nobody digs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from highwall.simulation.noise import fractal
from highwall.simulation.spectra import Material
from highwall.simulation.terrain import steepness, wetness

if TYPE_CHECKING:
    from highwall.simulation.surface import Surface


@dataclass(frozen=True)
class Country:
    """What the land of a region is used for; all shares and densities from 0 to 1."""

    trees: float
    """Share of forest."""

    farms: float
    """Share of land in parcels."""

    crops: float
    """Share of the parcels that are tilled, the rest is pasture."""

    cover: float
    """Density of plants between the trees; deserts have none."""

    parcel: float
    """Edge of a usual parcel in metres."""

    relief: float
    """Height of usual hills in metres."""


def grow_plants(rng: np.random.Generator, surface: Surface, country: Country) -> None:
    """Cover the whole surface with forest, shrub, grass, soil and rock."""
    ground = surface.ground
    wet = wetness(ground, surface.elevation)
    steep = ground.smooth(steepness(ground, surface.elevation), 80)
    patches = fractal(rng, ground, outer=1800, roughness=1.75)
    texture = fractal(rng, ground, outer=45, roughness=1.0)
    thickets = fractal(rng, ground, outer=700, roughness=1.5)

    bare = np.clip(1 - country.cover * (1 - 0.18 * thickets + 0.15 * wet - 0.07 * texture), 0, 1)
    surface.paint(np.ones(ground.shape, bool), Material.GRASS, Material.SOIL, bare, 0.05 * texture - 0.04 * wet)
    shrubs = 0.7 * thickets + 0.9 * wet + 0.2 * texture > 1.6 - 1.8 * country.cover
    surface.paint(shrubs, Material.SHRUB, Material.SOIL, np.clip(0.75 * bare + 0.1 * texture, 0, 1), 0.06 * texture)
    rock = steep - 0.05 * wet + 0.08 * patches + 0.06 * thickets + 0.02 * texture > 0.55 + 0.3 * country.cover
    grown = np.clip(country.cover * 0.6 + 0.05 * texture + 0.1 * thickets, 0, 1)
    surface.paint(rock, Material.OUTCROP, Material.SHRUB, grown)
    score = 0.6 * patches + 0.9 * wet + 0.5 * steep + 0.12 * thickets + 0.025 * texture
    forest = score > np.quantile(score[::4, ::4], 1 - country.trees)
    shade = np.clip(0.25 + 0.10 * texture, 0, 0.8)
    surface.paint(forest, Material.FOREST, Material.CANOPY_SHADE, shade, 0.06 * thickets)


def clear(rng: np.random.Generator, surface: Surface, count: int) -> None:
    """Cut clearings into the forest and leave bare patches elsewhere: bright look-alikes of mines."""
    width, height = surface.ground.size
    for _ in range(count):
        place = (rng.uniform(0, width), rng.uniform(0, height))
        local, centre = surface.around(place, reach=450)
        ground = local.ground
        along, across = ground.turned(centre, rng.uniform(0, np.pi))
        half_long, half_wide = rng.uniform(60, 260), rng.uniform(40, 160)
        wobble = fractal(rng, ground, outer=200, roughness=2.0, inner=30)
        inside = np.maximum(np.abs(along) / half_long, np.abs(across) / half_wide) + 0.12 * wobble < 1
        fresh = Material.SOIL if rng.random() < 0.6 else Material.STUBBLE
        tone = rng.normal(0.1, 0.15) + 0.08 * wobble
        local.paint(inside, fresh, Material.GRASS, np.clip(0.3 + 0.2 * wobble, 0, 1), tone)
