"""The inner loops of blending, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from highwall.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIGNLESS: Final = np.uint32(0x7FFFFFFF)
_INFINITY: Final = np.uint32(0x7F800000)
"""The bits of a float32 infinity: what is not finite has these or more, but for the sign."""


@compiled
def add_window(
    total: NDArray[np.float64],
    answer: NDArray[np.float32],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    start: int,
) -> bool:
    """Add a window's answer `(plane, y, x)` to `total` `(plane, y, x)`, weighted, from column `start` on.

    Returns:
        Whether all of the answer is finite.
    """
    largest = np.uint32(0)
    for c in range(answer.shape[0]):
        for y in range(answer.shape[1]):
            weight, values, sums = rows[y], answer[c, y], total[c, y, start : start + columns.size]
            bits = values.view(np.uint32)
            for x in range(columns.size):
                sums[x] += weight * columns[x] * values[x]
                largest = max(largest, bits[x] & _SIGNLESS)  # a maximum of whole numbers takes no branch
    return bool(largest < _INFINITY)


@compiled
def settle(
    total: NDArray[np.float64],
    known: NDArray[np.bool_],
    ids: NDArray[np.uint8],
    steps: int,
    unknown: int,
    classes: NDArray[np.uint8],
    probabilities: NDArray[np.uint8],
) -> None:
    """Turn blended planes `(plane, y, x)` into class ids `(y, x)` and counts of steps `(y, plane, x)`.

    The first planes are class probabilities, one for each of `ids`; the others have no say in the class.
    """
    count, height, width = total.shape
    for y in range(height):
        for x in range(width):
            if not known[y, x]:
                classes[y, x] = unknown
                for c in range(count):
                    probabilities[y, c, x] = unknown
                continue
            best = 0
            for c in range(ids.size):
                if total[c, y, x] > total[best, y, x]:
                    best = c
                share = min(max(total[c, y, x], 0.0), 1.0)
                probabilities[y, c, x] = int(share * steps + 0.5)
            for c in range(ids.size, count):
                share = min(max(total[c, y, x], 0.0), 1.0)
                probabilities[y, c, x] = int(share * steps + 0.5)
            classes[y, x] = ids[best]
