"""Outlines of components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from shapely import GeometryType

from highwall.products._trace import trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from highwall.products.components import Components
    from highwall.products.labels import Labels

_ROWS: Final = 512
"""Rows in which the components of one batch begin."""

_BATCH: Final = 50_000
"""Most polygons of one batch."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """The polygons of some components that stand beside each other in the list."""

    start: int
    """Position of the first of these components."""

    geometry: NDArray[Any]
    """Their polygons in the coordinates of the map's grid, `(polygon,)`, shapely's."""


def outlines(labels: Labels, components: Components, *, rows: int = _ROWS, batch: int = _BATCH) -> Iterator[Outlines]:
    """Give each component's outline, along the sides of its pixels, with its holes; no batch cuts a component.

    Rows are read on to the end of what begins in a batch, unless that is far away: components higher than `2 * rows`
    are outlined one by one, in their own boxes.

    Args:
        labels: the map.
        components: all components of it, as `find_components` finds them.
        rows: rows in which the components of one batch begin.
        batch: most polygons of one batch; the polygons don't depend on either.
    """
    start = 0
    while start < len(components):
        top = int(components.top[start])
        stop = min(start + batch, int(np.searchsorted(components.top, top + rows)))
        some = components[start:stop]
        tall = some.bottom >= top + 2 * rows
        geometry = np.empty(stop - start, object)
        if not tall.all():
            geometry[~tall] = _outlined(labels, some[~tall], np.int32)
        for index in np.flatnonzero(tall):
            geometry[index] = _outlined(labels, some[index : index + 1], np.int8)[0]
        labels.let_go()
        yield Outlines(start, geometry)
        start = stop


def _outlined(labels: Labels, components: Components, dtype: type[np.signedinteger]) -> NDArray[Any]:
    """Turn components into polygons, all in one box; `dtype` counts them, up and down."""
    top, left = int(components.top.min()), int(components.left.min())
    bottom, right = int(components.bottom.max()), int(components.right.max())
    classes = np.ascontiguousarray(labels.classes[top : bottom + 1, left : right + 1])
    row, column = np.divmod(components.first, labels.classes.shape[1])
    corners, rings, polygons = trace(
        classes,
        np.zeros(classes.shape, dtype),
        (row - top) * classes.shape[1] + column - left,
        components.bottom.astype(np.int64) - top,
        components.left.astype(np.int64) - left,
        components.right.astype(np.int64) - left,
    )
    a, b, c, d, e, f = labels.geobox.affine[:6]
    x, y = corners[:, 0] + float(left), corners[:, 1] + float(top)
    ground = np.column_stack([a * x + b * y + c, d * x + e * y + f])
    return np.asarray(shapely.from_ragged_array(GeometryType.POLYGON, ground, (rings, polygons)))
