"""From what lies on the ground to what the satellite records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

from highwall.simulation.noise import fractal
from highwall.simulation.spectra import WATERS
from highwall.simulation.terrain import cast_shadow, incidence

if TYPE_CHECKING:
    from highwall.simulation.ground import Floats, Mask
    from highwall.simulation.spectra import Palette
    from highwall.simulation.surface import Surface

PIXEL: Final = 10.0
"""Metres on the ground."""

PATH_REFLECTANCE: Final = np.array([0.070, 0.040, 0.020, 0.008, 0.002, 0.001], np.float32)
"""What a clear atmosphere scatters into the view, per band, where it isn't corrected.

Falls about with the fourth power of the wavelength (Rayleigh); the level is set by hand after the
darkest water and shade of the top-of-atmosphere scenes of Virginia and Brasilia."""

SKYLIGHT: Final = np.array([0.30, 0.24, 0.19, 0.15, 0.12, 0.10], np.float32)
"""Share of the light that comes from the sky and the slopes opposite, not the sun; set by hand."""

ROUGHNESS: Final = 0.8
"""Power of the sun's incidence that rough ground and canopies return, 1 for a matt plane (the exponent of
Minnaert 1941, Astrophysical Journal 93); set by hand."""

NOISE: Final = np.array([0.0012, 0.0011, 0.0011, 0.0014, 0.0012, 0.0010], np.float32)
"""Standard deviation of the noise in reflectance. Signal to noise is 142 to 174 at reference radiance
by requirement (ESA, Sentinel-2 User Handbook, issue 1.2, 2015) and about this much at dark targets."""


@dataclass(frozen=True)
class Light:
    """Sun and air of a site."""

    azimuth: float
    """Of the sun, in degrees clockwise from north."""

    altitude: float
    """Of the sun above the horizon, in degrees."""

    haze: float
    """Share of `PATH_REFLECTANCE` left in the image: 0 after correction, 1 for a clear day, more in haze."""


def reflect(rng: np.random.Generator, surface: Surface, colours: Palette, light: Light) -> Floats:
    """Return what leaves the ground, `(band, row, column)`: materials mixed, varied, lit."""
    ground = surface.ground
    share = surface.share[None]
    means = np.ascontiguousarray(colours.means.T)
    mixed = means[:, surface.first]
    mixed += share * (means[:, surface.second] - mixed)
    coarse = fractal(rng, ground, outer=400, roughness=1.7)
    fine = rng.standard_normal(ground.shape, dtype=np.float32)
    spread = colours.spreads[surface.first]
    tilt = np.linspace(-0.5, 0.5, 6, dtype=np.float32)[:, None, None]
    tone = surface.tone + spread * (np.float32(0.45) * coarse + np.float32(0.6) * fine)
    colour = spread * np.float32(0.4) * fractal(rng, ground, outer=500, roughness=1.3)
    mixed *= np.exp(tone) * (1 + tilt * colour)
    level = np.isin(surface.first, WATERS)
    return np.asarray(mixed * _illumination(surface, light, level), dtype=np.float32)


def _illumination(surface: Surface, light: Light, level: Mask) -> Floats:
    """Return the light on each cell over that on level ground, `(band, row, column)`."""
    ground = surface.ground
    cosine = incidence(ground, surface.elevation, light.azimuth, light.altitude)
    hidden = cast_shadow(ground, surface.elevation, light.azimuth, light.altitude)
    direct = np.where(hidden, 0, cosine / np.float32(np.sin(np.radians(light.altitude))))
    direct = np.where(level, 1, np.clip(direct, 0, 1.8) ** ROUGHNESS).astype(np.float32)
    sky = SKYLIGHT[:, None, None]
    return np.asarray(sky + (1 - sky) * direct, dtype=np.float32)


def observe(rng: np.random.Generator, leaving: Floats, cell: float, haze: float) -> Floats:
    """Return the image `(6, y, x)` of 10 m pixels that the sensor makes of finer cells.

    The point spread is a Gaussian of 0.5 pixels, on top of the pixel's own square; B11 and B12 are
    seen at 20 m and interpolated back. Then come haze, whose density varies over kilometres, and noise.
    """
    factor = round(PIXEL / cell)
    blurred = ndimage.gaussian_filter(leaving, (0, 0.5 * factor, 0.5 * factor), truncate=3)
    pixels = block_mean(blurred, factor)
    pixels[4:] = at_20_m(pixels[4:])
    air = np.float32(haze) * (1 + 0.06 * _drift(rng, pixels.shape[1:]))
    hazy = pixels * (1 - 0.6 * PATH_REFLECTANCE[:, None, None] * air) + PATH_REFLECTANCE[:, None, None] * air
    noisy = hazy + NOISE[:, None, None] * rng.standard_normal(hazy.shape, dtype=np.float32)
    return np.asarray(np.clip(noisy, 0.0001, 1.5), dtype=np.float32)


def block_mean(fine: Floats, factor: int) -> Floats:
    """Return the means over blocks of `factor` x `factor` cells of `(band, row, column)`."""
    bands, rows, columns = fine.shape
    blocks = fine.reshape(bands, rows // factor, factor, columns // factor, factor)
    return np.asarray(blocks.mean((2, 4)), dtype=np.float32)


def at_20_m(pixels: Floats) -> Floats:
    """Return bands `(band, y, x)` of 10 m averaged to 20 m and interpolated back, any size."""
    _, height, width = pixels.shape
    even = np.pad(pixels, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    coarse = ndimage.gaussian_filter(block_mean(even, 2), (0, 0.35, 0.35))
    back = ndimage.zoom(coarse, (1, 2, 2), order=1, grid_mode=True, mode="nearest")
    return np.asarray(back[:, :height, :width], dtype=np.float32)


def _drift(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return a smooth random slope over the image, about -1 to 1."""
    north, east = rng.uniform(-1, 1, 2)
    rows = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    return np.asarray(north * rows + east * columns, dtype=np.float32)
