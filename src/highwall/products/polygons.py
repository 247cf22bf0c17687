"""Outlines of components."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from rasterio.features import shapes
from shapely import GeometryType

from highwall.products._label import erase, fill

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

    What GDAL's polygonizer makes of some rows holds every component that begins and ends within them; it is known
    by its first pixel. Rows are read on to the end of what begins in a batch, unless that is far away: components
    higher than `2 * rows` are filled from their first pixel, and polygonized on their own.

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
        geometry[some.rectangular] = _rectangles(labels, some[some.rectangular])
        others = ~some.rectangular & ~tall
        if others.any():
            geometry[others] = _polygonize(labels, top, some, others)
        for index in np.flatnonzero(~some.rectangular & tall):
            geometry[index] = _outline(labels, some, int(index))
        labels.let_go()
        yield Outlines(start, geometry)
        start = stop


def _rectangles(labels: Labels, components: Components) -> NDArray[Any]:
    """Turn components that fill their boxes into polygons; most of the small ones do."""
    left, right = components.left, components.right + 1
    top, bottom = components.top, components.bottom + 1
    corners = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]  # as GDAL goes around
    coordinates = np.stack([np.stack(corner, -1) for corner in corners], 1).reshape(-1, 2).astype(np.float64)
    numbers = np.arange(len(components) + 1)
    return _on_ground(coordinates, (5 * numbers, numbers), labels)


def _polygonize(labels: Labels, top: int, components: Components, wanted: NDArray[np.bool_]) -> NDArray[Any]:
    """Turn rows from `top` on into polygons, and return those of the components that are wanted."""
    bottom = int(components.bottom[wanted].max())
    block = np.ascontiguousarray(labels.classes[top : bottom + 1])
    mask = np.isin(block, components.class_id[wanted])
    done = components[components.rectangular]
    erase(mask, done.top - top, done.bottom - top, done.left, done.right)
    rings = [shape["coordinates"] for shape, _ in shapes(block, mask, connectivity=4)]
    coordinates, offsets = _ragged(rings)
    coordinates[:, 1] += top
    outer = offsets[0][offsets[1][:-1]]  # where each polygon's outer ring begins; its holes lie within
    row = np.minimum.reduceat(coordinates[:, 1], outer)
    in_row = coordinates[:, 1] == np.repeat(row, np.diff([*outer, len(coordinates)]))
    column = np.minimum.reduceat(np.where(in_row, coordinates[:, 0], np.inf), outer)
    found = (row * labels.classes.shape[1] + column).astype(np.int64)  # each polygon's first pixel
    order = np.argsort(found)
    position = order[np.searchsorted(found, components.first[wanted], sorter=order)]
    return _on_ground(coordinates, offsets, labels)[position]


def _outline(labels: Labels, components: Components, index: int) -> Any:
    """Turn one component into its polygon."""
    rows = slice(components.top[index], components.bottom[index] + 1)
    columns = slice(components.left[index], components.right[index] + 1)
    row, column = divmod(int(components.first[index]), labels.classes.shape[1])
    mask = fill(np.array(labels.classes[rows, columns]), row - rows.start, column - columns.start)
    ((shape, _),) = shapes(mask, mask, connectivity=4)
    coordinates, offsets = _ragged([shape["coordinates"]])
    return _on_ground(coordinates + np.array([columns.start, rows.start]), offsets, labels)[0]


def _ragged(polygons: list[Any]) -> tuple[NDArray[np.float64], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Put the corners of all rings into one array `(corner, 2)`, with the offsets of rings and of polygons."""
    rings = list(chain.from_iterable(polygons))
    coordinates = np.array(list(chain.from_iterable(rings)), np.float64)
    sizes = ([len(ring) for ring in rings], [len(polygon) for polygon in polygons])
    ring_offsets, polygon_offsets = (np.cumsum([0, *counts]) for counts in sizes)
    return coordinates, (ring_offsets, polygon_offsets)


def _on_ground(
    coordinates: NDArray[np.float64], offsets: tuple[NDArray[np.int64], ...], labels: Labels
) -> NDArray[Any]:
    a, b, c, d, e, f = labels.geobox.affine[:6]
    column, row = coordinates.T
    polygons = shapely.from_ragged_array(
        GeometryType.POLYGON, np.column_stack([a * column + b * row + c, d * column + e * row + f]), offsets
    )
    return np.asarray(polygons)
