"""Land that looks like a mine from above and is none: shores, deserts, salt, bare fields, roofs, building sites."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from highwall.simulation.built import build_town
from highwall.simulation.farming import PARCELS, divide
from highwall.simulation.noise import fractal, uniform
from highwall.simulation.spectra import WATERS, Material
from highwall.simulation.waters import run_river

if TYPE_CHECKING:
    from highwall.simulation.surface import Surface


class Scenery(StrEnum):
    """What a barren site shows."""

    COAST = "coast"
    DUNES = "dunes"
    SALT = "salt"
    SALTWORKS = "saltworks"
    WADI = "wadi"
    FIELDS = "fields"
    ROOFS = "roofs"
    BUILDING = "building"


def lay_out(rng: np.random.Generator, surface: Surface, scenery: Scenery) -> None:
    """Change a site's land to a scenery."""
    match scenery:
        case Scenery.COAST:
            _coast(rng, surface)
        case Scenery.DUNES:
            _dunes(rng, surface)
        case Scenery.SALT:
            _salt(rng, surface)
        case Scenery.SALTWORKS:
            _saltworks(rng, surface)
        case Scenery.WADI:
            _wadi(rng, surface)
        case Scenery.FIELDS:
            _fields(rng, surface)
        case Scenery.ROOFS:
            _roofs(rng, surface)
        case Scenery.BUILDING:
            _building(rng, surface)


def _coast(rng: np.random.Generator, surface: Surface) -> None:
    """Sea on one side, surf, a beach, and sand behind it under grass; sometimes a lagoon, sometimes rocks."""
    ground = surface.ground
    inland = ground.turned((ground.size[0] / 2, ground.size[1] / 2), rng.uniform(0, 2 * np.pi))[0]
    bays = fractal(rng, ground, outer=2500, roughness=2.1, inner=40)
    ragged = fractal(rng, ground, outer=200, roughness=1.4)
    away = (
        inland
        + np.float32(rng.uniform(30, 250)) * bays
        + 6 * ragged
        - np.float32(rng.uniform(-0.3, 0.3) * ground.size[0])
    )
    beach = np.float32(rng.lognormal(4.0, 0.6)) * np.exp(0.4 * bays)
    back = np.float32(rng.lognormal(4.6, 0.8)) * np.exp(0.5 * ragged)
    surface.paint(
        (away > 0) & (away < beach + back),
        Material.SAND,
        Material.GRASS,
        np.clip(0.45 + 0.3 * ragged, 0, 1),
        0.05 * ragged,
    )
    surface.paint((away > 0) & (away < beach), Material.SAND, Material.SOIL, 0.1, 0.05 * ragged)
    wet = (away > 0) & (away < np.minimum(beach, rng.uniform(10, 60)))
    surface.paint(wet, Material.SAND, Material.TURBID_WATER, 0.4, -0.25)
    shallow = np.exp(np.minimum(away, 0) / np.float32(rng.lognormal(4.5, 0.8)))
    surface.paint(away <= 0, Material.CLEAR_WATER, Material.TURBID_WATER, shallow, 0.04 * ragged)
    surf = (away <= 0) & (away > -rng.uniform(0, 40)) & (ragged > 0.5)
    surface.paint(surf, Material.CLEAR_WATER, Material.SALT, 0.4)
    surface.elevation[away <= 0] = surface.elevation.min()
    surface.elevation[away > 0] = np.minimum(surface.elevation, surface.elevation.min() + 0.06 * away)[away > 0]


def _dunes(rng: np.random.Generator, surface: Surface) -> None:
    """Sand in waves, from a sheet with ripples to high dunes; gravel plains between them."""
    ground = surface.ground
    angle = rng.uniform(0, np.pi)
    bend = fractal(rng, ground, outer=1500, roughness=2.0, inner=60)
    broken = fractal(rng, ground, outer=400, roughness=1.6)
    length = rng.uniform(120, 700)
    across = ground.turned((0, 0), angle)[0] + np.float32(0.35 * length) * bend + np.float32(0.12 * length) * broken
    wave = np.abs(np.sin(np.float32(np.pi / length) * across))
    height = length * rng.uniform(0.01, 0.08)
    covered = uniform(bend + 0.5 * broken) < rng.uniform(0.4, 1.2)
    surface.elevation += np.where(covered, np.float32(height) * (1 - wave), 0).astype(np.float32)
    surface.paint(
        covered,
        Material.SAND,
        Material.SOIL,
        np.clip(0.25 * wave + 0.1 * broken, 0, 1),
        0.08 * (0.5 - wave) + 0.03 * broken,
    )
    surface.paint(~covered, Material.SOIL, Material.OUTCROP, np.clip(0.4 + 0.3 * broken, 0, 1), 0.06 * broken)


