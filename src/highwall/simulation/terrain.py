"""The shape of the land, and how the sun falls on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from highwall.simulation.noise import fractal

if TYPE_CHECKING:
    from highwall.simulation.ground import Floats, Ground, Mask


def relief(rng: np.random.Generator, ground: Ground, height: float) -> Floats:
    """Return elevations in metres: hills between branching valleys, about `height` metres from floor to crest.

    The absolute value of a smooth random field is zero along winding lines, the valleys; a finer
    one of the same kind cuts side valleys into the slopes, less so the lower they lie.
    """
    swell = fractal(rng, ground, outer=6000, roughness=2.6, inner=300)
    valleys = np.abs(fractal(rng, ground, outer=2600, roughness=2.5, inner=130))
    gullies = np.abs(fractal(rng, ground, outer=900, roughness=2.3, inner=70))
    detail = fractal(rng, ground, outer=250, roughness=2.0, inner=30)
    flank = np.tanh(1.2 * valleys)
    return np.float32(height) * (
        np.float32(0.25) * swell
        + np.float32(0.75) * flank
        + np.float32(0.3) * flank * gullies
        + np.float32(0.015) * detail
    )


def wetness(ground: Ground, elevation: Floats) -> Floats:
    """Return how far the land lies below its surroundings, in standard deviations: valleys are positive."""
    hollow = ground.smooth(elevation, 250) - elevation
    return np.asarray(hollow / (hollow.std() + 1e-6), dtype=np.float32)


def steepness(ground: Ground, elevation: Floats) -> Floats:
    """Return the slope as rise over run, 0 where flat."""
    down, right = np.gradient(elevation, ground.cell)
    return np.asarray(np.hypot(down, right), dtype=np.float32)


def benched(elevation: Floats, step: float, tread: float = 0.5) -> Floats:
    """Cut a slope into horizontal benches `step` metres apart; `tread` is the flat share of each."""
    level = elevation / np.float32(step)
    floor = np.floor(level)
    rise = np.clip((level - floor - np.float32(tread)) / np.float32(1 - tread), 0, 1)
    return np.asarray((floor + rise) * np.float32(step), dtype=np.float32)


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
