"""What became what: codes for pixels, and how much of each there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from highwall.legend import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.legend import Color, Legend, LegendClass


@dataclass(frozen=True)
class Code:
    """Numbers for pairs of classes: `before * base + after`, of class ids."""

    legend: Legend
    """The classes of both maps."""

    @property
    def base(self) -> int:
        """16, so that two hexadecimal digits tell the classes, or 256 where an id is greater than 14."""
        return 16 if self.legend.ids[-1] <= 14 else 256

    @property
    def unknown(self) -> int:
        """The number where one of the two is unknown: 255 or 65535."""
        return self.base**2 - 1

    @property
    def dtype(self) -> str:
        """The type of pixels that holds it."""
        return "uint8" if self.base == 16 else "uint16"

    def encode(self, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[Any]:
        """Turn class ids of two times, of one shape, into numbers."""
        number = before.astype(np.int32) * self.base + after
        return np.where((before == UNKNOWN) | (after == UNKNOWN), self.unknown, number).astype(self.dtype)

    def entries(self) -> list[tuple[int, str, Color]]:
        """List number, name and colour of all pairs of classes."""
        classes = self.legend.classes
        return [(one.id * self.base + two.id, _name(one, two), _color(one, two)) for one in classes for two in classes]


@dataclass(frozen=True, eq=False)
class Transitions:
    """How much of each class became each class, on the ground that is known at both times.

    These are counts of pixels: errors of the maps are not corrected for.
    """

    pixels: NDArray[np.int64]
    """Number of pixels, `(before, after)`, in the order of the legend."""

    hectares: NDArray[np.float64]
    """Geodesic area, likewise; NaN where nothing is known of the ground."""


def count_row(before: NDArray[np.uint8], after: NDArray[np.uint8], classes: int, block: int) -> NDArray[np.int64]:
    """Count transitions in a strip, `(square, before, after)`, in each square of `block` columns.

    Args:
        before: class indices `(y, x)`, 255 where unknown.
        after: likewise.
        classes: number of classes.
        block: columns of a square.
    """
    squares = -(-before.shape[1] // block)
    known = (before != UNKNOWN) & (after != UNKNOWN)
    square = np.broadcast_to(np.arange(before.shape[1], dtype=np.int32) // block, before.shape)[known]
    cell = (square * classes + before[known]) * classes + after[known]
    return np.bincount(cell, minlength=squares * classes**2).reshape(squares, classes, classes)


def _name(before: LegendClass, after: LegendClass) -> str:
    return f"{before.name} unchanged" if before.id == after.id else f"{before.name} to {after.name}"


def _color(before: LegendClass, after: LegendClass) -> Color:
    """What came to a target class has its colour; what stayed is paler, and what became background is darker."""
    if before.id == after.id == 0:
        return before.color
    if before.id == after.id:
        return _mix(after.color, 255)
    return _mix(before.color, 0) if after.id == 0 else after.color


def _mix(color: Color, grey: int) -> Color:
    red, green, blue = ((part + grey) // 2 for part in color)
    return red, green, blue
