"""Changes of an image that leave its labels true, to learn how scores fall where ground looks otherwise.

Scores on altered tiles whose truth is known teach what a fall of the score looks like without the truth (Deng and Zheng
2021, Are labels always necessary for classifier accuracy evaluation?, CVPR). The alterations stand for what new ground
brings: another calibration, air, sensor, season and soil. Their numbers are set by hand, at sizes that occur.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Change = Callable[[Any, "Sequence[str]", np.random.Generator], Any]
"""From reflectance `(band, y, x)`, the bands' names and random numbers to reflectance of the same shape."""

PATH: Final = {"B02": 0.070, "B03": 0.045, "B04": 0.030, "B08": 0.015, "B11": 0.004, "B12": 0.002}
"""Reflectance that a hazy sky adds (falling with wavelength: Chavez 1988, Remote Sensing of Environment 24)."""

SOIL: Final = {"B02": 0.08, "B03": 0.12, "B04": 0.17, "B08": 0.26, "B11": 0.35, "B12": 0.30}
"""Dry soil."""

SNOW: Final = {"B02": 0.85, "B03": 0.85, "B04": 0.84, "B08": 0.75, "B11": 0.12, "B12": 0.08}
"""Snow: bright to the eye, dark in short-wave infrared."""

_DARKEST: Final = 1e-4
"""Least reflectance of a pixel with data."""


def offset(amount: float) -> Change:
    """Add to all bands, as an offset that was not applied, or twice, does."""
    return lambda pixels, _bands, _rng: np.maximum(pixels + np.float32(amount), _DARKEST)


def light(factor: float) -> Change:
    """Multiply all bands: a higher or lower sun, brighter or darker ground."""
    return lambda pixels, _bands, _rng: pixels * np.float32(factor)


def tint(deviation: float) -> Change:
    """Multiply each band by a random factor, lognormal: other rock and soil, another processing level."""
    return lambda pixels, _bands, rng: pixels * np.exp(rng.normal(0, deviation, (len(pixels), 1, 1))).astype(np.float32)


def haze(thickness: float) -> Change:
    """Add light from the sky and take contrast from the ground."""

    def change(pixels: Any, bands: Sequence[str], _rng: np.random.Generator) -> Any:
        return pixels * np.float32(1 - 0.25 * thickness) + np.float32(thickness) * _spectrum(PATH, bands)

    return change


def noise(deviation: float) -> Change:
    """Add noise of the same strength in all bands."""

    def change(pixels: Any, _bands: Sequence[str], rng: np.random.Generator) -> Any:
        return np.maximum(pixels + rng.normal(0, deviation, pixels.shape).astype(np.float32), _DARKEST)

    return change


def coarsen(factor: int) -> Change:
    """Take the mean of squares of so many pixels a side: a coarser sensor, or resampled pixels."""

    def change(pixels: Any, _bands: Sequence[str], _rng: np.random.Generator) -> Any:
        size = (0, factor, factor)
        valid = ndimage.uniform_filter((pixels != 0).any(0, keepdims=True).astype(np.float32), size, mode="nearest")
        return ndimage.uniform_filter(pixels, size, mode="nearest") / np.maximum(valid, 1 / factor**2)

    return change


def dry(share: float) -> Change:
    """Turn so much of the green into dry soil."""

    def change(pixels: Any, bands: Sequence[str], _rng: np.random.Generator) -> Any:
        bright, stretch = ("B08", 2.0) if "B08" in bands else ("B03", 4.0)
        if not {bright, "B04"} <= set(bands):
            return pixels * np.float32(1 + 0.3 * share)
        red, other = pixels[bands.index("B04")], pixels[bands.index(bright)]
        green = np.clip(stretch * (other - red) / np.maximum(other + red, _DARKEST), 0, 1)
        return pixels + np.float32(share) * green * (_spectrum(SOIL, bands) - pixels)

    return change


def snow(cover: float) -> Change:
    """Lay snow on so much of the ground, in patches of a few hundred metres."""

    def change(pixels: Any, bands: Sequence[str], rng: np.random.Generator) -> Any:
        height = ndimage.gaussian_filter(rng.normal(size=pixels.shape[1:]), 12)
        patches = (height > np.quantile(height, 1 - cover)).astype(np.float32)
        lying = np.float32(0.85) * ndimage.gaussian_filter(patches, 1.5)
        return pixels * (1 - lying) + _spectrum(SNOW, bands) * lying

    return change


CHANGES: Final[Mapping[str, Change]] = {
    "offset not applied": offset(0.1),
    "offset applied twice": offset(-0.05),
    "darker": light(0.6),
    "brighter": light(1.5),
    "haze": haze(1),
    "thick haze": haze(2),
    "noise": noise(0.02),
    "coarser": coarsen(3),
    "other soil": tint(0.15),
    "other rock": tint(0.3),
    "dry season": dry(0.7),
    "snow": snow(0.4),
}
"""By name; the number of a change in `Trials.change` is its place here, from 1."""


def changed(pixels: NDArray[np.float32], bands: Sequence[str], number: int, seed: int) -> NDArray[np.float32]:
    """Make change number so and so, from 1; 0 is the image as it is. Ground without data stays without data.

    Args:
        pixels: reflectance `(band, y, x)`, 0 in all bands where there is no data.
        bands: names of the bands.
        number: which change.
        seed: decides all random numbers.
    """
    if number == 0:
        return pixels
    change = list(CHANGES.values())[number - 1]
    result = change(pixels, bands, np.random.default_rng([seed, number]))
    return np.where((pixels == 0).all(0), np.float32(0), result).astype(np.float32)


def _spectrum(reflectance: Mapping[str, float], bands: Sequence[str]) -> NDArray[np.float32]:
    """Return a spectrum `(band, 1, 1)`; a band without a value takes the mean."""
    mean = sum(reflectance.values()) / len(reflectance)
    return np.array([reflectance.get(band, mean) for band in bands], np.float32)[:, None, None]
