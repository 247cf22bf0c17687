"""Waste dumps: lobes of loose rock with a flat top and benches down the sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from highwall.simulation.noise import fractal
from highwall.simulation.sections import body, oval
from highwall.simulation.spectra import Material
from highwall.simulation.terrain import benched, stripes

if TYPE_CHECKING:
    from highwall.simulation.ground import Mask
    from highwall.simulation.sections import Section
    from highwall.simulation.surface import Surface


def heap_dump(rng: np.random.Generator, surface: Surface, section: Section, free: Mask) -> Mask:
    """Heap a dump on free ground and return its cells.

    The sides rise from the outline at less than the angle of repose and are cut into benches, partly
    washed out; the top is a plane, so that on a hillside the benches run out where the hill reaches it.
    """
    ground = surface.ground
    where = body(ground, oval(rng, ground, section, lobes=7, waviness=0.22), section, free)
    if not where.any():
        return where
    natural = ground.smooth(surface.elevation, 40)
    inward = ground.distance_inside(where)
    slope = rng.uniform(0.25, 0.42)
    step = slope * rng.uniform(30, 65)
    height = min(float(inward.max()) * slope * rng.uniform(0.45, 0.8), rng.uniform(40, 140))
    tilt = ground.turned(section.centre, rng.uniform(0, 2 * np.pi))[0] * np.float32(0.02)
    top = tilt + np.float32(np.median(natural[where]) + height)
    gullies = fractal(rng, ground, outer=120, roughness=1.3, inner=12)

    side = np.minimum(natural + inward * np.float32(slope), np.maximum(top, natural + 2))
    flat = side >= top - 0.3 * step
    patches = fractal(rng, ground, outer=350, roughness=1.7)
    kept = np.clip(rng.uniform(-0.1, 0.7) + 0.25 * patches, 0, 0.7)
    shape = np.where(flat, top + 0.3 * gullies, benched(side + 0.8 * gullies, step, 0.35, kept))
    np.copyto(surface.elevation, shape.astype(np.float32), where=where)

    stripe = kept * stripes(side, step) * ~flat
    cover = np.clip(rng.uniform(0.1, 0.6) + 0.14 * patches, 0, 1)
    tone = 0.10 * stripe + 0.04 * gullies + 0.05 * flat + rng.normal(0, 0.06)
    surface.paint(where, Material.WASTE, Material.OVERBURDEN, cover, tone)
    if rng.random() < 0.35:  # an old one, grown over on its sides
        green = where & ~flat & (patches + 0.5 * gullies - 0.3 * stripe > rng.uniform(-0.6, 1.0))
        surface.paint(green, Material.WASTE, Material.GRASS, np.clip(0.5 + 0.15 * gullies, 0, 0.9), tone)
    return where
