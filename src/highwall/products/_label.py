"""The inner loops over connected pixels, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN: Final = 255

RECORD: Final = np.dtype(
    [
        ("class_id", "u1"),
        ("touches", "?"),  # unknown ground, or the raster's end
        ("least", "u1"),  # probability of its own class, in counts; 255 where no pixel has one
        ("first", "i8"),  # row * width + column
        ("pixels", "i8"),
        ("edge", "i8"),  # pixels beside another class
        ("rated", "i8"),  # pixels with a probability
        ("total", "i8"),  # sum of these probabilities, in counts
        ("familiar", "i8"),  # sum of the applicability over all pixels, in counts
        ("top", "i4"),
        ("bottom", "i4"),  # inclusive, as `right`
        ("left", "i4"),
        ("right", "i4"),
    ],
    align=True,
)
"""What is known of a component."""


@compiled
def scan(
    block: NDArray[np.uint8],
    own: NDArray[np.uint8],
    applicability: NDArray[np.uint8],
    targets: NDArray[np.bool_],
    top: int,
    above: NDArray[np.int64],
    table: NDArray[Any],
    parent: NDArray[np.int64],
    count: int,
) -> int:
    """Find the components in rows of a raster, from those above on; return the number of labels in use then.

    A union-find (Rosenfeld and Pfaltz 1966) of which only the last row's labels are kept. Labels are numbered in the
    order of their first pixels, and of two that meet the lower one stays: it knows the first pixel of both.

    Args:
        block: class ids `(row + 2, x + 2)`: the rows with a pixel more on each side, 255 outside of the raster.
        own: probability of a pixel's own class in counts `(row, x)`; 255 where unknown.
        applicability: in counts, `(row, x)`.
        targets: which class ids count, `(256,)`.
        top: the first of the rows, counted from the raster's top.
        above: label of each pixel in the row above, `(x,)`, -1 for none; left as the labels of the last row.
        table: `RECORD` of each label, with room for `own.size` more.
        parent: the label that a label became part of, itself if none; likewise.
        count: number of labels in use.
    """
    rows, width = own.shape
    for row in range(rows):
        left = -1
        for x in range(width):
            value = block[row + 1, x + 1]
            if not targets[value]:
                above[x] = left = -1
                continue
            label = left if left >= 0 and block[row + 1, x] == value else -1
            if above[x] >= 0 and block[row, x + 1] == value:
                label = _union(table, parent, label, _find(parent, above[x]))
            if label < 0:
                label = count
                count += 1
                _begin(table[label], value, top + row, x, width)
                parent[label] = label
            _add(table[label], block, own[row, x], row, x, top)
            table[label].familiar += applicability[row, x]
            above[x] = left = label
    return count


@compiled
def _find(parent: NDArray[np.int64], label: int) -> int:
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = parent[label]
    return label


@compiled
def _union(table: NDArray[Any], parent: NDArray[np.int64], one: int, two: int) -> int:
    if one < 0 or one == two:
        return two
    low, high = min(one, two), max(one, two)
    parent[high] = low
    kept, gone = table[low], table[high]
    kept.touches |= gone.touches
    kept.least = min(kept.least, gone.least)
    kept.pixels += gone.pixels
    kept.edge += gone.edge
    kept.rated += gone.rated
    kept.total += gone.total
    kept.familiar += gone.familiar
    kept.bottom = max(kept.bottom, gone.bottom)
    kept.left = min(kept.left, gone.left)
    kept.right = max(kept.right, gone.right)
    return low


@compiled
def _begin(record: Any, value: int, row: int, x: int, width: int) -> None:
    record.class_id = value
    record.touches = False
    record.least = UNKNOWN
    record.first = row * width + x
    record.pixels = record.edge = record.rated = record.total = record.familiar = 0
    record.top = record.bottom = row
    record.left = record.right = x


@compiled
def _add(record: Any, block: NDArray[np.uint8], own: int, row: int, x: int, top: int) -> None:
    value = block[row + 1, x + 1]
    above, below, left, right = block[row, x + 1], block[row + 2, x + 1], block[row + 1, x], block[row + 1, x + 2]
    edge = False
    for neighbour in (above, below, left, right):
        record.touches |= neighbour == UNKNOWN
        edge |= neighbour != UNKNOWN and neighbour != value  # noqa: PLR1714 - numba knows no `in` here
    record.pixels += 1
    record.edge += edge
    record.bottom = top + row
    record.left = min(record.left, x)
    record.right = max(record.right, x)
    if own != UNKNOWN:
        record.rated += 1
        record.total += own
        record.least = min(record.least, own)
