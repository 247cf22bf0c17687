"""Outlines of components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from shapely import GeometryType

from highwall.products._trace import trace
from highwall.products.areas import measure, on_ground

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

    area: NDArray[np.float64]
    """Their areas in hectares, as `areas.measure` measures them."""

    perimeter: NDArray[np.float64]
    """Their perimeters in metres, likewise."""


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
        result = Outlines(start, np.empty(len(some), object), np.empty(len(some)), np.empty(len(some)))
        if not tall.all():
            _outline(labels, some, ~tall, np.int32, result)
        for index in np.flatnonzero(tall):
            _outline(labels, some, np.arange(len(some)) == index, np.int8, result)
        labels.let_go()
        yield result
        start = stop


def _outline(
    labels: Labels,
    components: Components,
    which: NDArray[np.bool_],
    dtype: type[np.signedinteger],
    result: Outlines,
) -> None:
    """Outline some components, all in one box, and put down the result; `dtype` counts them, up and down."""
    some = components[which]
    top, left = int(some.top.min()), int(some.left.min())
    bottom, right = int(some.bottom.max()), int(some.right.max())
    classes = np.ascontiguousarray(labels.classes[top : bottom + 1, left : right + 1])
    row, column = np.divmod(some.first, labels.classes.shape[1])
    corners, rings, polygons = trace(
        classes,
        np.zeros(classes.shape, dtype),
        (row - top) * classes.shape[1] + column - left,
        some.bottom.astype(np.int64) - top,
        some.left.astype(np.int64) - left,
        some.right.astype(np.int64) - left,
    )
    corners += np.array([left, top], np.int32)
    result.area[which], result.perimeter[which] = measure(corners, rings, polygons, labels.geobox)
    ground = on_ground(corners, labels.geobox.affine)
    result.geometry[which] = shapely.from_ragged_array(GeometryType.POLYGON, ground, (rings, polygons))
