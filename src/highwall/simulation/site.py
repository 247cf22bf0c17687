"""A site: what is drawn for it, and how it is put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from highwall.image import Image
from highwall.sentinel2 import DEFAULT_BANDS
from highwall.simulation import barren, built, farming, landcover, mines, terrain, waters
from highwall.simulation.barren import Scenery
from highwall.simulation.ground import Ground
from highwall.simulation.landcover import Country
from highwall.simulation.paths import Network
from highwall.simulation.sections import Kind
from highwall.simulation.sensor import PIXEL, Light, observe, reflect
from highwall.simulation.spectra import LITHOLOGIES, Lithology, palette
from highwall.simulation.surface import Surface

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

CELL: Final = 5.0
"""Metres; sites are built on cells of half a pixel, so that edges and thin things mix."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Region:
    """Where sites are drawn from."""

    countries: tuple[Country, ...]
    """Kinds of land."""

    lithologies: tuple[str, ...]
    """Rocks, names of `spectra.LITHOLOGIES`."""

    vigour: tuple[float, float]
    """Season: range of the vigour of plants, 0 dry to 1 fresh."""

    altitude: tuple[float, float]
    """Range of the sun's height in degrees."""

    azimuth: tuple[float, float]
    """Range of the sun's direction in degrees clockwise from north."""

    haze: tuple[float, float]
    """Range of `Light.haze`."""

    sceneries: tuple[Scenery, ...] = ()
    """Look-alikes of mines, one of which a site shows, if there are any."""


HOME: Final = Region(
    countries=(
        Country(trees=0.68, farms=0.20, crops=0.10, cover=0.95, parcel=280, relief=240),  # wooded hills with pastures
        Country(trees=0.42, farms=0.50, crops=0.20, cover=0.88, parcel=320, relief=100),  # cleared forest
        Country(trees=0.28, farms=0.30, crops=0.55, cover=0.75, parcel=420, relief=60),  # savanna with large fields
        Country(trees=0.18, farms=0.10, crops=0.10, cover=0.68, parcel=300, relief=270),  # highland grass
        Country(trees=0.30, farms=0.80, crops=0.75, cover=0.90, parcel=240, relief=40),  # farmland
    ),
    lithologies=("iron ore", "bauxite", "granite", "limestone", "gold in sandstone", "copper porphyry"),
    vigour=(0.3, 1.0),
    altitude=(42, 68),
    azimuth=(30, 80),
    haze=(0.6, 1.3),
)
"""Where the sites of `train`, `val` and `open` lie."""

AWAY: Final = Region(
    countries=(
        Country(trees=0.00, farms=0.00, crops=0.0, cover=0.08, parcel=200, relief=180),  # desert mountains
        Country(trees=0.04, farms=0.12, crops=0.4, cover=0.35, parcel=150, relief=130),  # dry shrubland
        Country(trees=0.45, farms=0.45, crops=0.6, cover=0.85, parcel=130, relief=60),  # small farms
        Country(trees=0.75, farms=0.10, crops=0.3, cover=0.95, parcel=200, relief=120),  # northern forest
    ),
    lithologies=("coal", "basalt", "kaolin", "copper porphyry", "granite"),
    vigour=(0.0, 0.6),
    altitude=(32, 50),
    azimuth=(140, 170),
    haze=(0.0, 0.6),
)
"""Where the sites of `closed` lie: other land and rock, a drier season, a lower sun from the other side."""

BARREN: Final = Region(
    countries=(
        Country(trees=0.00, farms=0.00, crops=0.0, cover=0.06, parcel=200, relief=40),  # desert
        Country(trees=0.02, farms=0.05, crops=0.5, cover=0.35, parcel=250, relief=50),  # dry grass
        Country(trees=0.12, farms=0.40, crops=0.6, cover=0.75, parcel=200, relief=30),  # farmland
    ),
    lithologies=tuple(LITHOLOGIES),
    vigour=(0.0, 1.0),
    altitude=(30, 68),
    azimuth=(30, 330),
    haze=(0.0, 1.3),
    sceneries=tuple(Scenery),
)
"""Land that looks like a mine from above and is none."""


