"""The shape of the land, and how the sun falls on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.interpolate import RectBivariateSpline

from highwall.simulation.drainage import carve
from highwall.simulation.ground import Ground
from highwall.simulation.noise import fractal

if TYPE_CHECKING:
    from highwall.simulation.ground import Floats, Mask


_NODE: Final = 40.0
"""Metres between the nodes on which water carves the land."""

_BEYOND: Final = 25
"""Nodes around the ground that belong to the same land, so that rivers come from somewhere."""


def relief(rng: np.random.Generator, ground: Ground, height: float) -> Floats:
    """Return elevations in metres: ridges, spurs and branching valleys, about `height` metres from floor to crest.

    A rough land rises, water carves it and soil creeps down its slopes, fast or slowly: some sites
    are full of gullies, others have a few smooth hills.
    """
    rows, columns = (int(n * ground.cell / _NODE) + 2 + 2 * _BEYOND for n in ground.shape)
    nodes = Ground((rows, columns), _NODE)
    raw = fractal(rng, nodes, outer=6000, roughness=rng.uniform(1.3, 1.7))
    erodibility, creep = np.exp(rng.uniform(np.log((0.2, 0.42)), np.log((0.5, 0.8))))
    carved = carve(rng, raw, steps=18, uplift=rng.uniform(0.2, 0.5), erodibility=erodibility, creep=creep)
    low, high = np.quantile(carved[1:-1, 1:-1], (0.02, 0.98))
    carved *= np.float32(height / (high - low))
    detail = fractal(rng, ground, outer=250, roughness=2.0, inner=30)
    return _between(nodes, carved, ground) + np.float32(0.005 * height) * detail


def _between(nodes: Ground, values: Floats, ground: Ground) -> Floats:
    """Interpolate values at nodes smoothly to the cells of the ground that lies `_BEYOND` nodes inside."""
    shift = _BEYOND * nodes.cell
    smooth = RectBivariateSpline(nodes.y[:, 0] - shift, nodes.x[0] - shift, values)
    return np.asarray(smooth(ground.y[:, 0], ground.x[0]), dtype=np.float32)


def wetness(ground: Ground, elevation: Floats) -> Floats:
    """Return how far the land lies below its surroundings, in standard deviations: valleys are positive."""
    hollow = ground.smooth(elevation, 160) - elevation
    return np.asarray(hollow / (hollow.std() + 1e-6), dtype=np.float32)


def steepness(ground: Ground, elevation: Floats) -> Floats:
    """Return the slope as rise over run, 0 where flat."""
    down, right = np.gradient(elevation, ground.cell)
    return np.asarray(np.hypot(down, right), dtype=np.float32)


def benched(elevation: Floats, step: float, tread: float = 0.5, kept: Floats | float = 1.0) -> Floats:
    """Cut a slope into horizontal benches `step` metres apart.

    Args:
        elevation: the slope in metres, `(row, column)`.
        step: metres.
        tread: flat share of each bench.
        kept: how much of the benches is left, from 0 where all has slumped and washed out to 1.
    """
    level = elevation / np.float32(step)
    floor = np.floor(level)
    rise = np.clip((level - floor - np.float32(tread)) / np.float32(1 - tread), 0, 1)
    return np.asarray(elevation + np.asarray(kept) * ((floor + rise) * np.float32(step) - elevation), dtype=np.float32)


def stripes(elevation: Floats, step: float) -> Floats:
    """Return a wave over elevation, 1 on the treads of benches and -1 on their faces."""
    return np.asarray(np.cos(2 * np.pi * (elevation / np.float32(step) - 0.22)), dtype=np.float32)


def incidence(ground: Ground, elevation: Floats, azimuth: float, altitude: float) -> Floats:
    """Return the cosine of the angle between the sun and the surface normal, 0 where it faces away.

    Args:
        ground: the raster.
        elevation: metres, `(row, column)`.
        azimuth: where the sun stands, in degrees clockwise from north.
        altitude: height of the sun above the horizon, in degrees.
    """
    down, right = np.gradient(elevation, ground.cell)
    az, alt = np.radians(azimuth), np.radians(altitude)
    east, north, up = np.sin(az) * np.cos(alt), np.cos(az) * np.cos(alt), np.sin(alt)
    cosine = (up - right * east + down * north) / np.sqrt(1 + down**2 + right**2)
    return np.asarray(np.clip(cosine, 0, None), dtype=np.float32)


def cast_shadow(ground: Ground, elevation: Floats, azimuth: float, altitude: float, reach: float = 300.0) -> Mask:
    """Return where higher ground within `reach` metres towards the sun hides it."""
    az = np.radians(azimuth)
    climb = np.tan(np.radians(altitude))
    shadow = np.zeros(ground.shape, bool)
    for away in np.arange(2, reach / ground.cell, 2):
        rows, columns = round(-np.cos(az) * away), round(np.sin(az) * away)
        towards = _shifted(elevation, rows, columns)
        shadow |= towards - elevation > climb * away * ground.cell
    return shadow


def _shifted(field: Floats, rows: int, columns: int) -> Floats:
    """Return the field as seen `rows` down and `columns` to the right, its edge repeated."""
    height, width = field.shape
    down = np.clip(np.arange(height) + rows, 0, height - 1)
    right = np.clip(np.arange(width) + columns, 0, width - 1)
    return field[down][:, right]
