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
