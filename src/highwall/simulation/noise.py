"""Random fields with structure at many scales."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, special

if TYPE_CHECKING:
    from highwall.simulation.ground import Floats, Ground


def fractal(
    rng: np.random.Generator, ground: Ground, *, outer: float, roughness: float = 1.5, inner: float = 0.0
) -> Floats:
    """Return a Gaussian random field of mean 0 and standard deviation about 1, `(row, column)`.

    White noise is filtered to the von Karman amplitude spectrum `(k^2 + outer^-2)^(-roughness/2)`.

    Args:
        rng: where the randomness comes from.
        ground: the raster.
        outer: longest wavelength with structure, in metres.
        roughness: fall of the amplitude with wavenumber; 1 is rough, 2.5 is smooth.
        inner: wavelength in metres below which structure fades out.
    """
    rows, columns = (fft.next_fast_len(n + n // 8 + 8, real=True) for n in ground.shape)  # opposite edges stay unlike
    filtered = np.asarray(fft.rfft2(rng.standard_normal((rows, columns), dtype=np.float32)))
    filtered *= _amplitude((rows, columns), ground.cell, outer=outer, roughness=roughness, inner=inner)
    field = fft.irfft2(filtered, s=(rows, columns), overwrite_x=True)
    return np.ascontiguousarray(field[: ground.shape[0], : ground.shape[1]])


@lru_cache(maxsize=32)  # the fields that span a site come back for every site of that size
def _amplitude(shape: tuple[int, int], cell: float, *, outer: float, roughness: float, inner: float) -> Floats:
    """Return the filter of `fractal` on the half spectrum, scaled so that the field has unit variance."""
    rows, columns = shape
    ky = fft.fftfreq(rows, cell).astype(np.float32)[:, None]
    kx = fft.rfftfreq(columns, cell).astype(np.float32)[None, :]
    square = ky**2 + kx**2
    amplitude = (square + np.float32(outer**-2)) ** np.float32(-roughness / 2)
    if inner:
        amplitude *= np.exp(-square * np.float32(inner**2))
    amplitude[0, 0] = 0
    power = amplitude**2
    power[:, 1:-1] *= 2  # the half spectrum stands for both halves
    return np.asarray(amplitude / np.sqrt(power.sum() / (rows * columns)), dtype=np.float32)


def uniform(field: Floats) -> Floats:
    """Turn a Gaussian field of mean 0 and standard deviation 1 into one whose values are spread evenly over 0 to 1."""
    even: Floats = special.ndtr(field)
    return even


def wavy_circle(
    rng: np.random.Generator, theta: Floats, *, lobes: int, waviness: float, roughness: float = 1.3
) -> Floats:
    """Return the radius at angles `theta` of a closed curve about the unit circle.

    A random Fourier series over 2 to `lobes` waves around the circle, with amplitudes that fall as
    `wave^-roughness` and a standard deviation of about `waviness`.
    """
    waves = np.arange(2, lobes + 1)
    amplitude = waves**-roughness * rng.standard_normal(len(waves))
    amplitude *= waviness / np.sqrt((waves ** (-2 * roughness)).sum() / 2)
    phase = rng.uniform(0, 2 * np.pi, len(waves))
    around = np.linspace(-np.pi, np.pi, 721)
    radius = 1 + (amplitude[:, None] * np.cos(waves[:, None] * around + phase[:, None])).sum(0)
    looked_up = np.interp(theta, around, np.clip(radius, 0.35, 2.0))
    return np.asarray(looked_up, dtype=np.float32)
