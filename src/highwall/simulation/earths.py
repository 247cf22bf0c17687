"""The colours of a mine on real ground: any rock, and plants and soil like those around it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from highwall.simulation import spectra
from highwall.simulation.sensor import PATH_REFLECTANCE
from highwall.simulation.spectra import LITHOLOGIES, Lithology, Material, Palette, palette

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.simulation.ground import Floats

BROWN: Final[spectra.Spectrum] = (0.070, 0.105, 0.130, 0.075, 0.014, 0.009)
PALE: Final[spectra.Spectrum] = (0.130, 0.160, 0.165, 0.085, 0.015, 0.010)
"""Set by hand like the waters of `spectra`."""

_WATERS: Final = (
    spectra.TURQUOISE, spectra.GREEN, spectra.MILKY, spectra.RED, spectra.YELLOW, spectra.ORANGE, spectra.GREY,
    spectra.DARK, spectra.DARK, BROWN, PALE,
)  # fmt: skip

_EARTHS: Final = (
    Material.ROCK,
    Material.ORE,
    Material.WASTE,
    Material.OVERBURDEN,
    Material.TAILINGS,
    Material.WET_TAILINGS,
)
"""What comes out of the ground."""

SAND: Final = Lithology(
    "sand",
    (0.150, 0.190, 0.235, 0.290, 0.360, 0.320),
    (0.075, 0.100, 0.145, 0.205, 0.290, 0.250),
    (0.180, 0.220, 0.265, 0.320, 0.390, 0.345),
    (spectra.GREEN, BROWN, spectra.DARK),
)
"""Set by hand after the sand pits of Virginia and central Germany, less their haze."""

_BRIGHTEST: Final = 0.72
"""No ground of a mine is brighter, in any band."""


def haze_of(pixels: Floats) -> float:
    """Estimate `Light.haze` of real pixels `(band, pixel)`, six default bands, from the darkest ones.

    Dark-object subtraction (Chavez 1988, Remote Sensing of Environment 24): shade and clear water
    reflect about 0.018 in blue, 0.022 in green and 0.014 in red; what is above that, the air has added.
    """
    if pixels.shape[1] == 0:
        return 0.0
    dark = np.quantile(pixels[:3, :: max(pixels.shape[1] // 20_000, 1)], 0.01, axis=1)
    above = (dark - np.array([0.018, 0.022, 0.014])) / PATH_REFLECTANCE[:3]
    return float(np.clip(above.min(), 0, 1.6))


def without_haze(pixels: Floats, haze: float) -> Floats:
    """Take from pixels `(band, ...)` what `sensor.observe` adds."""
    path = (haze * PATH_REFLECTANCE).reshape(6, *[1] * (pixels.ndim - 1))
    return np.asarray((pixels - path) / (1 - 0.6 * path), dtype=np.float32)


def is_water(clear: Floats) -> NDArray[np.bool_]:
    """Tell where reflectance without haze `(band, y, x)` is that of water: dark beyond the red, darkest in B11."""
    water: NDArray[np.bool_] = (clear[3] < 0.09) & (clear[4] < 0.05) & (clear[4] < clear[1])
    return water


def blended(rng: np.random.Generator) -> Lithology:
    """Draw a rock: one of those known, or something between two of them."""
    known = [*LITHOLOGIES.values(), SAND, SAND]
    one, other = (known[int(rng.integers(len(known)))] for _ in range(2))
    share = float(rng.beta(0.5, 0.5))

    def between(name: str) -> spectra.Spectrum:
        mix = (1 - share) * np.array(getattr(one, name)) + share * np.array(getattr(other, name))
        b02, b03, b04, b08, b11, b12 = mix.tolist()
        return b02, b03, b04, b08, b11, b12

    rock, overburden, tailings = (between(name) for name in ("rock", "overburden", "tailings"))
    return replace(one, rock=rock, overburden=overburden, tailings=tailings, waters=_WATERS)


def local_palette(rng: np.random.Generator, around: Floats) -> Palette:
    """Draw the materials of a mine on real ground.

    Brightness and colour are drawn anew for every mine, from darker than the land to much brighter: they are no cue.

    Args:
        rng: where the randomness comes from.
        around: reflectance of the real pixels without haze, `(band, pixel)`; six default bands.
    """
    drawn = palette(rng, blended(rng), float(rng.uniform(0, 1)))
    means = drawn.means.astype(np.float64)
    plants, soil = _local(around)
    for material, spectrum in plants.items():
        means[material] = spectrum
    likeness = rng.uniform(0.2, 0.9)
    for material in (Material.SOIL, Material.TRACK, Material.DARK_SOIL):
        means[material] += likeness * (soil - means[material])
    means[Material.TRACK] *= rng.uniform(1.0, 1.5)
    kin = rng.uniform(0, 0.6) if rng.random() < 0.6 else 0.0  # the land is made of the same rock
    earths = list(_EARTHS)
    means[earths] += kin * (soil * means[earths].mean(1, keepdims=True) / soil.mean() - means[earths])
    gain = np.exp(rng.normal(-0.25, 0.5)) * np.exp(rng.normal(0, 0.15, (len(earths), 1)))
    tilt = np.exp(rng.normal(0, 0.15) * np.linspace(-1, 1, 6) + rng.normal(0, 0.08, 6))
    means[earths] *= gain * tilt
    means[Material.PROCESS_WATER] = _water(rng)
    means[Material.PIT_WATER] = _water(rng) if rng.random() < 0.4 else means[Material.PIT_WATER]
    peak = means[earths].max(axis=1, keepdims=True)
    means[earths] *= np.minimum(1, _BRIGHTEST / peak)
    return Palette(np.clip(means, 0.002, 0.9).astype(np.float32), drawn.spreads)


def _water(rng: np.random.Generator) -> np.ndarray:
    one, other = (np.array(_WATERS[int(rng.integers(len(_WATERS)))]) for _ in range(2))
    share = rng.beta(0.5, 0.5)
    mixed: np.ndarray = (
        (one ** (1 - share) * other**share) * np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.05, 6))
    )
    return mixed


def _local(around: Floats) -> tuple[dict[Material, np.ndarray], np.ndarray]:
    """Return spectra of the plants around, as far as there are any, and of bare ground or what comes closest."""
    default = np.array(spectra.BASE[Material.SOIL][0])
    some = around[:, :: max(around.shape[1] // 20_000, 1)].astype(np.float64)
    some = some[:, (some[3] > 0.06) & (some[4] > 0.04)]  # no water
    if some.shape[1] < 50:
        return {}, default
    greenness = (some[3] - some[2]) / np.maximum(some[3] + some[2], 1e-3)
    order = some[:, np.argsort(greenness)]
    count = order.shape[1]
    green = order[:, int(0.75 * count) :]
    plants = {}
    if np.median(green[3]) > 2 * np.median(green[2]):
        tall = green[:, green[4] <= np.median(green[4])]
        low = order[:, int(0.45 * count) : int(0.85 * count)]
        plants = {Material.GRASS: low, Material.SHRUB: green, Material.FOREST: tall}
    return {m: np.median(p, axis=1) for m, p in plants.items()}, np.median(
        order[:, : max(int(0.15 * count), 1)], axis=1
    )
