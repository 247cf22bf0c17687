"""How bright each material is in the six bands.

Shapes of the spectra follow the USGS Spectral Library Version 7 (Kokaly et al. 2017, USGS Data
Series 1035): hematite and goethite absorb blue and green, kaolinite and white mica absorb near
2.2 um and calcite near 2.3 um (B12), green leaves absorb red and scatter near infrared, leaf water
absorbs B11 and B12, water absorbs everything beyond the red. The levels are set by hand after
that library and then checked against real six-band scenes (see `BASE`); none is a measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from highwall.simulation.ground import Floats

Spectrum = tuple[float, float, float, float, float, float]
"""Reflectance in B02, B03, B04, B08, B11, B12."""


class Material(IntEnum):
    """What can lie on the ground."""

    FOREST = 0
    CANOPY_SHADE = auto()
    SHRUB = auto()
    GRASS = auto()
    CROP = auto()
    STUBBLE = auto()
    SOIL = auto()
    DARK_SOIL = auto()
    OUTCROP = auto()
    RIVER_SAND = auto()
    CLEAR_WATER = auto()
    TURBID_WATER = auto()
    ASPHALT = auto()
    BRIGHT_ROOF = auto()
    CLAY_ROOF = auto()
    DARK_ROOF = auto()
    TRACK = auto()
    ROCK = auto()
    ORE = auto()
    WASTE = auto()
    OVERBURDEN = auto()
    TAILINGS = auto()
    WET_TAILINGS = auto()
    PROCESS_WATER = auto()
    PIT_WATER = auto()
    SAND = auto()
    SALT = auto()
    BRINE = auto()
    PLASTIC = auto()


WATERS: Final = (
    Material.CLEAR_WATER, Material.TURBID_WATER, Material.PROCESS_WATER, Material.PIT_WATER, Material.BRINE
)  # fmt: skip
"""Level and without relief."""

BASE: Final[dict[Material, tuple[Spectrum, float]]] = {
    Material.FOREST: ((0.024, 0.044, 0.026, 0.330, 0.165, 0.070), 0.10),
    Material.CANOPY_SHADE: ((0.012, 0.022, 0.012, 0.170, 0.075, 0.032), 0.10),
    Material.SHRUB: ((0.036, 0.055, 0.052, 0.210, 0.190, 0.115), 0.12),
    Material.GRASS: ((0.040, 0.075, 0.055, 0.320, 0.220, 0.125), 0.10),
    Material.CROP: ((0.030, 0.064, 0.038, 0.400, 0.190, 0.095), 0.08),
    Material.STUBBLE: ((0.085, 0.115, 0.150, 0.240, 0.330, 0.250), 0.08),
    Material.SOIL: ((0.078, 0.110, 0.155, 0.245, 0.330, 0.275), 0.10),
    Material.DARK_SOIL: ((0.050, 0.065, 0.085, 0.130, 0.200, 0.170), 0.10),
    Material.OUTCROP: ((0.105, 0.127, 0.152, 0.200, 0.260, 0.225), 0.08),
    Material.RIVER_SAND: ((0.170, 0.215, 0.265, 0.330, 0.400, 0.360), 0.12),
    Material.CLEAR_WATER: ((0.032, 0.030, 0.018, 0.009, 0.005, 0.004), 0.08),
    Material.TURBID_WATER: ((0.065, 0.095, 0.105, 0.060, 0.012, 0.008), 0.08),
    Material.ASPHALT: ((0.090, 0.100, 0.110, 0.130, 0.155, 0.145), 0.12),
    Material.BRIGHT_ROOF: ((0.300, 0.320, 0.340, 0.390, 0.390, 0.350), 0.25),
    Material.CLAY_ROOF: ((0.085, 0.115, 0.165, 0.240, 0.300, 0.270), 0.20),
    Material.DARK_ROOF: ((0.095, 0.105, 0.110, 0.130, 0.150, 0.140), 0.25),
    Material.TRACK: ((0.130, 0.165, 0.215, 0.290, 0.370, 0.330), 0.10),
    Material.PIT_WATER: ((0.038, 0.050, 0.038, 0.016, 0.007, 0.005), 0.06),
    Material.SAND: ((0.190, 0.245, 0.305, 0.370, 0.450, 0.410), 0.05),
    Material.SALT: ((0.480, 0.520, 0.545, 0.560, 0.340, 0.230), 0.05),
    Material.BRINE: ((0.120, 0.115, 0.150, 0.070, 0.015, 0.010), 0.06),
    Material.PLASTIC: ((0.300, 0.310, 0.315, 0.380, 0.330, 0.260), 0.15),
}
"""Mean and relative spread (standard deviation over mean) of what a site's lithology and water don't set.

Set by hand, then compared with the medians of like pixels in real six-band scenes, those of
top-of-atmosphere scenes (Virginia, central Germany, Brasilia, Bordeaux, Milano) less
`sensor.PATH_REFLECTANCE`:

