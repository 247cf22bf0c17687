"""The inner loops of overviews, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from highwall.compiled import compiled
from highwall.legend import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NONE = np.uint8(UNKNOWN)


@compiled
def halve_mean(fine: NDArray[np.uint8], coarse: NDArray[np.uint8]) -> None:
    """Fill `coarse` `(y, plane, x)` with the means of the known pixels among two by two of `fine`, rounded half up.

    It is half as high and wide, rounded up: at an odd end, one or two pixels stand for all.
    """
    for y in range(coarse.shape[0]):
        below = min(2 * y + 1, fine.shape[0] - 1)
        for c in range(coarse.shape[1]):
            upper, lower, out = fine[2 * y, c], fine[below, c], coarse[y, c]
            for x in range(upper.size // 2):
                out[x] = _mean(upper[2 * x], upper[2 * x + 1], lower[2 * x], lower[2 * x + 1])
            if upper.size % 2:
                out[-1] = _mean(upper[-1], upper[-1], lower[-1], lower[-1])


@compiled
def halve_mode(fine: NDArray[np.uint8], coarse: NDArray[np.uint8]) -> None:
    """Fill `coarse` `(y, plane, x)`, likewise, with what is most frequent among the known pixels.

    Of two values that are as frequent, it is the one that comes first, row by row.
    """
    for y in range(coarse.shape[0]):
        below = min(2 * y + 1, fine.shape[0] - 1)
        for c in range(coarse.shape[1]):
            upper, lower, out = fine[2 * y, c], fine[below, c], coarse[y, c]
            for x in range(upper.size // 2):
                out[x] = _mode(upper[2 * x], upper[2 * x + 1], lower[2 * x], lower[2 * x + 1])
            if upper.size % 2:
                out[-1] = _mode(upper[-1], upper[-1], lower[-1], lower[-1])


@compiled
def _mean(a: int, b: int, c: int, d: int) -> int:
    known = (a != _NONE) + (b != _NONE) + (c != _NONE) + (d != _NONE)
    total = a * (a != _NONE) + b * (b != _NONE) + c * (c != _NONE) + d * (d != _NONE)
    return int(np.float32(total) / np.float32(known) + np.float32(0.5)) if known else UNKNOWN


@compiled
def _mode(a: int, b: int, c: int, d: int) -> int:
    if a == b == c == d:
        return a
    best, most = UNKNOWN, 0
    times = 1 + (b == a) + (c == a) + (d == a), 1 + (c == b) + (d == b), 1 + (d == c), 1  # from there on
    for value, count in zip((a, b, c, d), times):  # noqa: B905 - numba knows no `strict`
        if value != _NONE and count > most:
            best, most = value, count
    return best