def _salt(rng: np.random.Generator, surface: Surface) -> None:
    """A flat pan, white where dry, with mud, brine and a ring of darker ground; its shore is crisp."""
    ground = surface.ground
    _flatten(surface)
    spread = fractal(rng, ground, outer=2500, roughness=2.2, inner=40)
    stain = fractal(rng, ground, outer=600, roughness=1.8)
    middle = rng.uniform(0.1, 0.9, 2) * ground.size
    away = np.hypot(ground.x - middle[0], ground.y - middle[1]) / np.float32(rng.uniform(300, 1500))
    field = away - 0.4 * spread + 0.03 * stain
    surface.paint(field < 1.15, Material.DARK_SOIL, Material.SAND, np.clip(0.5 + 0.3 * stain, 0, 1), 0.05 * stain)
    pan = field < 1
    crust = np.clip(rng.uniform(0, 0.6) + 0.12 * stain + 0.3 * field, 0, 1)
    surface.paint(pan, Material.SALT, Material.SAND if rng.random() < 0.5 else Material.DARK_SOIL, crust, 0.04 * stain)
    if rng.random() < 0.6:
        brine = pan & (field + 0.25 * stain < rng.uniform(0.0, 0.8))
        surface.paint(brine, _brine(rng), Material.SALT, np.clip(0.2 + 0.2 * stain, 0, 0.7), 0.05 * stain)


def _saltworks(rng: np.random.Generator, surface: Surface) -> None:
    """Rows of evaporation ponds behind low dikes, from green through pink to white crusts."""
    ground = surface.ground
    _flatten(surface)
    ponds = divide(rng, ground, rng.uniform(100, 500), rng.uniform(60, 300), wander=rng.uniform(0, 30))
    spread = fractal(rng, ground, outer=3000, roughness=2.0, inner=80)
    works = spread > rng.uniform(-1.0, 0.6)
    ripe = rng.random(PARCELS).astype(np.float32)[ponds.number]
    stain = fractal(rng, ground, outer=250, roughness=1.5)
    surface.paint(works, Material.SALT, Material.DARK_SOIL, np.clip(0.8 - ripe + 0.15 * stain, 0, 1), 0.03 * stain)
    for kind, low, high in (
        (Material.CLEAR_WATER, 0.0, 0.25),
        (Material.TURBID_WATER, 0.25, 0.45),
        (_brine(rng), 0.45, 0.75),
    ):
        inside = works & (ripe >= low) & (ripe < high)
        surface.paint(inside, kind, Material.SALT, np.clip(0.5 * (ripe - low) + 0.04 * stain, 0, 0.5))
    dike = works & (ponds.edge < 7)
    surface.paint(dike, Material.SOIL, Material.TRACK, 0.5)


def _wadi(rng: np.random.Generator, surface: Surface) -> None:
    """Dry river beds of sand and gravel, one wide, some narrow."""
    for _ in range(int(rng.integers(1, 4))):
        run_river(rng, surface, float(rng.lognormal(4.6, 0.6)), float(rng.uniform(0.75, 1)))
    dried = np.isin(surface.first, (Material.FOREST, Material.CANOPY_SHADE)) & (rng.random() < 0.7)
    surface.paint(dried, Material.SHRUB, Material.SAND, 0.5, surface.tone)


def _fields(rng: np.random.Generator, surface: Surface) -> None:
    """Large fields, most of them ploughed, harvested or bare in bright soil; some are round, under pivots."""
    ground = surface.ground
    size = rng.uniform(150, 700)
    parcels = divide(rng, ground, size, rng.uniform(0.5, 1) * size, wander=rng.choice([0.0, size / 8]))
    kinds = np.array(
        [Material.SOIL, Material.SAND, Material.STUBBLE, Material.DARK_SOIL, Material.CROP, Material.GRASS]
    )
    use = kinds[rng.choice(6, PARCELS, p=[0.4, 0.13, 0.17, 0.08, 0.14, 0.08])].astype(np.uint8)
    patchy = fractal(rng, ground, outer=200, roughness=1.3)
    rows = np.sin(parcels.along * np.float32(2 * np.pi / rng.uniform(20, 45)))
    tone = rng.normal(0.1, 0.22, PARCELS).astype(np.float32)[parcels.number] + 0.05 * rows + 0.05 * patchy
    share = rng.beta(1, 3, PARCELS).astype(np.float32)[parcels.number]
    wild = fractal(rng, ground, outer=1500, roughness=1.6, inner=60) > rng.uniform(0.6, 2.0)
    farmed = ~wild & ~np.isin(surface.first, WATERS)
    surface.paint(farmed, use[parcels.number], Material.SOIL, np.clip(share + 0.06 * patchy, 0, 1), tone)
    surface.paint(farmed & (parcels.edge < 4), Material.TRACK, Material.GRASS, 0.5)
    for _ in range(int(rng.poisson(1.5)) if rng.random() < 0.4 else 0):
        middle = rng.uniform(0, 1, 2) * ground.size
        pivot = np.hypot(ground.x - middle[0], ground.y - middle[1]) < rng.uniform(150, 450)
        kind = rng.choice([Material.CROP, Material.SOIL, Material.STUBBLE])
        surface.paint(pivot, kind, Material.SOIL, 0.2, 0.05 * patchy)


