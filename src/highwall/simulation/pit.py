"""Pits: benches stepping down to a floor, sometimes with a lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from highwall.simulation.noise import fractal, uniform
from highwall.simulation.sections import body, oval
from highwall.simulation.spectra import Material
from highwall.simulation.terrain import benched, stripes

if TYPE_CHECKING:
    from highwall.simulation.ground import Mask
    from highwall.simulation.sections import Section
    from highwall.simulation.surface import Surface


def dig_pit(rng: np.random.Generator, surface: Surface, section: Section, free: Mask) -> Mask:
    """Dig a pit into free ground and return its cells.

    A funnel hangs from the natural surface and is cut into horizontal benches; weathered
    overburden shows in the upper ones, rock and ore in seams below.
    """
    ground = surface.ground
    where = body(ground, oval(rng, ground, section, lobes=5, waviness=0.15), section, free)
    if not where.any():
        return where
    natural = ground.smooth(surface.elevation, 60)
    inward = ground.distance_inside(where)
    slope = rng.uniform(0.35, 0.6)
    step = slope * rng.uniform(25, 50)
    deepest = float(inward.max()) * slope * rng.uniform(0.5, 0.9)
    floor = float(np.median(natural[where])) - deepest
    crooked = fractal(rng, ground, outer=220, roughness=1.8, inner=40)

    level = natural - inward * np.float32(slope) + np.float32(0.2 * step) * crooked
    level = np.maximum(level, np.float32(floor))
    kept = rng.uniform(0.3, 0.9)
    shape = np.minimum(benched(level, step, 0.4, kept), surface.elevation + 2)
    np.copyto(surface.elevation, shape.astype(np.float32), where=where)

    seams = fractal(rng, ground, outer=400, roughness=1.6)
    dust = fractal(rng, ground, outer=60, roughness=1.0)
    tone = 0.13 * kept * stripes(level, step) + 0.06 * crooked + 0.05 * dust
    surface.paint(where, Material.ROCK, Material.ORE, uniform(seams + np.float32(rng.normal(0, 0.5))), tone)
    depth = np.clip((natural - level) / max(deepest, 1.0), 0, 1)
    weathered = where & (depth + 0.12 * seams < rng.uniform(0.0, 0.35))
    surface.paint(weathered, Material.OVERBURDEN, Material.ROCK, np.clip(0.3 + 0.2 * seams, 0, 1), tone)

    if rng.random() < 0.45:
        water = floor + deepest * rng.uniform(0.05, 0.35)
        lake = where & (level + 1.5 * crooked < water)
        kind = Material.PROCESS_WATER if rng.random() < 0.5 else Material.PIT_WATER
        surface.paint(lake, kind, Material.PIT_WATER, rng.uniform(0, 0.7), 0.02 * seams)
        surface.elevation[lake] = water
    return where
