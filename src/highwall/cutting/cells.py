"""Cells of the regular grid that a scene is cut along: where polygons lie, and where to look for empty ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

Cell = tuple[int, int]
"""Row and column of a cell in the grid, from 0; its first pixel is `size` times as far down and right."""

MARGIN: Final = 32
"""Pixels between empty cells and polygons, if possible: outlines are rarely exact."""

_AROUND: Final = np.ones((3, 3), bool)


def touched_cells(tree: shapely.STRtree, shape: tuple[int, int], size: int) -> NDArray[np.bool_]:
    """Tell which cells polygons touch, `(row, column)`.

    Args:
        tree: the polygons in pixels.
        shape: height and width of the scene in pixels; cells of the last row and column may reach beyond.
        size: height and width of a cell in pixels.
    """
    return _hit(tree, shape, size, 0)


def empty_cells(
    tree: shapely.STRtree, shape: tuple[int, int], size: int, rng: np.random.Generator
) -> list[tuple[Cell, bool]]:
    """Return all cells that no polygon touches in the order in which to take them, and whether each lies well apart.

    Cells with another cell between them and the polygons come first, then those that are `MARGIN` pixels from any
    polygon, then the others; each kind in random order. Arguments as for `touched_cells`.
    """
    touched = touched_cells(tree, shape, size)
    beside = ndimage.binary_dilation(touched, _AROUND)
    near = _hit(tree, shape, size, MARGIN)
    rank = beside.astype(int) + near
    free = np.argwhere(~touched)
    order = np.lexsort([rng.random(len(free)), rank[~touched]])
    return [((row, column), not near[row, column]) for row, column in free[order].tolist()]


def number_groups(cells: list[Cell]) -> NDArray[np.int64]:
    """Number the groups of cells that touch, edge to edge or corner to corner: one number for each cell."""
    where = np.array(cells, np.int64).reshape(-1, 2)
    grid = np.zeros(where.max(axis=0, initial=0) + 1, bool)
    grid[where[:, 0], where[:, 1]] = True
    numbers, _ = ndimage.label(grid, _AROUND)
    return np.asarray(numbers[where[:, 0], where[:, 1]] - 1, np.int64)


def _hit(tree: shapely.STRtree, shape: tuple[int, int], size: int, within: int) -> NDArray[np.bool_]:
    """Tell which cells have a polygon within so many pixels of them."""
    rows, columns = (-(-pixels // size) for pixels in shape)
    top, left = (index.ravel() * size for index in np.indices((rows, columns)))
    boxes = shapely.box(left, top, left + size, top + size)
    hit = np.zeros(rows * columns, bool)
    hit[np.unique(tree.query(boxes, predicate="dwithin", distance=within)[0])] = True
    return hit.reshape(rows, columns)