def _roofs(rng: np.random.Generator, surface: Surface) -> None:
    """Greenhouses in blocks, or halls with yards: large, bright, with straight edges."""
    ground = surface.ground
    glass = rng.random() < 0.5
    blocks = divide(rng, ground, rng.uniform(60, 250), rng.uniform(40, 120), wander=15.0)
    number = blocks.number
    spread = fractal(rng, ground, outer=1800, roughness=1.6, inner=100)
    there = (spread > rng.uniform(-0.5, 1.0)) & ~np.isin(surface.first, WATERS)
    filled = rng.random(PARCELS)[number] < rng.uniform(0.4, 0.95)
    tone = rng.normal(0, 0.2, PARCELS).astype(np.float32)[number]
    surface.paint(there, Material.SOIL if glass else Material.ASPHALT, Material.GRASS, 0.3, tone)
    halls = np.array([Material.BRIGHT_ROOF, Material.BRIGHT_ROOF, Material.DARK_ROOF, Material.CLAY_ROOF])
    roofs = np.uint8(Material.PLASTIC) if glass else halls[rng.integers(4, size=PARCELS)].astype(np.uint8)[number]
    kinds = np.broadcast_to(roofs, ground.shape)
    surface.paint(there & filled & (blocks.edge > (5 if glass else 18)), kinds, Material.SOIL, 0.1, tone)
    if not glass:
        build_town(rng, surface, (float(rng.uniform(0, ground.size[0])), float(rng.uniform(0, ground.size[1]))), 700)


def _building(rng: np.random.Generator, surface: Surface) -> None:
    """Ground stripped for houses, roads or halls beside a town: bright, with straight edges, tracks and first roofs."""
    ground = surface.ground
    for _ in range(int(rng.integers(1, 4))):
        centre = (float(rng.uniform(0, ground.size[0])), float(rng.uniform(0, ground.size[1])))
        build_town(rng, surface, centre, float(rng.uniform(300, 900)))
        along, across = ground.turned(
            (centre[0] + rng.normal(0, 500), centre[1] + rng.normal(0, 500)), rng.uniform(0, np.pi)
        )
        wobble = fractal(rng, ground, outer=150, roughness=1.5)
        half_long, half_wide = rng.uniform(80, 400), rng.uniform(50, 250)
        stripped = np.maximum(np.abs(along) / half_long, np.abs(across) / half_wide) + 0.05 * wobble < 1
        kind = rng.choice([Material.SOIL, Material.SAND, Material.TRACK])
        surface.paint(
            stripped,
            kind,
            Material.OVERBURDEN,
            uniform(wobble + np.float32(rng.normal(0, 1))),
            0.1 * wobble + rng.normal(0.1, 0.15),
        )
        blocks = divide(rng, ground, rng.uniform(30, 90), rng.uniform(30, 70))
        surface.paint(stripped & (blocks.edge < 5), Material.TRACK, Material.ASPHALT, rng.uniform(0, 1))
        roofs = stripped & (rng.random(PARCELS)[blocks.number] < rng.uniform(0, 0.4)) & (blocks.edge > 10)
        surface.paint(roofs, rng.choice([Material.BRIGHT_ROOF, Material.CLAY_ROOF, Material.DARK_ROOF]), None, 0.0, 0.0)


def _flatten(surface: Surface) -> None:
    surface.elevation -= surface.elevation.mean()
    surface.elevation *= np.float32(0.05)


def _brine(rng: np.random.Generator) -> Material:
    return Material.BRINE if rng.random() < 0.6 else Material.TURBID_WATER
