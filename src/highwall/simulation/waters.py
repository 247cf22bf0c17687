"""Natural lakes and rivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from highwall.simulation.ground import grow
from highwall.simulation.noise import fractal, uniform
from highwall.simulation.paths import Network, stroke
from highwall.simulation.spectra import Material
from highwall.simulation.terrain import wetness

if TYPE_CHECKING:
    from highwall.simulation.surface import Surface


def flood(rng: np.random.Generator, surface: Surface, hectares: float) -> None:
    """Fill a hollow with a natural lake of about that area, its shore grown over, muddy or sandy."""
    ground = surface.ground
    luck = rng.standard_normal(ground.shape, dtype=np.float32)
    row, column = np.unravel_index(int(np.argmax(wetness(ground, surface.elevation) + 0.8 * luck)), ground.shape)
    place = (int(row), int(column))
    away = np.hypot(ground.x - ground.x[0, place[1]], ground.y - ground.y[place[0], 0])
    rough = fractal(rng, ground, outer=400, roughness=1.8, inner=20)
    level = surface.elevation / (surface.elevation.std() + 1)
    field = level + away / np.float32(np.sqrt(hectares * 1e4)) + np.float32(0.1) * rough
    lake = grow(field, int(hectares * 1e4 / ground.cell**2), place)
    shore = ndimage.binary_dilation(lake, iterations=1 + int(rng.uniform(0, 40) / ground.cell))
    surface.paint(shore, rng.choice([Material.GRASS, Material.DARK_SOIL, Material.RIVER_SAND]), Material.SHRUB, 0.4)
    surface.paint(lake, Material.CLEAR_WATER, Material.TURBID_WATER, rng.uniform(0, 0.6), 0.04 * rough)
    surface.elevation[lake] = surface.elevation[place]


def run_river(rng: np.random.Generator, surface: Surface, width: float, dry: float) -> None:
    """Let a river follow the valleys from edge to edge, with sand bars and trees along it.

    Args:
        rng: where the randomness comes from.
        surface: what to paint on.
        width: usual width in metres.
        dry: 0 for a full river, 1 for a bed of sand.
    """
    ground = surface.ground
    low = surface.elevation - surface.elevation.min()
    meander = uniform(fractal(rng, ground, outer=900, roughness=1.6, inner=60))
    valleys = Network(ground, 0.15 + (low / (low.std() + 1)) ** 2 + 0.8 * meander)
    (right, bottom), (start, end) = ground.size, rng.uniform(0.1, 0.9, 2)
    if rng.random() < 0.5:
        line = valleys.way((0.0, start * bottom), (right, end * bottom), smooth=1.2)
    else:
        line = valleys.way((start * right, 0.0), (end * right, bottom), smooth=1.2)

    away = ground.distance_inside(~stroke(ground, line, ground.cell))
    swell = fractal(rng, ground, outer=500, roughness=1.7, inner=30)
    bars = fractal(rng, ground, outer=250, roughness=1.7, inner=20)
    half = np.float32(width / 2) * np.exp(np.float32(0.35) * swell)
    trees = (away < 3 * half + 40) & (bars > -0.3)
    surface.paint(trees, Material.FOREST, Material.CANOPY_SHADE, np.clip(0.3 + 0.1 * bars, 0, 1))
    sand = (away < 1.5 * half) & (bars + 1.5 * dry > 0.2)
    surface.paint(sand, Material.RIVER_SAND, Material.DARK_SOIL, np.clip(0.2 + 0.2 * swell, 0, 0.8), 0.08 * bars)
    water = (away < half) & (bars < 2.2 - 4 * dry)
    surface.paint(water, Material.TURBID_WATER, Material.CLEAR_WATER, rng.uniform(0, 1), 0.03 * swell)
