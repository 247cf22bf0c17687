"""Areas and perimeters on the ellipsoid."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from pyproj import Geod, Transformer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

WGS84: Final = Geod(ellps="WGS84")
_SMALL: Final = 64
"""Height and width in pixels up to which a ring's pixels are taken to be of one size. Longer sides of larger rings
are split: a straight line of a map is curved on the ground."""


def measure(polygons: NDArray[Any], geobox: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return areas in hectares, holes taken off, and perimeters in metres, along the outer ring and around holes.

    Both are geodesic, on WGS 84: Karney (2013), Algorithms for geodesics, Journal of Geodesy 87, 43-55. They are NaN
    where the grid has no coordinate reference system.

    Args:
        polygons: shapely polygons `(polygon,)` in the coordinates of the grid, whose sides run along those of pixels.
        geobox: the grid.
    """
    if geobox.crs is None or len(polygons) == 0:
        nothing = np.full(len(polygons), np.nan)
        return nothing, nothing.copy()
    _, coordinates, offsets = shapely.to_ragged_array(polygons)
    rings, outer = (np.asarray(part, np.int64) for part in offsets)
    area, perimeter = _small_rings(coordinates, rings, geobox)
    for ring in np.flatnonzero(_extent(coordinates, rings, geobox) > _SMALL):
        area[ring], perimeter[ring] = _large_ring(coordinates[rings[ring] : rings[ring + 1]], geobox)
    first = outer[:-1]
    return (2 * area[first] - np.add.reduceat(area, first)) / 1e4, np.add.reduceat(perimeter, first)


def pixel_hectares(geobox: GeoBox, block: int) -> NDArray[np.float64]:
    """Return the mean area of a pixel in hectares in each square of `block` pixels a side, `(block, block)`.

    Areas are those of `measure`; a pixel's differs little within a square, but much from one end of a scene to the
    other.
    """
    rows, columns = (np.append(np.arange(0, n, block), n) for n in geobox.shape)
    result = np.full((len(rows) - 1, len(columns) - 1), np.nan)
    if geobox.crs is None:
        return result
    for y, (top, bottom) in enumerate(pairwise(rows.tolist())):
        for x, (left, right) in enumerate(pairwise(columns.tolist())):
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
            area, _ = _large_ring(np.array([geobox.affine * corner for corner in corners]), geobox)
            result[y, x] = area / 1e4 / ((bottom - top) * (right - left))
    return result


def _small_rings(
    coordinates: NDArray[np.float64], rings: NDArray[np.int64], geobox: GeoBox
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return area in square metres and length in metres of rings, by the size of a pixel at their centres.

    Where that size changes evenly over a ring, as over a few hundred metres it does, its mean is the one at the
    centre of gravity.
    """
    x, y = _pixels(coordinates, geobox)
    begin = rings[:-1]
    x0, y0 = (np.repeat(values[begin], np.diff(rings)) for values in (x, y))
    u, v = x - x0, y - y0  # from the ring's own beginning, so that nothing is lost by large numbers
    after = np.append(np.arange(1, len(x)), 0)
    after[rings[1:] - 1] = rings[1:] - 1  # the last corner of a ring is the first once more
    cross = u * v[after] - u[after] * v
    twice = np.add.reduceat(cross, begin)  # the shoelace formula
    centre = [np.add.reduceat((w + w[after]) * cross, begin) / (3 * twice) for w in (u, v)]
    area, across, down = _pixel_at(x[begin] + centre[0], y[begin] + centre[1], geobox)
    columns, rows = (np.add.reduceat(np.abs(w[after] - w), begin) for w in (u, v))
    return np.abs(twice) / 2 * area, columns * across + rows * down


def _large_ring(corners: NDArray[np.float64], geobox: GeoBox) -> tuple[float, float]:
    """Return area in square metres and length in metres of a ring along geodesics between points close together."""
    pixel = min(np.hypot(geobox.affine.a, geobox.affine.d), np.hypot(geobox.affine.b, geobox.affine.e))
    points = shapely.get_coordinates(shapely.segmentize(shapely.LinearRing(corners), _SMALL * pixel))
    area, length = WGS84.polygon_area_perimeter(*_to_degrees(geobox).transform(*points.T))
    return abs(area), length


def _pixel_at(
    column: NDArray[np.float64], row: NDArray[np.float64], geobox: GeoBox
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return area in square metres, width and height in metres of a pixel with its middle at each of these places."""
    a, b, c, d, e, f = geobox.affine[:6]
    x, y = a * column + b * row + c, d * column + e * row + f
    to_degrees = _to_degrees(geobox)
    azimuths, lengths = [], []
    for right, up in ((a / 2, d / 2), (b / 2, e / 2)):
        ends = (*to_degrees.transform(x - right, y - up), *to_degrees.transform(x + right, y + up))
        azimuth, _, length = WGS84.inv(*ends)
        azimuths.append(np.radians(azimuth))
        lengths.append(length)
    return lengths[0] * lengths[1] * np.abs(np.sin(azimuths[1] - azimuths[0])), lengths[0], lengths[1]


def _extent(coordinates: NDArray[np.float64], rings: NDArray[np.int64], geobox: GeoBox) -> NDArray[np.float64]:
    """Return the larger of height and width of each ring in pixels."""
    begin = rings[:-1]
    spans = (np.maximum.reduceat(w, begin) - np.minimum.reduceat(w, begin) for w in _pixels(coordinates, geobox))
    extent: NDArray[np.float64] = np.maximum(*spans)
    return extent


def _pixels(coordinates: NDArray[np.float64], geobox: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return columns and rows, which are whole numbers at the corners of pixels."""
    a, b, c, d, e, f = (~geobox.affine)[:6]
    x, y = coordinates.T
    return np.round(a * x + b * y + c, 3), np.round(d * x + e * y + f, 3)


def _to_degrees(geobox: GeoBox) -> Transformer:
    return Transformer.from_crs(geobox.crs.proj, "OGC:CRS84", always_xy=True)  # type: ignore[union-attr]
