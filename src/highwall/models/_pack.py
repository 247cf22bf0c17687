"""Packs a forest's nodes in eight bytes each, for walking it quickly."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.compiled import compiled
from highwall.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.models.forest import Forest

_SHARED: Final = 64
"""Pairs of leaves are stored once where there are at most this many different leaves."""

_LEAST: Final = np.iinfo(np.int32).min


@dataclass(frozen=True, eq=False)
class Packed:
    """The nodes of a forest as 64-bit words, the two children of a node side by side.

    A word is `left child << shift | feature << 32 | key of the threshold`, and the next node is at
    `left child + (key of the pixel's feature > key of the threshold)`. A leaf looks at a column that is no
    feature and has the least key in every pixel (see `keys`), so that it leads back to itself: a walk may go on
    past its end. In place of a threshold it has its row of the forest's `leaves`.
    """

    nodes: NDArray[np.uint64]
    """Words, `(slot,)`; the first are the roots."""

    spans: NDArray[np.int64]
    """First and last slot of each tree's nodes (but for leaves that trees share), `(tree, 2)`."""

    shift: int
    """Bits below the left child: 32, and as many as the features take."""

    n_features: int
    """Number of features, and the column that leaves look at."""


def pack(forest: Forest) -> Packed:
    """Pack a forest; this takes up to 8 bytes a node, and 4 more while it lasts.

    Raises:
        BadInput: the forest has too many nodes: about 270 million for 15 features, 17 million for 255.
    """
    n_features, rows = len(forest.features), len(forest.leaves)
    shift = 32 + n_features.bit_length()
    left = np.full(forest.feature.size, -1, np.int64 if forest.feature.size > 2**30 else np.int32)
    shared = np.full((rows, rows) if rows <= _SHARED else (0, 0), -1, np.int64)
    bounds = np.unique([0, *forest.roots, forest.feature.size])
    slots = [len(forest.roots) + len(forest.roots) % 2]
    for begin, end in pairwise(bounds):
        slots.append(_place(forest.feature, forest.right, begin, end, slots[-1], shared, left))
    if slots[-1] > 1 << (64 - shift):
        raise BadInput(f"forest: {forest.feature.size} nodes are too many for {n_features} features")
    nodes = np.empty(slots[-1], np.uint64)
    bits = forest.threshold.view(np.int32)
    _fill(forest.feature, bits, forest.right, forest.roots, left, shift, n_features, nodes)
    tree = np.searchsorted(bounds, forest.roots)
    return Packed(nodes, np.array(slots)[np.stack([tree, tree + 1], 1)], shift, n_features)


def keys(x: NDArray[np.float32]) -> NDArray[np.int32]:
    """Turn features `(pixel, feature)` into integers of the same order, with a last column that is the least."""
    x = np.ascontiguousarray(x, np.float32)
    result = np.empty((x.shape[0], x.shape[1] + 1), np.int32)
    _fill_keys(x.view(np.int32), result)
    return result


@compiled
def _place(
    feature: NDArray[np.int32],
    right: NDArray[np.int32],
    begin: int,
    end: int,
    free: int,
    shared: NDArray[np.int64],
    left: NDArray[Any],
) -> int:
    """Give the children of nodes `begin` to `end` their places in `left`, from slot `free`; return the next free slot.

    Two leaves side by side are placed once, at their place in `shared`, if that holds any.
    """
    for node in range(begin, end):
        if feature[node] < 0:
            continue
        one, other = node + 1, right[node]
        if shared.size and feature[one] < 0 and feature[other] < 0:
            place = shared[right[one], right[other]]
            if place < 0:
                shared[right[one], right[other]] = place = free
                free += 2
            left[node] = place
        else:
            left[node] = free
            free += 2
    return free


@compiled
def _fill(
    feature: NDArray[np.int32],
    bits: NDArray[np.int32],
    right: NDArray[np.int32],
    roots: NDArray[np.int32],
    left: NDArray[Any],
    shift: int,
    n_features: int,
    nodes: NDArray[np.uint64],
) -> None:
    """Write the words of all nodes, given the bits of their thresholds and the slots of their left children."""

    def word(node: int, slot: int) -> Any:
        if feature[node] < 0:
            return np.uint64(slot) << np.uint64(shift) | np.uint64(n_features) << np.uint64(32) | np.uint64(right[node])
        key = np.uint64(np.uint32(_key(bits[node])))
        return np.uint64(left[node]) << np.uint64(shift) | np.uint64(feature[node]) << np.uint64(32) | key

    for slot in range(len(roots)):
        nodes[slot] = word(roots[slot], slot)
    if len(roots) % 2:
        nodes[len(roots)] = nodes[0]
    for node in range(len(feature)):
        if feature[node] >= 0:
            slot = left[node]
            nodes[slot] = word(node + 1, slot)
            nodes[slot + 1] = word(right[node], slot + 1)


@compiled
def _fill_keys(bits: NDArray[np.int32], result: NDArray[np.int32]) -> None:
    for pixel in range(bits.shape[0]):
        for column in range(bits.shape[1]):
            result[pixel, column] = _key(bits[pixel, column])
        result[pixel, bits.shape[1]] = _LEAST


@compiled
def _key(bits: int) -> Any:
    """Return an integer that is ordered as the float32 with these bits is; both zeros have 0."""
    if bits >= 0:
        return np.int32(bits)
    return np.int32(np.int64(_LEAST) - np.int64(bits))
