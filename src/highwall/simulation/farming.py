"""Parcels of land, and what farmers do with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from highwall.simulation.noise import fractal
from highwall.simulation.spectra import Material
from highwall.simulation.terrain import steepness, wetness

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.simulation.ground import Floats, Ground, Mask
    from highwall.simulation.landcover import Country
    from highwall.simulation.surface import Surface

PARCELS: Final = 4093
"""Parcels are numbered below this prime; far apart, two may share a number and what is drawn for it."""


@dataclass(frozen=True)
class Parcels:
    """Land divided into rows of four-cornered parcels; all arrays `(row, column)`."""

    number: NDArray[np.intp]
    """Number of each cell's parcel, 0 to `PARCELS` - 1, unlike its neighbours'."""

    edge: Floats
    """Metres to the nearest edge of the parcel."""

    along: Floats
    """Metres from the parcel's left end along its row."""


def divide(rng: np.random.Generator, ground: Ground, width: float, depth: float, wander: float = 0.0) -> Parcels:
    """Divide the land into parcels.

    Args:
        rng: where the randomness comes from.
        ground: the raster.
        width: usual length of a parcel along its row, in metres.
        depth: usual distance between rows, in metres.
        wander: how far rows stray from straight lines, in metres.
    """
    along, across = ground.turned((ground.size[0] / 2, ground.size[1] / 2), rng.uniform(0, np.pi))
    if wander:
        along = along + np.float32(wander) * fractal(rng, ground, outer=2500, roughness=2.5, inner=200)
        across = across + np.float32(wander) * fractal(rng, ground, outer=2500, roughness=2.5, inner=200)
    reach = float(np.hypot(*ground.size)) + 4 * wander + 4 * depth
    depths = depth * rng.lognormal(0, 0.35, int(3 * reach / depth) + 8)
    edges = (np.concatenate([[0.0], np.cumsum(depths)]) - reach).astype(np.float32)
    row = np.clip(np.searchsorted(edges, across, side="right") - 1, 0, len(depths) - 1)
    widths = (width * rng.lognormal(0, 0.45, len(depths))).astype(np.float32)
    offset = rng.uniform(0, width, len(depths)).astype(np.float32)

    place = along + np.float32(reach) + offset[row]
    column = np.floor(place / widths[row]).astype(np.intp)
    left = place - column * widths[row]
    sides = np.minimum(left, widths[row] - left)
    ends = np.minimum(across - edges[row], edges[row + 1] - across)
    return Parcels((row * 10007 + column) % PARCELS, np.minimum(sides, ends), left)


def farm(rng: np.random.Generator, surface: Surface, country: Country) -> None:
    """Till, graze or leave fallow the parcels of the flatter land, and set hedges and tracks between them."""
    if country.farms <= 0:
        return
    ground = surface.ground
    parcels = divide(rng, ground, country.parcel, 0.7 * country.parcel, wander=country.parcel / 6)
    number = parcels.number
    farmed = _chosen(rng, surface, number, country.farms) & ~_wild(rng, surface, country.trees)

    tilled = rng.random(PARCELS) < country.crops
    season = rng.random(PARCELS)  # sown, fallow, harvested, ploughed
    crops = np.select(
        [season < 0.34, season < 0.5, season < 0.72], [Material.CROP, Material.GRASS, Material.STUBBLE], Material.SOIL
    )
    use = np.where(tilled, crops, Material.GRASS).astype(np.uint8)
    bare = np.where(tilled, rng.beta(1.2, 3.0, PARCELS), rng.beta(1.5, 3.5, PARCELS)).astype(np.float32)
    tone = rng.normal(0, 0.10, PARCELS).astype(np.float32)
    ridges = np.where(tilled, np.where(season > 0.5, 0.09, 0.04), 0).astype(np.float32)
    patchy = fractal(rng, ground, outer=160, roughness=1.3)
    rows = np.sin(parcels.along * np.float32(2 * np.pi / rng.uniform(26, 50)))
    light = tone[number] + ridges[number] * rows + 0.03 * patchy
    surface.paint(farmed, use[number], Material.SOIL, np.clip(bare[number] + 0.07 * patchy, 0, 1), light)

    margins = np.where(rng.random(PARCELS) < 0.35, Material.SHRUB, Material.TRACK).astype(np.uint8)
    surface.paint(farmed & (parcels.edge < 0.9 * ground.cell), margins[number], Material.GRASS, 0.5)


def _chosen(rng: np.random.Generator, surface: Surface, number: NDArray[np.intp], share: float) -> Mask:
    """Return the cells of whole parcels, on the flattest and best land, that make up a share of the ground."""
    ground = surface.ground
    worth = fractal(rng, ground, outer=2500, roughness=1.6, inner=60) - 2.0 * steepness(ground, surface.elevation)
    cells = np.maximum(np.bincount(number.ravel(), minlength=PARCELS), 1)
    mean = (np.bincount(number.ravel(), worth.ravel(), PARCELS) / cells)[number]
    return np.asarray(mean > np.quantile(mean[::4, ::4], 1 - share))


def _wild(rng: np.random.Generator, surface: Surface, trees: float) -> Mask:
    """Return the forest that farmers left standing: along streams and in large blocks."""
    ground = surface.ground
    along_streams = wetness(ground, surface.elevation) > 1.3 - 0.6 * trees
    blocks = fractal(rng, ground, outer=1200, roughness=1.6, inner=50) > 0.9 - 1.6 * trees
    return np.asarray((surface.first == Material.FOREST) & (along_streams | blocks))
