"""Real texture on what was rendered, and decoys: fields and lakes laid over real ground as mines are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

from highwall.image import Image
from highwall.simulation.earths import haze_of, local_palette
from highwall.simulation.sensor import NOISE, PATH_REFLECTANCE, PIXEL
from highwall.simulation.spectra import Material

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.simulation.ground import Floats

_FIELDS: Final = (
    Material.SOIL,
    Material.DARK_SOIL,
    Material.STUBBLE,
    Material.OVERBURDEN,
    Material.WASTE,
    Material.TRACK,
)
"""What bare fields are made of: of the mines' own materials too, so that colour alone is no cue."""


def texture_of(donor: Floats, width: float) -> Floats:
    """Return how far real pixels `(band, y, x)` lie from their surroundings of `width` pixels, as a share of them."""
    around = ndimage.gaussian_filter(donor, (0, width, width))
    share: Floats = np.clip(donor / np.maximum(around, 1e-3) - 1, -0.6, 1.0).astype(np.float32)
    return np.where(donor > 0, share, 0)


def textured(rng: np.random.Generator, pixels: Floats, donor: Floats, covered: Floats) -> Floats:
    """Give pixels `(band, y, x)` the texture of other, real ones, as far as they are covered `(y, x)`.

    Contrast and width of the texture are drawn anew each time.
    """
    share = texture_of(donor, float(np.exp(rng.uniform(np.log(1.5), np.log(6)))))
    strength = np.float32(rng.uniform(0.2, 1.2))
    mixed: Floats = np.clip(pixels * (1 + strength * covered * share), 0.0001, 1.5).astype(np.float32)
    return np.where(covered > 0, mixed, pixels)


def lay_decoys(rng: np.random.Generator, image: Image, taken: NDArray[np.bool_], donor: Floats) -> Image:
    """Lay fields of bare ground, and lakes, over a real image: what is laid over ground need be no mine.

    Args:
        rng: where the randomness comes from.
        image: reflectance of the six default bands in pixels of about 10 m.
        taken: what stays as it is, `(y, x)`.
        donor: real pixels of another place that the decoys get their texture from.
    """
    pixels, free = image.pixels, image.valid & ~taken
    if not free.any():
        return image
    haze = haze_of(pixels[:, image.valid])
    for _ in range(int(rng.integers(1, 5))):
        palette = local_palette(rng, pixels[:, image.valid])
        lake = rng.random() < 0.25
        material = Material.CLEAR_WATER if lake else _FIELDS[int(rng.integers(len(_FIELDS)))]
        inside = _lake(rng, image.shape) if lake else _field(rng, image.shape)
        share = ndimage.gaussian_filter(inside.astype(np.float32), 0.6) * free
        share = np.where(share < 1e-3, 0, share).astype(np.float32)
        air = np.float32(haze) * PATH_REFLECTANCE[:, None, None]
        rough = 1 + np.float32(rng.uniform(0, 0.08)) * ndimage.gaussian_filter(rng.standard_normal(image.shape), 4)
        colour = palette.means[material][:, None, None] * rough.astype(np.float32) * (1 - 0.6 * air) + air
        noise = NOISE[:, None, None] * rng.standard_normal(pixels.shape, dtype=np.float32)
        laid = np.clip((1 - share) * pixels + share * (colour + noise), 0.0001, 1.5).astype(np.float32)
        pixels = np.where(share > 0, textured(rng, laid, donor, share), pixels)
    return Image(pixels, image.valid, image.bands, image.geobox)


def _field(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Draw a rectangle of 60 to 700 metres, turned, or now and then a round field."""
    along, across = _axes(rng, shape)
    sides = np.exp(rng.uniform(np.log(60), np.log(700), 2)) / PIXEL / 2
    if rng.random() < 0.15:
        return np.asarray(np.hypot(along, across) < sides.min())
    return np.asarray((np.abs(along) < sides[0]) & (np.abs(across) < max(sides[1], sides[0] / 4)))


def _lake(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Draw a body with a wavy shore."""
    along, across = _axes(rng, shape)
    radius = np.exp(rng.uniform(np.log(40), np.log(500))) / PIXEL
    wavy = ndimage.gaussian_filter(rng.standard_normal(shape), max(radius / 3, 1))
    wavy = 0.35 * wavy / max(float(wavy.std()), 1e-6)
    return np.asarray(np.hypot(along, across * np.exp(rng.uniform(0, 1))) < radius * (1 + wavy))


def _axes(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pixels along and across a random direction, from a random centre."""
    angle = rng.uniform(0, np.pi)
    y = np.arange(shape[0])[:, None] - rng.uniform(0, shape[0])
    x = np.arange(shape[1])[None, :] - rng.uniform(0, shape[1])
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
