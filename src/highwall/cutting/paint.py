"""Polygons onto pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import shapely
from affine import Affine
from rasterio.features import rasterize

from highwall.legend import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

Overlaps = Literal["unknown", "later"]
"""What pixels are where polygons of different classes overlap: unknown, or of the polygon that comes later."""

BACKGROUND: Final = 0
"""Class id of the ground outside all polygons."""


@dataclass(frozen=True, eq=False)
class Painted:
    """Part of the scene with its polygons painted on."""

    mask: NDArray[np.uint8]
    """Class ids `(y, x)`, 255 where unknown."""

    covered: NDArray[np.bool_]
    """Where a polygon lies, `(y, x)`, one of unknown class included."""

    crossed: NDArray[np.bool_]
    """Where polygons of different classes overlap, `(y, x)`."""


@dataclass(frozen=True, eq=False)
class Polygons:
    """Polygons with their classes."""

    shapes: NDArray[Any]
    """Shapely polygons `(n,)` in pixels: x along columns, y along rows."""

    ids: NDArray[np.uint8]
    """Class id of each, `(n,)`, 255 where unknown."""

    overlaps: Overlaps = "unknown"
    """What pixels are where polygons of different classes overlap."""

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Finds the polygons of a place."""
        return shapely.STRtree(self.shapes)

    def paint(self, top: int, left: int, size: int) -> Painted:
        """Paint the square of `size` pixels a side whose first pixel is `(top, left)`.

        A pixel is of a polygon if its centre lies inside. Polygons of unknown class make pixels unknown
        whatever else lies there, except where later ones win.
        """
        near = np.sort(self.tree.query(shapely.box(left, top, left + size, top + size)))
        shapes, ids = self.shapes[near], self.ids[near]
        where = Affine.translation(left, top)
        mask = np.full((size, size), BACKGROUND, np.uint8)
        covers = {i: _burn(shapes[ids == i], None, np.zeros_like(mask), where) > 0 for i in np.unique(ids).tolist()}
        crossed = np.sum([mask, *(cover for i, cover in covers.items() if i != UNKNOWN)], axis=0) > 1
        if self.overlaps == "later":
            _burn(shapes, ids, mask, where)
        else:
            for i, cover in covers.items():  # ascending, so that unknown comes last
                mask[cover] = i
            mask[crossed] = UNKNOWN
        return Painted(mask, np.any([crossed, *covers.values()], axis=0), crossed)


def _burn(
    shapes: NDArray[Any], values: NDArray[np.uint8] | None, onto: NDArray[np.uint8], where: Affine
) -> NDArray[np.uint8]:
    """Write the values (1, if None) of shapes onto pixels, one after the other, and return them."""
    if len(shapes):
        ones = [1] * len(shapes)
        rasterize(zip(shapes, ones if values is None else values.tolist(), strict=True), out=onto, transform=where)
    return onto
