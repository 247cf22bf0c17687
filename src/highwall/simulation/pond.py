"""Tailings ponds: a dam, and behind it a level fill from beach to water."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from highwall.simulation.noise import fractal
from highwall.simulation.sections import body, oval
from highwall.simulation.spectra import Material
from highwall.simulation.terrain import benched, stripes

if TYPE_CHECKING:
    from highwall.simulation.ground import Floats, Ground, Mask
    from highwall.simulation.sections import Section
    from highwall.simulation.surface import Surface


def dam_pond(rng: np.random.Generator, surface: Surface, section: Section, free: Mask) -> Mask:
    """Build a pond on free ground and return the cells of basin and dam.

    Steep land gets a dam across the valley, straight or curved, flat land a dike all around. The
    dam belongs to the storage, as engineers use the word; it counts in the area.
    """
    ground = surface.ground
    natural = ground.smooth(surface.elevation, 60)
    fall, steep = _slope_at(ground, ground.smooth(natural, section.radius), section.centre)
    downhill = ground.turned(section.centre, fall)[0]
    if steep < rng.uniform(0.0, 0.06):
        where, toe = _ring_dike(rng, ground, section, free)
        away = ground.turned(section.centre, rng.uniform(0, 2 * np.pi))[0]
    else:
        hill = natural - _at(ground, natural, section.centre) + np.float32(0.85 * steep) * downhill
        climb = np.maximum(hill / np.float32(0.3 * section.radius * (steep + 0.12)), np.float32(-0.2))
        where, toe = _valley_dam(rng, ground, climb, replace(section, angle=fall), free)
        away = -downhill
    thick = float(np.clip(section.radius * rng.uniform(0.12, 0.3), 15, 130))
    basin = where & (toe >= thick)
    if not basin.any():  # no room for more than a dam
        return basin
    crest = float(np.quantile(natural[basin], 0.3) + rng.uniform(4, 12))
    surface.elevation[basin] = crest
    _wall(rng, surface, where & ~basin, toe, crest)
    away = np.float32(rng.choice([-1, 1])) * away + np.float32(rng.uniform(0, 1)) * toe
    _fill(rng, surface, basin, away, section)
    return where


def _slope_at(ground: Ground, elevation: Floats, place: tuple[float, float]) -> tuple[float, float]:
    """Return the direction of descent, in radians from the x axis, and the slope at a place."""
    down, right = (_at(ground, np.gradient(elevation, ground.cell, axis=axis), place) for axis in (0, 1))
    return float(np.arctan2(-down, -right)), float(np.hypot(down, right))


def _at(ground: Ground, field: Floats, place: tuple[float, float]) -> float:
    """Return the value of a field at a place (x, y)."""
    return float(field[ground.index(np.array([place]))][0])


def _ring_dike(rng: np.random.Generator, ground: Ground, section: Section, free: Mask) -> tuple[Mask, Floats]:
    """Return the cells of a basin with round corners, and their distance in metres from its outline."""
    along, across = ground.turned(section.centre, section.angle)
    stretch = np.sqrt(section.aspect)
    power = rng.uniform(3, 9)
    square = np.abs(along / stretch) ** power + np.abs(across * stretch) ** power
    wobble = fractal(rng, ground, outer=500, roughness=2, inner=60)
    field = square ** (1 / power) / section.radius + 0.03 * wobble
    where = body(ground, field.astype(np.float32), section, free)
    return where, ground.distance_inside(where)


def _valley_dam(
    rng: np.random.Generator, ground: Ground, climb: Floats, section: Section, free: Mask
) -> tuple[Mask, Floats]:
    """Return the cells of a basin that a dam closes downhill, and their distance in metres from its outer foot.

    The basin shuns cells with a high `climb`, their height above the plane of the general slope: it runs up the valley.
    """
    downhill, beside = ground.turned(section.centre, section.angle)
    upstream = replace(section, angle=section.angle + rng.normal(0, 0.35))
    field = oval(rng, ground, upstream, lobes=9, waviness=0.2)
    bow = np.float32(rng.uniform(-0.25, 0.35) / section.radius)
    toe = np.float32(rng.uniform(0.4, 0.75) * section.radius * section.aspect**0.5) - downhill - bow * beside**2
    where = body(ground, np.where(toe > 0, field + 0.8 * climb, np.inf).astype(np.float32), section, free)
    return where, toe - toe.min(where=where, initial=np.float32(np.inf)) if where.any() else toe


def _wall(rng: np.random.Generator, surface: Surface, dam: Mask, toe: Floats, crest: float) -> None:
    """Raise a dam with benches on its outside and a track along its crest; `toe` is metres from its outer foot."""
    thick = float(toe[dam].max())
    outside = np.clip(toe / thick, 0, 1)
    drop = np.float32(0.32 * thick) * (1 - outside)
    step = rng.uniform(8, 16)
    wall = crest + 3 - benched(drop, step, 0.3, rng.uniform(0.1, 0.6))
    np.copyto(surface.elevation, wall.astype(np.float32), where=dam)
    stuff = Material.WASTE if rng.random() < 0.6 else Material.TAILINGS
    tone = 0.03 * stripes(drop, step)
    surface.paint(dam, stuff, Material.OVERBURDEN, 0.35, 0.08 + tone)
    if rng.random() < 0.35:  # sown with grass
        surface.paint(dam & (outside < 0.8), stuff, Material.GRASS, 0.55, tone)
    surface.paint(dam & (toe > thick - 12), Material.TRACK, Material.TAILINGS, 0.3, 0.1)


def _fill(rng: np.random.Generator, surface: Surface, basin: Mask, away: Floats, section: Section) -> None:
    """Paint a basin from dry beach by wet beach and turbid water to clearer water, as `away` (metres) grows."""
    ground = surface.ground
    radius = section.radius
    first, last = np.quantile(away[basin], [0.02, 0.99])
    warp = fractal(rng, ground, outer=1.2 * radius, roughness=2.0, inner=30)
    spread = fractal(rng, ground, outer=0.7 * radius + 60, roughness=1.7, inner=10)
    course = (away - first) / max(float(last - first), 1.0) + 0.10 * warp + 0.02 * spread
    covered = rng.beta(0.9, 1.1)  # share of the basin under water
    depth = course - np.quantile(course[basin], 1 - covered)  # below zero: height above the water

    along, across = ground.turned(section.centre, rng.uniform(0, 2 * np.pi))
    outlet = np.float32(-radius * rng.uniform(0.8, 2.5))
    fan = _rays(rng, np.arctan2(across, along - outlet) + 0.03 * warp)
    damp = np.exp(np.minimum(depth, 0) / rng.uniform(0.08, 0.4))
    wet = np.clip(damp * (1 + 0.3 * spread) + 0.22 * fan + rng.uniform(0, 0.2), 0, 1)
    surface.paint(basin, Material.TAILINGS, Material.WET_TAILINGS, wet, 0.08 * fan + 0.03 * spread)

    mud = np.exp(-np.maximum(depth, 0) / rng.uniform(0.02, 0.12))
    surface.paint(basin & (depth > 0), Material.PROCESS_WATER, Material.WET_TAILINGS, mud, 0.03 * spread)
    clear = np.clip((depth - rng.uniform(0.1, 0.5)) / 0.3, 0, rng.uniform(0.2, 1))
    surface.paint(basin & (mud < 0.05), Material.PROCESS_WATER, Material.PIT_WATER, clear, 0.03 * spread)


def _rays(rng: np.random.Generator, angle: Floats) -> Floats:
    """Return streaks that fan out from a point, with mean 0 and standard deviation 1 around the full circle."""
    fine, broad = (ndimage.gaussian_filter1d(rng.standard_normal(720), width, mode="wrap") for width in (1.0, 5.0))
    streaks = fine / fine.std() + broad / broad.std()
    around = np.linspace(-np.pi, np.pi, 720)
    return np.asarray(np.interp(angle, around, streaks / streaks.std(), period=2 * np.pi), dtype=np.float32)
