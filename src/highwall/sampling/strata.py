"""The classes of a map as strata: how large each is, and where its pixels are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
from rasterio.windows import Window

from highwall.errors import BadInput
from highwall.header import opened
from highwall.legend import UNKNOWN
from highwall.products.areas import pixel_hectares
from highwall.products.map_folder import read_map_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.products.map_folder import MapFolder
    from highwall.products.reviewed import Corrections

_BLOCK: Final = 256
"""Rows in memory at once, and sides of the squares in which all pixels have one area."""


@dataclass(frozen=True, eq=False)
class Strata:
    """What a map holds of each class; its unknown ground is in no stratum."""

    map: MapFolder
    """The map."""

    pixels: NDArray[np.int64]
    """Number of pixels `(class,)`, in the order of the legend."""

    hectares: NDArray[np.float64]
    """Geodesic area on WGS 84, likewise; NaN where the map has no coordinate reference system."""

    @property
    def unknown_share(self) -> float:
        """Share of the map's pixels of which nothing is known."""
        return 1 - float(self.pixels.sum()) / float(np.prod(self.map.geobox.shape))

    @property
    def pixel_side(self) -> float:
        """Side of a pixel in metres, on average; 1 where the map has no coordinate reference system."""
        if np.isnan(self.hectares).any():
            return 1.0
        return float(np.sqrt(self.hectares.sum() / self.pixels.sum() * 1e4))


def read_strata(folder: Path) -> Strata:
    """Count the pixels of each class as the model mapped it, in memory that does not grow with the map's height.

    What people decided about its polygons changes nothing here: strata are what samples are drawn from, and must stay.

    Raises:
        BadInput: this is no map, it is damaged, or all of it is unknown.
    """
    of = read_map_folder(folder)
    pixels, hectares = count_classes(of)
    own = list(of.legend.ids)
    if not pixels[own].any():
        raise BadInput(f"{folder}: all of the map is unknown")
    return Strata(of, pixels[own], hectares[own])


def count_classes(of: MapFolder, review: Corrections | None = None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return number of pixels and geodesic area in hectares of each class id `(256,)`; of 255 only where unknown.

    Args:
        of: the map.
        review: what people changed; None for the classes as the model mapped them.

    Raises:
        BadInput: it is damaged.
    """
    size = pixel_hectares(of.geobox, _BLOCK)
    columns = np.arange(of.geobox.shape[1]) // _BLOCK
    pixels, hectares = np.zeros(256, np.int64), np.zeros(256)
    for number, (_, ids) in enumerate(_strips(of, review)):
        counts = np.bincount((columns * 256 + ids).ravel(), minlength=256 * size.shape[1]).reshape(-1, 256)
        pixels += counts.sum(axis=0)
        hectares += size[number] @ counts
    if foreign := of.legend.foreign_ids(np.flatnonzero(pixels).tolist()):
        raise BadInput(f"{of.classes}: holds {', '.join(map(str, foreign))}, which its legend lacks")
    return pixels, hectares


def ids_at(
    of: MapFolder, rows: NDArray[np.int64], columns: NDArray[np.int64], review: Corrections | None = None
) -> NDArray[np.uint8]:
    """Look up class ids at pixels `(point,)`, as the model mapped them or after a review; 255 outside of the map."""
    ids = np.full(len(rows), UNKNOWN, np.uint8)
    inside = (columns >= 0) & (columns < of.geobox.shape[1])
    for top, strip in _strips(of, review):
        here = inside & (rows >= top) & (rows < top + len(strip))
        ids[here] = strip[rows[here] - top, columns[here]]
    return ids


def pixels_at(strata: Strata, ranks: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Find pixels by their rank among those of their class, counted from 0 along the rows.

    Args:
        strata: the map.
        ranks: for each class of the legend, the ranks of some pixels.

    Returns:
        For each class, row and column `(pixel, 2)` of the pixels.
    """
    found = [np.empty((len(of_class), 2), np.int64) for of_class in ranks]
    before = np.zeros(len(ranks), np.int64)
    for top, strip in _strips(strata.map):
        for index, class_id in enumerate(strata.map.legend.ids):
            pixels = np.flatnonzero(strip == class_id)
            rank = ranks[index] - before[index]
            here = (rank >= 0) & (rank < len(pixels))
            row, column = np.unravel_index(pixels[rank[here]], strip.shape)
            found[index][here] = np.column_stack([row + top, column])
            before[index] += len(pixels)
    return found


def _strips(of: MapFolder, review: Corrections | None = None) -> Iterator[tuple[int, NDArray[Any]]]:
    """Give the class ids of a map `(y, x)`, some rows at a time, with the number of the first row."""
    height, width = of.geobox.shape
    with opened(of.classes) as source:
        for top in range(0, height, _BLOCK):
            try:
                ids = source.read(1, window=Window(0, top, width, min(_BLOCK, height - top)))
            except rasterio.errors.RasterioError as error:
                raise BadInput(f"{of.classes}: damaged ({str(error.__cause__ or error).splitlines()[0]})") from None
            yield top, ids if review is None else review.apply(ids, top)
