"""Roads and rivers: lines that find their way through the land."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.simulation.ground import Floats, Ground, Mask

    Points = NDArray[np.float64]
    """Line of points `(n, 2)` in metres, x before y."""

_STEP = 80.0
"""Metres between the nodes on which ways are searched."""

_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (2, -1), (1, -2))


class Network:
    """Finds the cheapest way between two points, on a coarse grid of nodes."""

    def __init__(self, ground: Ground, cost: Floats) -> None:
        """Prepare a search where crossing a metre of a cell costs `cost`, which is positive."""
        stride = max(round(_STEP / ground.cell), 1)
        self._step = stride * ground.cell
        coarse = ndimage.uniform_filter(cost, stride)[::stride, ::stride]
        self._shape = coarse.shape
        nodes = np.arange(coarse.size).reshape(coarse.shape)
        starts, ends, lengths = [], [], []
        height, width = coarse.shape
        for down, right in _NEIGHBOURS:
            here = (slice(0, max(height - down, 0)), slice(max(-right, 0), max(width - max(right, 0), 0)))
            there = (slice(down, None), slice(max(right, 0), max(width + min(right, 0), 0)))
            starts.append(nodes[here].ravel())
            ends.append(nodes[there].ravel())
            lengths.append((np.hypot(down, right) * (coarse[here] + coarse[there]) / 2).ravel())
        edges = (np.concatenate(lengths), (np.concatenate(starts), np.concatenate(ends)))
        self._graph = coo_array(edges, shape=(coarse.size, coarse.size)).tocsr()

    def way(self, start: tuple[float, float], end: tuple[float, float], smooth: float = 1.0) -> Points:
        """Return the cheapest line from `start` to `end` (both `(x, y)`), rounded off over `smooth` nodes."""
        first, last = self._node(start), self._node(end)
        before = dijkstra(self._graph, directed=False, indices=first, return_predecessors=True)[1]
        nodes = [last]
        while nodes[-1] != first:
            nodes.append(int(before[nodes[-1]]))
        rows, columns = np.unravel_index(nodes[::-1], self._shape)
        line = np.stack([columns, rows], axis=1).astype(np.float64) * self._step
        line[0], line[-1] = start, end
        return rounded(line, smooth)

    def _node(self, point: tuple[float, float]) -> int:
        row = int(np.clip(round(point[1] / self._step), 0, self._shape[0] - 1))
        column = int(np.clip(round(point[0] / self._step), 0, self._shape[1] - 1))
        return row * int(self._shape[1]) + column


def rounded(line: Points, smooth: float) -> Points:
    """Return a line with its corners rounded off, its ends kept, as points 4 m apart or closer."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    places = np.linspace(0, length[-1], int(length[-1] / 4) + 2)
    dense = np.stack([np.interp(places, length, line[:, axis]) for axis in (0, 1)], axis=1)
    if not smooth:
        return dense
    straight = dense[:1] + np.linspace(0, 1, len(dense))[:, None] * (dense[-1:] - dense[:1])
    bend = ndimage.gaussian_filter1d(dense - straight, smooth * _STEP / 4, axis=0, mode="constant")
    moved = bend[:1] + np.linspace(0, 1, len(bend))[:, None] * (bend[-1:] - bend[:1])
    return np.asarray(straight + bend - moved, dtype=np.float64)


def stroke(ground: Ground, line: Points, width: float) -> Mask:
    """Return the cells within half a width (metres) of a line."""
    inside = (line >= 0).all(axis=1) & (line[:, 0] < ground.size[0]) & (line[:, 1] < ground.size[1])
    drawn = np.zeros(ground.shape, bool)
    drawn[ground.index(line[inside])] = True
    radius = width / 2 / ground.cell
    if radius <= 0.75:
        return drawn
    reach = int(radius) + 1
    along = np.arange(-reach, reach + 1)
    disc = np.hypot(along[:, None], along[None, :]) <= radius
    wide: Mask = (
        ndimage.binary_dilation(drawn, disc) if reach <= 4 else ndimage.distance_transform_edt(~drawn) <= radius
    )
    return wide
