"""The forest's inner loops, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GROUP: Final = 512
"""Pixels that walk side by side, so that one needn't wait for another's memory: their features fit the first cache."""

_STRIDE: Final = 4
"""Steps between two looks at who has arrived."""


@compiled
def add_answers(
    nodes: NDArray[np.uint64],
    spans: NDArray[np.int64],
    shift: int,
    leaves: NDArray[Any],
    keys: NDArray[np.int32],
    pixels: NDArray[np.uint32],
    first: int,
    last: int,
    total: NDArray[Any],
) -> Any:
    """Add the class probabilities that trees `first` to `last` (excluded) give some pixels to their rows in `total`.

    Trees are in the outer loop, so that one tree after the other stays in the cache and each pixel sums in tree
    order, as scikit-learn does.

    Args:
        nodes: of `highwall.models._pack.Packed`.
        spans: of the same.
        shift: of the same.
        leaves: class probabilities `(row, class)`, or the classes alone `(row,)` where all leaves are sure.
        keys: features of all pixels, of `highwall.models._pack.keys`; fewer than 2 ** 32 values.
        pixels: which pixels, rows of `keys` and `total`.
        first: the first tree.
        last: the tree after the last.
        total: sums of all pixels, `(pixel, class)`.

    Returns:
        A number without meaning, for which every tree was read.
    """
    columns = np.uint32(keys.shape[1])
    flat = keys.ravel()
    state = np.empty(_GROUP, np.uint64)
    offset = np.empty(_GROUP, np.uint32)
    place = np.empty(_GROUP, np.uint32)
    row = np.empty(_GROUP, np.uint32)
    seen = np.uint64(0)
    for tree in range(first, last):
        begin, end = spans[tree]
        if 16 * pixels.size > end - begin:  # reading all in order is faster than fetching most of it out of order
            for slot in range(begin, end, 8):
                seen ^= nodes[slot]
        for start in range(0, pixels.size, _GROUP):
            count = min(_GROUP, pixels.size - start)
            for i in range(count):
                state[i] = nodes[tree]
                offset[i] = pixels[start + i] * columns
                place[i] = i
            _arrive(nodes, shift, columns - 1, flat, count, state, offset, place, row)
            if leaves.ndim == 1:
                for i in range(count):
                    total[pixels[start + i], leaves[row[i]]] += 1
            else:
                for i in range(count):
                    for c in range(leaves.shape[1]):
                        total[pixels[start + i], c] += leaves[row[i], c]
    return seen


@compiled
def _arrive(
    nodes: NDArray[np.uint64],
    shift: int,
    leaf: int,
    keys: NDArray[np.int32],
    count: int,
    state: NDArray[np.uint64],
    offset: NDArray[np.uint32],
    place: NDArray[np.uint32],
    row: NDArray[np.uint32],
) -> None:
    """Walk pixels from the nodes in `state` to their leaves, all of them step by step, and note the leaves' rows.

    No branch depends on data: a processor guesses every second branch of a tree wrong.
    """
    child, column, low = np.uint64(shift), np.uint64(32), np.uint64((1 << (shift - 32)) - 1)
    while count > 0:
        for _ in range(_STRIDE):
            for i in range(count):
                word = state[i]
                key = keys[np.uint64(offset[i]) + (word >> column & low)]
                state[i] = nodes[(word >> child) + np.uint64(key > np.int32(np.uint32(word)))]
        left = np.uint64(0)
        for i in range(count):
            word, where = state[i], place[i]
            row[where] = np.uint32(word)
            state[left], offset[left], place[left] = word, offset[i], where
            left += np.uint64((word >> column & low) != np.uint64(leaf))
        count = int(left)


@compiled
def undecided(total: NDArray[Any], pixels: NDArray[np.uint32], trees: int) -> NDArray[np.uint32]:
    """Return those of `pixels` whose likeliest class another may still overtake in so many trees."""
    result = np.empty_like(pixels)
    count = 0
    margin = trees + 1e-6  # of sums of probabilities, which rounding can't move so far
    for pixel in pixels:
        best, second = total[pixel, 0], total[pixel, 0] * 0 - 1
        for c in range(1, total.shape[1]):
            value = total[pixel, c]
            if value > best:
                best, second = value, best
            elif value > second:
                second = value
        result[count] = pixel
        count += best - second <= margin
    return result[:count]
