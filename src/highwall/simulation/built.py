"""Towns, roads and works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from highwall.simulation.farming import PARCELS, divide
from highwall.simulation.noise import fractal
from highwall.simulation.paths import Network, stroke
from highwall.simulation.spectra import WATERS, Material

if TYPE_CHECKING:
    from highwall.simulation.surface import Surface

_ROOFS = np.array(
    [Material.CLAY_ROOF] * 6 + [Material.DARK_ROOF] * 5 + [Material.BRIGHT_ROOF] * 1 + [Material.ASPHALT] * 2
    + [Material.FOREST] * 2 + [Material.GRASS] * 2 + [Material.SOIL] * 2,
    np.uint8,
)  # fmt: skip


def build_town(rng: np.random.Generator, surface: Surface, centre: tuple[float, float], radius: float) -> None:
    """Build blocks of houses along a grid of streets about a centre; radius in metres."""
    ground = surface.ground
    away = np.hypot(ground.x - centre[0], ground.y - centre[1]) / np.float32(radius)
    ragged = fractal(rng, ground, outer=700, roughness=1.5)
    blocks = divide(rng, ground, 110, 75)
    number = divide(rng, ground, 18, 14).number
    built = away + 0.35 * ragged < 1
    empty = rng.random(PARCELS)[number] < 0.15 + 0.35 * np.clip(away, 0, 1)
    houses = _ROOFS[rng.integers(len(_ROOFS), size=PARCELS)][number]
    gardens = np.where(rng.random(PARCELS) < 0.5, Material.SOIL, Material.SHRUB).astype(np.uint8)[number]
    tone = rng.normal(0, 0.15, PARCELS).astype(np.float32)[number]
    dry = built & ~np.isin(surface.first, WATERS)
    surface.paint(dry, np.where(empty, gardens, houses), Material.TRACK, 0.3, tone)
    surface.paint(dry & (blocks.edge < 6), Material.ASPHALT, Material.SOIL, 0.5)


def build_works(rng: np.random.Generator, surface: Surface, centre: tuple[float, float]) -> None:
    """Build a processing plant: long halls and sheds on levelled ground, and heaps of ore."""
    ground = surface.ground
    angle = rng.uniform(0, np.pi)
    along, across = ground.turned(centre, angle)
    free = (surface.labels == 0) & ~np.isin(surface.first, WATERS)
    wobble = fractal(rng, ground, outer=150, roughness=2, inner=20)
    yard = free & (np.hypot(along / rng.uniform(120, 220), across / rng.uniform(90, 150)) + 0.12 * wobble < 1)
    surface.paint(yard, Material.TRACK, Material.WASTE, np.clip(0.5 + 0.25 * wobble, 0, 1), -0.1 + 0.05 * wobble)
    for _ in range(int(rng.integers(4, 11))):
        middle, side = rng.normal(0, 80), rng.normal(0, 55)
        half_long, half_wide = rng.uniform(10, 45), rng.uniform(7, 14)
        hall = yard & (np.abs(along - middle) < half_long) & (np.abs(across - side) < half_wide)
        roof = rng.choice([Material.BRIGHT_ROOF, Material.DARK_ROOF, Material.DARK_ROOF, Material.CLAY_ROOF])
        surface.paint(hall, roof, None, 0.0, rng.normal(0, 0.15))
        surface.elevation[hall] += np.float32(8)
    for _ in range(int(rng.integers(1, 4))):
        heap = np.hypot(along - rng.normal(0, 100), across - rng.normal(0, 70)) / rng.uniform(12, 30)
        surface.elevation += np.where(yard, np.clip(1 - heap, 0, 1) * 10, 0).astype(np.float32)
        surface.paint(yard & (heap < 1), Material.ORE, Material.ROCK, 0.4)


def build_roads(rng: np.random.Generator, surface: Surface, ways: Network, count: int) -> None:
    """Lead roads and tracks from edge to edge of the land."""
    ground = surface.ground
    for _ in range(count):
        ends = _on_edge(rng, ground.size), _on_edge(rng, ground.size)
        paved = rng.random() < 0.4
        width = rng.uniform(9, 16) if paved else rng.uniform(5, 9)
        road = stroke(ground, ways.way(*ends, smooth=0.8), width)
        road &= ~np.isin(surface.first, WATERS)
        surface.paint(road, Material.ASPHALT if paved else Material.TRACK, Material.SOIL, 0.4)


def _on_edge(rng: np.random.Generator, size: tuple[float, float]) -> tuple[float, float]:
    """Return a random point `(x, y)` on the edge of a rectangle."""
    place = [rng.uniform(0, size[0]), rng.uniform(0, size[1])]
    axis = int(rng.integers(2))
    place[axis] = size[axis] * int(rng.integers(2))
    return place[0], place[1]
