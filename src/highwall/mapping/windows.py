"""Overlapping windows over a scene, and the weights with which their answers are blended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from highwall.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNIT: Final = 1024
"""Weights along an axis are whole multiples of 1 / UNIT.

So the product of two weights and a float32 needs 20 + 24 bits at most, and a double holds sums of them
exactly: wherever all windows give one value, the blend is that value, bit for bit, in any order of windows.
"""


@dataclass(frozen=True, eq=False)
class Axis:
    """Windows along one side of a scene."""

    length: int
    """Pixels of the scene along it."""

    window: int
    """Pixels of a window along it; the last ones of the only window may lie outside a smaller scene."""

    starts: NDArray[np.int64]
    """First pixel of each window `(n,)`, ascending; the first is 0."""

    weights: NDArray[np.float64]
    """Weight of each pixel of each window, `(n, window)`, 0 to 1. At each pixel of the scene they add up to one,
    exactly; outside it they are 0."""

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.starts)

    def settled(self, number: int) -> int:
        """Return how many pixels from the start no window after this one reaches."""
        return int(self.starts[number + 1]) if number + 1 < len(self) else self.length

    def first_over(self, pixel: int) -> int:
        """Return the number of the first window that reaches this pixel."""
        return int(np.searchsorted(self.starts + self.window, pixel, side="right"))


@dataclass(frozen=True)
class Grid:
    """Windows over a scene: every row of windows with every column."""

    rows: Axis
    columns: Axis

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.rows) * len(self.columns)


def make_grid(shape: tuple[int, int], window: int = 256, overlap: int = 64) -> Grid:
    """Lay windows over a scene.

    Args:
        shape: height and width of the scene in pixels, 1 or more.
        window: height and width of a window in pixels, 1 or more.
        overlap: pixels that neighbouring windows share, 0 to `window - 1`; the last two may share more, since
            the last window ends where the scene ends.

    Raises:
        BadInput: the numbers make no sense.
    """
    if window < 1:
        raise BadInput(f"a window of {window} pixels is too small (1 at least)")
    if not 0 <= overlap < window:
        raise BadInput(f"windows of {window} pixels overlap by 0 to {window - 1} pixels, not by {overlap}")
    return Grid(make_axis(shape[0], window, overlap), make_axis(shape[1], window, overlap))


def make_axis(length: int, window: int, overlap: int) -> Axis:
    """Lay windows along one side; arguments as for `make_grid`."""
    last = max(length - window, 0)
    step = window - overlap
    starts = np.minimum(np.arange(0, last + step, step, dtype=np.int64), last) if last else np.zeros(1, np.int64)
    return Axis(length, window, starts, _weights(starts, length, window, overlap))


def _weights(starts: NDArray[np.int64], length: int, window: int, overlap: int) -> NDArray[np.float64]:
    """Share the weight one out at each pixel, in whole multiples of 1 / UNIT.

    Each window's wish falls linearly over the overlap towards its edges (where answers are worst); the wishes
    are scaled to add up to UNIT, cut to whole numbers, and what is left goes to the window whose middle is nearest.
    """
    inside = np.arange(window)
    wish = np.minimum(np.minimum(inside + 1, window - inside), overlap + 1).astype(np.float64)
    pixels = starts[:, None] + inside
    reached = pixels < length
    index = np.minimum(pixels, length - 1)
    total = np.zeros(length)
    np.add.at(total, index[reached], np.broadcast_to(wish, reached.shape)[reached])
    parts = np.where(reached, np.floor(wish / total[index] * UNIT), 0)
    given = np.zeros(length)
    np.add.at(given, index[reached], parts[reached])
    middles = starts + (window - 1) / 2
    owner = np.searchsorted((middles[1:] + middles[:-1]) / 2, np.arange(length))
    parts[owner, np.arange(length) - starts[owner]] += UNIT - given
    return parts / UNIT
