"""Which tiles overlap or touch on the ground, by their georeference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from shapely.affinity import affine_transform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odc.geo.geobox import GeoBox
    from shapely.geometry.base import BaseGeometry

TOLERANCE: Final = 0.01
"""Pixels by which grids that are meant to touch may miss each other, by rounding."""

NEAR: Final = 1.0
"""Pixels between tiles that are still the same site."""

_EARTH: Final = "EPSG:4326"


@dataclass(frozen=True)
class Contact:
    """Two tiles that overlap, touch, or are less than a pixel apart."""

    a: int
    """Position of the first tile."""

    b: int
    """Position of the second tile, after `a`."""

    overlap: float
    """Share of the smaller tile that both cover, 0 to 1; 0 where they only touch or nearly do."""

    gap: float
    """Pixels of `a` between them; 0 where they overlap or touch."""


def contacts(geoboxes: Sequence[GeoBox | None]) -> list[Contact]:
    """Find all pairs of tiles that overlap, touch, or are less than a pixel apart.

    Footprints are compared in the pixel coordinates of one of the two tiles, so that tiles of
    different coordinate reference systems can be compared, and rounding is a matter of pixels.

    Args:
        geoboxes: Grids of the tiles; None where a tile has none.
    """
    located = [(number, geobox) for number, geobox in enumerate(geoboxes) if geobox is not None]
    if not located:
        return []
    boxes = np.array([_bounds_on_earth(geobox) for _, geobox in located])
    rectangles = shapely.box(*boxes.T)
    first, second = shapely.STRtree(rectangles).query(rectangles, predicate="intersects")
    found = []
    for i, j in sorted(zip(first.tolist(), second.tolist(), strict=True)):
        if i < j:
            (a, box_a), (b, box_b) = located[i], located[j]
            overlap, gap = _meet(box_a, box_b)
            if gap < NEAR:
                found.append(Contact(a, b, overlap, gap))
    return found


def _bounds_on_earth(geobox: GeoBox) -> tuple[float, float, float, float]:
    """Return longitudes and latitudes around a grid, and around all that is within two pixels of it."""
    return tuple(geobox.pad(2).footprint(_EARTH, npoints=16).boundingbox)  # type: ignore[return-value]  # odc's is a tuple of any length


def _meet(a: GeoBox, b: GeoBox) -> tuple[float, float]:
    """Return the share of the smaller tile that both cover, and the gap in pixels of `a`."""
    outline = b.extent if a.crs is None or a.crs == b.crs else b.footprint(a.crs, npoints=16)
    inverse = ~a.affine
    theirs = affine_transform(outline.geom, [inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f])
    height, width = a.shape
    ours = shapely.box(0, 0, width, height)
    if (gap := ours.distance(theirs)) > TOLERANCE:
        return 0.0, gap
    return _share(ours, theirs), 0.0


def _share(ours: BaseGeometry, theirs: BaseGeometry) -> float:
    common = ours.intersection(theirs)
    left, top, right, bottom = common.bounds
    if min(right - left, bottom - top) <= TOLERANCE:
        return 0.0
    return min(1.0, common.area / min(ours.area, theirs.area))
