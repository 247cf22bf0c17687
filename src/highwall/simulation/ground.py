"""The raster on which a site is built, and simple geometry on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ground:
    """A patch of ground cut into square cells; lengths are metres, x to the right and y down."""

    shape: tuple[int, int]
    """Rows and columns."""

    cell: float
    """Edge of a cell in metres."""

    @cached_property
    def x(self) -> Floats:
        """Metres from the left edge to the cell centres, `(1, column)`."""
        return ((np.arange(self.shape[1], dtype=np.float32) + 0.5) * self.cell)[None, :]

    @cached_property
    def y(self) -> Floats:
        """Metres from the top edge to the cell centres, `(row, 1)`."""
        return ((np.arange(self.shape[0], dtype=np.float32) + 0.5) * self.cell)[:, None]

    @property
    def size(self) -> tuple[float, float]:
        """Extent along x and y in metres."""
        return self.shape[1] * self.cell, self.shape[0] * self.cell

    @property
    def hectares(self) -> float:
        """Area of the whole patch."""
        return self.size[0] * self.size[1] / 1e4

    def index(self, points: NDArray[np.floating]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns of the cells of points `(n, 2)` (x, y), moved to the edge where they lie outside."""
        columns = np.clip(points[:, 0] / self.cell, 0, self.shape[1] - 1).astype(np.intp)
        rows = np.clip(points[:, 1] / self.cell, 0, self.shape[0] - 1).astype(np.intp)
        return rows, columns

    def turned(self, centre: tuple[float, float], angle: float) -> tuple[Floats, Floats]:
        """Return coordinates in metres along and across a direction, from a centre `(x, y)`; angle in radians."""
        dx, dy = self.x - centre[0], self.y - centre[1]
        along = dx * np.float32(np.cos(angle)) + dy * np.float32(np.sin(angle))
        across = dy * np.float32(np.cos(angle)) - dx * np.float32(np.sin(angle))
        return along, across

    def window(self, centre: tuple[float, float], reach: float) -> tuple[slice, slice]:
        """Return the rows and columns within `reach` metres of a centre, along either axis."""
        spans = []
        for middle, length in ((centre[1], self.shape[0]), (centre[0], self.shape[1])):
            start = int(np.clip((middle - reach) // self.cell, 0, length - 1))
            stop = int(np.clip((middle + reach) // self.cell + 1, start + 1, length))
            spans.append(slice(start, stop))
        return spans[0], spans[1]

    def distance_inside(self, mask: Mask) -> Floats:
        """Return metres from the cells of a mask to its outline, 0 outside; the edge of the ground is no outline."""
        inside: Floats = np.float32(self.cell) * ndimage.distance_transform_edt(mask).astype(np.float32)
        return inside

    def smooth(self, field: Floats, sigma: float) -> Floats:
        """Blur a field nearly like a Gaussian of `sigma` metres: three running means, as fast for any width.

        The variance of a running mean over w cells is `(w^2 - 1) / 12`.
        """
        width = 2 * round((float(np.sqrt(4 * (sigma / self.cell) ** 2 + 1)) - 1) / 2) + 1
        for _ in range(3):
            field = ndimage.uniform_filter(field, width, mode="nearest")
        return field


def grow(field: Floats, cells: int, seed: tuple[int, int]) -> Mask:
    """Return the cells with the smallest values of a field, `cells` of them, as one body without holes.

    Only what is connected to the seed `(row, column)` stays; nothing grows over infinite values.
    """
    finite = int(np.isfinite(field).sum())
    rank = min(cells, finite, field.size - 1)
    limit = np.partition(field, rank, axis=None)[rank]
    body, _ = ndimage.label((field <= limit) & np.isfinite(field))
    if body[seed] == 0:
        return np.zeros(field.shape, bool)
    grown: Mask = ndimage.binary_fill_holes(body == body[seed])
    return grown