@dataclass(frozen=True)
class Site:
    """All that is drawn for a site before a pixel is rendered."""

    seed: int
    """Decides everything below the level of these numbers."""

    country: Country
    """The land."""

    relief: float
    """Height of the hills in metres."""

    lithology: Lithology
    """The rock."""

    vigour: float
    """Of the plants, 0 to 1."""

    light: Light
    """Sun and air."""

    mines: tuple[Point, ...]
    """Centres of the mines, as shares of width and height."""

    towns: tuple[Point, ...]
    """Centres of the towns, likewise."""

    river: bool
    """Whether one crosses the site."""

    lakes: int
    """Number of natural lakes."""

    scenery: Scenery | None = None
    """The look-alike that it shows."""


def draw_site(rng: np.random.Generator, region: Region, mines: tuple[Point, ...]) -> Site:
    """Draw a site of a region, with mines at these places (shares of width and height)."""
    towns = tuple(
        (float(x), float(y)) for x, y in rng.uniform(0, 1, (int(rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15])), 2))
    )
    country = region.countries[rng.integers(len(region.countries))]
    return Site(
        seed=int(rng.integers(2**63)),
        country=country,
        relief=country.relief * float(rng.lognormal(-0.1, 0.4)),
        lithology=LITHOLOGIES[region.lithologies[rng.integers(len(region.lithologies))]],
        vigour=float(rng.uniform(*region.vigour)),
        light=Light(*(float(rng.uniform(*limits)) for limits in (region.azimuth, region.altitude, region.haze))),
        mines=mines,
        towns=towns,
        river=bool(rng.random() < 0.4),
        lakes=int(rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15])),
        scenery=region.sceneries[rng.integers(len(region.sceneries))] if region.sceneries else None,
    )


def render_site(site: Site, shape: tuple[int, int], geobox: GeoBox | None = None) -> tuple[Image, NDArray[np.uint8]]:
    """Render a site as the satellite sees it, and the truth.

    Args:
        site: what to render; the same site and shape always give the same pixels.
        shape: height and width in pixels of 10 m, any.
        geobox: grid on the ground to pass on with the image.

    Returns:
        The six default bands as reflectance, 0.0001 to 1.5, and class indices of the default
        legend `(y, x)` uint8, the class with the largest share of each pixel.
    """
    rng = np.random.default_rng(site.seed)
    fold = round(PIXEL / CELL)
    ground = Ground((shape[0] * fold, shape[1] * fold), CELL)
    surface = _build(rng, site, ground)
    leaving = reflect(rng, surface, palette(rng, site.lithology, site.vigour), site.light)
    pixels = observe(rng, leaving, CELL, site.light.haze)
    return Image(pixels, np.ones(shape, bool), DEFAULT_BANDS, geobox), majority(surface.labels, fold)


def majority(labels: NDArray[np.uint8], fold: int) -> NDArray[np.uint8]:
    """Return the most frequent label of each block of `fold` x `fold` cells, the lowest where two tie."""
    height, width = labels.shape[0] // fold, labels.shape[1] // fold
    blocks = labels.reshape(height, fold, width, fold)
    votes = [(blocks == label).sum((1, 3)) for label in (0, *Kind)]
    return np.asarray(np.argmax(votes, axis=0), dtype=np.uint8)


def _build(rng: np.random.Generator, site: Site, ground: Ground) -> Surface:
    """Build land, settlements and mines in the order in which they came to be."""
    surface = Surface.bare(ground, terrain.relief(rng, ground, site.relief))
    landcover.grow_plants(rng, surface, site.country)
    farming.farm(rng, surface, site.country)
    landcover.clear(rng, surface, int(rng.poisson(ground.hectares / 250)))
    lush = site.country.cover > 0.3  # deserts have neither lakes nor rivers, only mines bring water
    for _ in range(site.lakes if lush else 0):
        waters.flood(rng, surface, float(rng.lognormal(2.0, 0.9)))
    if site.river and lush:
        waters.run_river(rng, surface, float(rng.lognormal(3.7, 0.5)), float(rng.beta(1, 3)))
    if site.scenery is not None:
        barren.lay_out(rng, surface, site.scenery)
    width, height = ground.size
    for x, y in site.towns:
        built.build_town(rng, surface, (x * width, y * height), float(rng.uniform(120, 550)))

    ways = Network(ground, 1 + 12 * terrain.steepness(ground, surface.elevation))
    built.build_roads(rng, surface, ways, 1 + int(rng.poisson(ground.hectares / 300)))
    opened = [mines.open_mine(rng, surface, (x * width, y * height)) for x, y in site.mines]
    mines.wear_ground(rng, surface)
    for sections in opened:
        mines.join(rng, surface, ways, sections)
    return surface