- forest, NDVI over 0.6: Amazon (corrected) 0.024 0.044 0.025 0.290 0.160 0.065, Brasilia 0.028
  0.057 0.055 0.285 0.200 0.112, Bordeaux 0.023 0.050 0.047 0.264 0.193 0.133;
- bare soil, NDVI under 0.25 and B11 over 0.25: African savanna (corrected) 0.099 0.136 0.187 0.276
  0.401 0.318, Brasilia 0.070 0.107 0.169 0.238 0.317 0.238, Virginia 0.069 0.081 0.120 0.186 0.291
  0.221, Bordeaux 0.057 0.081 0.122 0.175 0.275 0.249;
- water: Amazon (corrected) 0.024 0.026 0.021 0.019 0.010 0.006, Brasilia 0.023 0.038 0.030 0.026
  0.019 0.014, Bordeaux 0.032 0.057 0.059 0.025 0.011 0.010.
"""

DRY_GRASS: Final[Spectrum] = (0.075, 0.100, 0.130, 0.225, 0.310, 0.220)
DRY_LEAVES: Final[Spectrum] = (0.040, 0.058, 0.062, 0.200, 0.190, 0.115)
"""What grass, shrub and crops turn towards as the season dries; set by hand like `BASE`."""

MINE_SPREAD: Final = 0.06
"""Relative spread of rock, waste and tailings."""


@dataclass(frozen=True)
class Lithology:
    """What a mine digs in: colours everything of the site that comes out of the ground."""

    name: str
    """Name of the rock."""

    rock: Spectrum
    """Freshly cut walls and floors."""

    overburden: Spectrum
    """Weathered cover above the rock, stripped to dumps and showing in the upper benches."""

    tailings: Spectrum
    """Dry ground rock, on a beach."""

    waters: tuple[Spectrum, ...]
    """Process waters that go with it, one of which a site draws."""


TURQUOISE: Final[Spectrum] = (0.100, 0.175, 0.125, 0.045, 0.012, 0.008)
GREEN: Final[Spectrum] = (0.058, 0.098, 0.066, 0.024, 0.008, 0.006)
MILKY: Final[Spectrum] = (0.190, 0.235, 0.225, 0.130, 0.022, 0.014)
RED: Final[Spectrum] = (0.055, 0.085, 0.170, 0.130, 0.025, 0.016)
YELLOW: Final[Spectrum] = (0.085, 0.140, 0.125, 0.060, 0.014, 0.009)
ORANGE: Final[Spectrum] = (0.050, 0.090, 0.170, 0.120, 0.020, 0.013)
GREY: Final[Spectrum] = (0.105, 0.125, 0.125, 0.080, 0.018, 0.012)
DARK: Final[Spectrum] = (0.030, 0.038, 0.030, 0.014, 0.007, 0.005)
"""Set by hand after the look of real tailings ponds in true colour; beyond the red, water absorbs."""

LITHOLOGIES: Final[dict[str, Lithology]] = {
    rock.name: rock
    for rock in (
        Lithology(
            "granite",
            (0.091, 0.104, 0.119, 0.150, 0.195, 0.176),
            (0.065, 0.089, 0.140, 0.209, 0.296, 0.260),
            (0.136, 0.153, 0.171, 0.198, 0.225, 0.199),
            (GREEN, TURQUOISE, GREY, YELLOW),
        ),
        Lithology(
            "iron ore",
            (0.041, 0.052, 0.089, 0.133, 0.185, 0.168),
            (0.043, 0.065, 0.146, 0.219, 0.313, 0.276),
            (0.066, 0.077, 0.109, 0.137, 0.172, 0.160),
            (RED, DARK, GREEN, ORANGE),
        ),
        Lithology(
            "bauxite",
            (0.054, 0.079, 0.155, 0.231, 0.330, 0.264),
            (0.052, 0.080, 0.164, 0.253, 0.365, 0.299),
            (0.052, 0.079, 0.181, 0.261, 0.330, 0.256),
            (RED, ORANGE, MILKY),
        ),
        Lithology(
            "limestone",
            (0.169, 0.192, 0.218, 0.259, 0.292, 0.240),
            (0.075, 0.103, 0.159, 0.223, 0.304, 0.256),
            (0.224, 0.248, 0.273, 0.306, 0.323, 0.259),
            (TURQUOISE, MILKY),
        ),
        Lithology(
            "copper porphyry",
            (0.088, 0.104, 0.117, 0.143, 0.199, 0.154),
            (0.065, 0.089, 0.133, 0.187, 0.276, 0.220),
            (0.133, 0.153, 0.171, 0.198, 0.240, 0.184),
            (TURQUOISE, GREY, GREEN),
        ),
        Lithology(
            "gold in sandstone",
            (0.088, 0.117, 0.164, 0.217, 0.300, 0.262),
            (0.060, 0.089, 0.156, 0.223, 0.328, 0.288),
            (0.129, 0.160, 0.199, 0.238, 0.292, 0.251),
            (MILKY, GREEN, GREY, YELLOW),
        ),
        Lithology(
            "kaolin",
            (0.205, 0.234, 0.268, 0.314, 0.345, 0.255),
            (0.085, 0.116, 0.185, 0.259, 0.336, 0.272),
            (0.292, 0.323, 0.353, 0.392, 0.390, 0.285),
            (MILKY, TURQUOISE),
        ),
        Lithology(
            "coal",
            (0.035, 0.039, 0.045, 0.062, 0.098, 0.096),
            (0.065, 0.084, 0.118, 0.168, 0.240, 0.210),
            (0.044, 0.048, 0.055, 0.073, 0.102, 0.098),
            (DARK, GREEN, GREY),
        ),
        Lithology(
            "basalt",
            (0.052, 0.058, 0.066, 0.085, 0.125, 0.116),
            (0.049, 0.065, 0.108, 0.166, 0.258, 0.230),
            (0.090, 0.098, 0.109, 0.128, 0.160, 0.147),
            (GREY, GREEN),
        ),
    )
}
"""Levels set by hand after the spectral shapes of the USGS library: iron oxides (iron ore, bauxite,
sandstone), clay and mica at 2.2 um (copper porphyry, kaolin), carbonate at 2.3 um (limestone),
flat and dark (coal, basalt). Then darkened, overburden most and blue most, towards mine ground in
labelled Sentinel-2 tiles of Brazil."""


@dataclass(frozen=True)
class Palette:
    """The materials of one site."""

    means: Floats
    """Reflectance `(material, band)`."""

    spreads: Floats
    """Relative standard deviation `(material,)`."""


def palette(rng: np.random.Generator, lithology: Lithology, vigour: float) -> Palette:
    """Draw the materials of a site.

    Args:
        rng: where the randomness comes from.
        lithology: colours rock, waste, tailings, tracks and, less so, soil and sand.
        vigour: 0 for the end of the dry season, 1 for fresh green.
    """
    means = np.zeros((len(Material), 6))
    spreads = np.full(len(Material), MINE_SPREAD)
    for material, (spectrum, spread) in BASE.items():
        means[material] = spectrum
        spreads[material] = spread
    means[Material.GRASS] = _mixed(DRY_GRASS, means[Material.GRASS], vigour)
    means[Material.SHRUB] = _mixed(DRY_LEAVES, means[Material.SHRUB], 0.3 + 0.7 * vigour)
    means[Material.FOREST] = _mixed(DRY_LEAVES, means[Material.FOREST], 0.7 + 0.3 * vigour)
    means[Material.CROP] = _mixed(DRY_GRASS, means[Material.CROP], 0.5 + 0.5 * vigour)

    rock, overburden, tailings = (np.array(s) for s in (lithology.rock, lithology.overburden, lithology.tailings))
    for material, amount in ((Material.SOIL, 0.55), (Material.TRACK, 0.6), (Material.RIVER_SAND, 0.2)):
        level = means[material].mean() / overburden.mean()
        means[material] = _mixed(means[material], overburden * (0.5 + 0.5 * level), amount)
    means[Material.OUTCROP] = _mixed(means[Material.OUTCROP], rock, 0.3)
    means[Material.ROCK] = rock
    means[Material.ORE] = _mixed(rock, tailings, rng.uniform(-0.3, 0.8)).clip(0.03)
    means[Material.OVERBURDEN] = overburden
    means[Material.WASTE] = _mixed(rock, overburden, rng.uniform(0.1, 0.8))
    means[Material.TAILINGS] = tailings
    means[Material.WET_TAILINGS] = tailings * np.array((0.55, 0.54, 0.53, 0.48, 0.30, 0.24))
    means[Material.PROCESS_WATER] = lithology.waters[rng.integers(len(lithology.waters))]
    spreads[[Material.PROCESS_WATER]] = 0.06

    level = np.exp(rng.normal(0, 0.10, (Material.SAND, 1)))
    colour = np.exp(rng.normal(0, 0.03, (Material.SAND, 6)))
    means[: Material.SAND] *= level * colour
    (aside,) = rng.spawn(1)  # materials from sand on came later: older sites draw what they drew before
    means[Material.SAND :] *= np.exp(aside.normal(0, 0.15, (len(Material) - Material.SAND, 1)))
    means[Material.SAND] = _mixed(means[Material.SAND], means[Material.SOIL], aside.beta(1, 2))
    means[Material.BRINE] = _mixed(means[Material.BRINE], aside.permutation((RED, TURQUOISE, MILKY))[0], aside.random())
    return Palette(means.clip(max=0.85).astype(np.float32), spreads.astype(np.float32))


def _mixed(one: Spectrum | np.ndarray, other: Spectrum | np.ndarray, amount: float) -> np.ndarray:
    return (1 - amount) * np.asarray(one) + amount * np.asarray(other)
