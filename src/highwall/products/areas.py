"""Areas and perimeters on the ellipsoid."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from pyproj import Geod, Transformer

if TYPE_CHECKING:
    from affine import Affine
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

WGS84: Final = Geod(ellps="WGS84")
_CORNERS: Final = 500_000
"""Corners that are measured at once, about."""

_SMALL: Final = 64
"""Height and width in pixels up to which a ring's pixels are taken to be of one size. Longer sides of larger rings
are split: a straight line of a map is curved on the ground."""


def measure(
    corners: NDArray[Any], rings: NDArray[np.int64], polygons: NDArray[np.int64], geobox: GeoBox
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return areas of polygons in hectares, holes taken off, and perimeters in metres, outside and around holes.

    Both are geodesic, on WGS 84: Karney (2013), Algorithms for geodesics, Journal of Geodesy 87, 43-55. They are NaN
    where the grid has no coordinate reference system.

    Args:
        corners: column and row of all corners, `(corner, 2)`, whole numbers being corners of pixels; the sides run
            along those of pixels, and the first corner of a ring comes once more at its end.
        rings: where each ring begins among the corners, and their number.
        polygons: with which ring each polygon begins, its outer one, and the number of rings.
        geobox: the grid.
    """
    if geobox.crs is None or len(polygons) == 1:
        nothing = np.full(len(polygons) - 1, np.nan)
        return nothing, nothing.copy()
    to_degrees = Transformer.from_crs(geobox.crs.proj, "OGC:CRS84", always_xy=True)
    area, perimeter = np.empty(len(rings) - 1), np.empty(len(rings) - 1)
    first = 0
    while first < len(area):  # some at a time, since numbers on the way take a hundred bytes a corner
        last = max(int(np.searchsorted(rings, rings[first] + _CORNERS)), first + 1)
        some = slice(first, min(last, len(area)))
        own = rings[some.start : some.stop + 1]
        sizes = _rings(corners[own[0] : own[-1]].astype(np.float64), own - own[0], geobox.affine, to_degrees)
        area[some], perimeter[some] = sizes
        first = some.stop
    outer = polygons[:-1]
    return (2 * area[outer] - np.add.reduceat(area, outer)) / 1e4, np.add.reduceat(perimeter, outer)


def pixel_hectares(geobox: GeoBox, block: int) -> NDArray[np.float64]:
    """Return the mean area of a pixel in hectares in each square of `block` pixels a side, `(block, block)`.

    Areas are those of `measure`; a pixel's differs little within a square, but much from one end of a scene to the
    other.
    """
    rows, columns = (np.append(np.arange(0, n, block), n) for n in geobox.shape)
    result = np.full((len(rows) - 1, len(columns) - 1), np.nan)
    if geobox.crs is None:
        return result
    to_degrees = Transformer.from_crs(geobox.crs.proj, "OGC:CRS84", always_xy=True)
    for y, (top, bottom) in enumerate(pairwise(rows.tolist())):
        for x, (left, right) in enumerate(pairwise(columns.tolist())):
            box = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)
            area, _ = _large_ring(box, geobox.affine, to_degrees)
            result[y, x] = area / 1e4 / ((bottom - top) * (right - left))
    return result


def _rings(
    corners: NDArray[np.float64], rings: NDArray[np.int64], affine: Affine, to_degrees: Transformer
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return area in square metres and length in metres of rings."""
    area, length = _small_rings(corners, rings, affine, to_degrees)
    begin = rings[:-1]
    extent = (np.maximum.reduceat(corners, begin) - np.minimum.reduceat(corners, begin)).max(axis=1)
    for ring in np.flatnonzero(extent > _SMALL):
        area[ring], length[ring] = _large_ring(corners[rings[ring] : rings[ring + 1]], affine, to_degrees)
    return area, length


def _small_rings(
    corners: NDArray[np.float64], rings: NDArray[np.int64], affine: Affine, to_degrees: Transformer
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return area in square metres and length in metres of rings, by the size of a pixel at their centres.

    Where that size changes evenly over a ring, as over a few hundred metres it does, its mean is the one at the
    centre of gravity.
    """
    begin = rings[:-1]
    origin = corners[begin]
    x, y = (corners - np.repeat(origin, np.diff(rings), axis=0)).T  # from there, nothing is lost by large numbers
    after = np.append(np.arange(1, len(x)), 0)
    after[rings[1:] - 1] = rings[1:] - 1  # the last corner of a ring is its first once more
    cross = x * y[after] - x[after] * y
    twice = np.add.reduceat(cross, begin)  # the shoelace formula
    centre = [np.add.reduceat((w + w[after]) * cross, begin) / (3 * twice) for w in (x, y)]
    area, across, down = _pixel_at(origin[:, 0] + centre[0], origin[:, 1] + centre[1], affine, to_degrees)
    columns, rows = (np.add.reduceat(np.abs(w[after] - w), begin) for w in (x, y))
    return np.abs(twice) / 2 * area, columns * across + rows * down


def _large_ring(corners: NDArray[np.float64], affine: Affine, to_degrees: Transformer) -> tuple[float, float]:
    """Return area in square metres and length in metres of a ring along geodesics between points close together."""
    points = shapely.get_coordinates(shapely.segmentize(shapely.LinearRing(corners), _SMALL))
    area, length = WGS84.polygon_area_perimeter(*to_degrees.transform(*on_ground(points, affine).T))
    return abs(area), length


def _pixel_at(
    column: NDArray[np.float64], row: NDArray[np.float64], affine: Affine, to_degrees: Transformer
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return area in square metres, width and height in metres of a pixel with its middle at each of these places."""
    azimuths, lengths = [], []
    for right, down in ((0.5, 0), (0, 0.5)):
        ends = (on_ground(np.column_stack([column + s * right, row + s * down]), affine).T for s in (-1, 1))
        azimuth, _, length = WGS84.inv(*(part for end in ends for part in to_degrees.transform(*end)))
        azimuths.append(np.radians(azimuth))
        lengths.append(length)
    return lengths[0] * lengths[1] * np.abs(np.sin(azimuths[1] - azimuths[0])), lengths[0], lengths[1]


def on_ground(corners: NDArray[Any], affine: Affine) -> NDArray[np.float64]:
    """Turn columns and rows `(corner, 2)` into coordinates of the grid's reference system."""
    a, b, c, d, e, f = affine[:6]
    column, row = corners.T
    return np.column_stack([a * column + b * row + c, d * column + e * row + f])
