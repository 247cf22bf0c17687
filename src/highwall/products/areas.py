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
_LONGEST: Final = 64
"""Sides longer than so many pixels are split: a straight line of a map is curved on the ground."""


def measure(polygons: NDArray[Any], geobox: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return areas in hectares, holes taken off, and perimeters in metres, along the outer ring and around holes.

    Both are geodesic, on WGS 84: Karney (2013), Algorithms for geodesics, Journal of Geodesy 87, 43-55. They are NaN
    where the grid has no coordinate reference system.

    Args:
        polygons: shapely polygons `(polygon,)` in the coordinates of the grid.
        geobox: the grid.
    """
    if geobox.crs is None or len(polygons) == 0:
        nothing = np.full(len(polygons), np.nan)
        return nothing, nothing.copy()
    pixel = min(np.hypot(geobox.affine.a, geobox.affine.d), np.hypot(geobox.affine.b, geobox.affine.e))
    split = shapely.segmentize(polygons, _LONGEST * pixel)
    _, coordinates, (ring_offsets, polygon_offsets) = shapely.to_ragged_array(split)
    to_degrees = Transformer.from_crs(geobox.crs.proj, "OGC:CRS84", always_xy=True)
    longitude, latitude = to_degrees.transform(coordinates[:, 0], coordinates[:, 1])
    rings = np.array(
        [
            WGS84.polygon_area_perimeter(longitude[start:stop], latitude[start:stop])
            for start, stop in pairwise(ring_offsets)
        ]
    )
    area, perimeter = np.abs(rings).T
    outer = polygon_offsets[:-1]
    hectares = (2 * area[outer] - np.add.reduceat(area, outer)) / 1e4
    return hectares, np.add.reduceat(perimeter, outer)


def measure_small(
    centre: NDArray[np.float64],
    pixels: NDArray[np.int64],
    across: NDArray[np.int64],
    down: NDArray[np.int64],
    geobox: GeoBox,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what `measure` returns, for components so small that all their pixels are of one size.

    The size is that of a pixel at the centre of gravity, from the geodesics between the middles of its sides. Where
    it changes evenly over the component, as over a few hundred metres it does, the mean is exact.

    Args:
        centre: column and row of each component's centre of gravity, `(component, 2)`.
        pixels: number of its pixels.
        across: number of sides of pixels along rows in its outline.
        down: number of sides of pixels along columns.
        geobox: the grid.
    """
    if geobox.crs is None:
        nothing = np.full(len(pixels), np.nan)
        return nothing, nothing.copy()
    to_degrees = Transformer.from_crs(geobox.crs.proj, "OGC:CRS84", always_xy=True)
    a, b, c, d, e, f = geobox.affine[:6]
    column, row = centre.T
    x, y = a * column + b * row + c, d * column + e * row + f
    azimuths, lengths = [], []
    for right, up in ((a / 2, d / 2), (b / 2, e / 2)):
        ends = (*to_degrees.transform(x - right, y - up), *to_degrees.transform(x + right, y + up))
        azimuth, _, length = WGS84.inv(*ends)
        azimuths.append(np.radians(azimuth))
        lengths.append(length)
    hectares = pixels * lengths[0] * lengths[1] * np.abs(np.sin(azimuths[1] - azimuths[0])) / 1e4
    return hectares, across * lengths[0] + down * lengths[1]


def pixel_hectares(geobox: GeoBox, block: int) -> NDArray[np.float64]:
    """Return the mean area of a pixel in hectares in each square of `block` pixels a side, `(block, block)`.

    Areas are those of `measure`; a pixel's differs little within a square, but much from one end of a scene to the
    other.
    """
    rows, columns = (np.append(np.arange(0, n, block), n) for n in geobox.shape)
    (top, left), (bottom, right) = (
        np.meshgrid(rows[s], columns[s], indexing="ij") for s in (slice(-1), slice(1, None))
    )
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    rings = np.stack([np.stack(geobox.affine * corner, -1) for corner in corners], -2)
    hectares, _ = measure(np.asarray(shapely.polygons(rings.reshape(-1, 4, 2)), object), geobox)
    area: NDArray[np.float64] = hectares.reshape(top.shape) / ((bottom - top) * (right - left))
    return area
