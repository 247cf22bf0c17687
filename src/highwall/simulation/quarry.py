"""Quarries and sand pits: a few steep faces around a flat floor, with stockpiles, pools and weeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from highwall.simulation.noise import fractal, uniform
from highwall.simulation.sections import body, oval
from highwall.simulation.spectra import Material
from highwall.simulation.terrain import benched

if TYPE_CHECKING:
    from highwall.simulation.ground import Floats, Ground, Mask
    from highwall.simulation.sections import Section
    from highwall.simulation.surface import Surface


def open_quarry(rng: np.random.Generator, surface: Surface, section: Section, free: Mask) -> Mask:
    """Open a quarry on free ground and return its cells.

    Stone is won from benches of ten metres or more, steep towards the hill and open towards the
    road; sand and gravel from one shallow cut, often below the water table.
    """
    ground = surface.ground
    field = _corners(rng, ground, section) if rng.random() < 0.6 else oval(rng, ground, section, lobes=8, waviness=0.25)
    where = body(ground, field, section, free)
    if not where.any():
        return where
    natural = ground.smooth(surface.elevation, 60)
    inward = ground.distance_inside(where)
    hill = ground.turned(section.centre, rng.uniform(0, 2 * np.pi))[0] / np.float32(section.radius)
    coarse = fractal(rng, ground, outer=180, roughness=1.6, inner=15)
    fine = fractal(rng, ground, outer=60, roughness=1.4)

    stone = rng.random() < 0.5
    depth = rng.uniform(15, 70) if stone else rng.uniform(3, 14)
    depth = min(depth, 0.5 * float(inward.max()))
    steep = np.clip(rng.uniform(0.5, 1.2) * (0.6 + 0.5 * hill), 0.08, 1.2)
    step = np.float32(rng.uniform(9, 18) if stone else max(depth, 3))
    level = np.maximum(natural - inward * steep, natural - depth) + np.float32(0.08 * depth) * coarse
    kept = rng.uniform(0.5, 1.0) if stone else 0.3
    level = np.minimum(benched(level, float(step), 0.5, kept) + 0.25 * fine, surface.elevation)
    sunk = natural - level
    np.copyto(surface.elevation, level.astype(np.float32), where=where)

    face = where & (sunk < 0.85 * depth) & (inward < depth / 0.3 + 10)
    _paint_floor(rng, surface, where, coarse, fine)
    bare = np.clip(rng.uniform(-0.1, 0.5) + 0.25 * coarse, 0, 1)
    surface.paint(face, Material.ROCK, Material.OVERBURDEN, bare, rng.normal(0.08, 0.12) + 0.08 * fine)
    _strip(rng, surface, where, inward, coarse)
    floor = where & ~face & (inward > 15)
    _stockpile(rng, surface, floor)
    if rng.random() < 0.55:
        _flood(rng, surface, floor, inward, stone=stone)
    return where


def _corners(rng: np.random.Generator, ground: Ground, section: Section) -> Floats:
    """Return a field that grows outwards from a centre, about 1 on an outline of four to seven straight sides."""
    along, across = ground.turned(section.centre, section.angle)
    stretch = np.float32(np.sqrt(section.aspect))
    along, across = along / stretch, across * stretch
    sides = int(rng.integers(4, 8))
    angles = 2 * np.pi * (np.arange(sides) + rng.uniform(-0.25, 0.25, sides)) / sides
    reach = section.radius * np.exp(rng.normal(-0.08, 0.18, sides))
    field = np.full(ground.shape, -np.inf, np.float32)
    for angle, limit in zip(angles, reach, strict=True):
        side = (along * np.float32(np.cos(angle)) + across * np.float32(np.sin(angle))) / np.float32(limit)
        np.maximum(field, side, out=field)
    ragged = fractal(rng, ground, outer=max(section.radius, 60), roughness=1.6, inner=15)
    return np.asarray(field + np.float32(rng.uniform(0.02, 0.12)) * ragged, dtype=np.float32)


def _paint_floor(rng: np.random.Generator, surface: Surface, where: Mask, coarse: Floats, fine: Floats) -> None:
    """Paint the whole quarry as a trodden floor: fresh rock, dust and mud in patches, tracks across."""
    ground = surface.ground
    patches = fractal(rng, ground, outer=250, roughness=1.7)
    blotches = np.clip(fractal(rng, ground, outer=180, roughness=1.9, inner=20) - rng.uniform(0, 1.5), 0, 0.6)
    share = uniform(0.7 * patches + 0.5 * coarse + np.float32(rng.normal(0, 0.8)))
    tone = np.float32(rng.uniform(0.05, 0.2)) * patches + 0.04 * fine - np.float32(rng.uniform(-0.3, 0.9)) * blotches
    surface.paint(where, Material.ROCK, Material.ORE if rng.random() < 0.6 else Material.WASTE, share, tone)
    winding = fractal(rng, ground, outer=300, roughness=2.2, inner=60)
    for height in rng.normal(0, 0.6, int(rng.integers(0, 4))):
        track = where & (np.abs(winding - np.float32(height)) < 0.05)
        surface.paint(track, Material.TRACK, Material.ROCK, 0.5, rng.normal(0.1, 0.15))


def _strip(rng: np.random.Generator, surface: Surface, where: Mask, inward: Floats, coarse: Floats) -> None:
    """Show the stripped cover along the rim, and weeds where nobody has worked for years."""
    width = rng.uniform(0, 30) * np.exp(0.5 * coarse)
    rim = where & (inward < width)
    surface.paint(rim, Material.OVERBURDEN, Material.SOIL, 0.4, 0.05 * coarse)
    if rng.random() < 0.5:
        weeds = fractal(rng, surface.ground, outer=140, roughness=1.4)
        green = where & (weeds > rng.uniform(0.2, 1.8))
        plant = rng.choice([Material.GRASS, Material.SHRUB, Material.SHRUB, Material.FOREST])
        surface.paint(green, plant, Material.OVERBURDEN, np.clip(0.45 - 0.3 * weeds, 0.1, 0.8), 0.05 * coarse)


def _stockpile(rng: np.random.Generator, surface: Surface, floor: Mask) -> None:
    """Heap sorted stone on the floor in small cones."""
    ground = surface.ground
    rows, columns = np.nonzero(floor)
    if not len(rows):
        return
    for _ in range(int(rng.integers(0, 2 + min(len(rows) // 800, 10)))):
        spot = int(rng.integers(len(rows)))
        centre = (float(ground.x[0, columns[spot]]), float(ground.y[rows[spot], 0]))
        radius = rng.uniform(8, 24)
        local, middle = surface.around(centre, radius + 10)
        away = np.hypot(local.ground.x - middle[0], local.ground.y - middle[1]) / np.float32(radius)
        heap = (away < 1) & (local.labels == 0)
        local.elevation += np.where(heap, (1 - away) * np.float32(0.45 * radius), 0).astype(np.float32)
        local.paint(heap, rng.choice([Material.ORE, Material.ROCK, Material.TAILINGS]), Material.ROCK, 0.2, 0.1)


def _flood(rng: np.random.Generator, surface: Surface, floor: Mask, inward: Floats, *, stone: bool) -> None:
    """Fill hollows of the floor with water: a pool or two of a stone quarry, most of a gravel pit; shores are wet."""
    if not floor.any():
        return
    share = rng.beta(0.8, 4.0) if stone else rng.beta(0.9, 1.3)
    hollow = fractal(rng, surface.ground, outer=260, roughness=2.0, inner=25) + 0.006 * inward
    limit = float(np.quantile(hollow[floor], 1 - share))
    shore = floor & (hollow > limit - rng.uniform(0.05, 0.35))
    surface.tone[shore] -= np.float32(rng.uniform(0.1, 0.45))
    lake = ndimage.binary_opening(floor & (hollow > limit), iterations=2)
    murky = np.exp(-np.maximum(hollow - np.float32(limit), 0) / np.float32(rng.uniform(0.05, 0.5)))
    kind = Material.PROCESS_WATER if rng.random() < 0.5 else Material.PIT_WATER
    surface.paint(lake, kind, Material.PROCESS_WATER, np.float32(0.8) * murky)
    if lake.any():
        surface.elevation[lake] = float(surface.elevation[lake].min())
