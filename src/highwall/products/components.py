"""Connected pixels of one class, found row by row."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.legend import UNKNOWN
from highwall.mapping.engine import STEPS
from highwall.products._label import RECORD, scan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.products.labels import Labels

_STRIP: Final = 64
"""Rows in memory at once."""


@dataclass(frozen=True, eq=False)
class Components:
    """All components of the target classes: pixels of one class that hang together by their sides (not by corners).

    They stand in the order of their first pixels, row by row; each array has one entry a component.
    """

    class_id: NDArray[np.uint8]
    """Class id."""

    pixels: NDArray[np.int64]
    """Number of pixels."""

    mean_probability: NDArray[np.float64]
    """Mean over its pixels of the probability of its class, 0 to 1; NaN where unknown."""

    least_probability: NDArray[np.float64]
    """The least of these probabilities."""

    applicability: NDArray[np.float64]
    """Mean applicability of its pixels, 0 to 1; NaN where unknown."""

    edge_pixels: NDArray[np.int64]
    """Number of pixels with a pixel of another class beside them (above, below, left or right). Neither unknown
    ground nor the end of the raster makes an edge: nobody knows what is there."""

    touches_unknown: NDArray[np.bool_]
    """Whether unknown ground or the end of the raster is beside it, so that it may go on there."""

    first: NDArray[np.int64]
    """First pixel, as row * width + column."""

    top: NDArray[np.int32]
    """First row."""

    bottom: NDArray[np.int32]
    """Last row."""

    left: NDArray[np.int32]
    """First column."""

    right: NDArray[np.int32]
    """Last column."""

    def __getitem__(self, which: slice | NDArray[np.bool_]) -> Components:
        """Return some of them."""
        return Components(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    def __len__(self) -> int:
        """Count them."""
        return len(self.first)


def find_components(labels: Labels, strip: int = _STRIP) -> Components:
    """Find the components of all classes but id 0.

    Memory grows with the number of components and the raster's width, but not with its height.

    Args:
        labels: the map.
        strip: rows to read at once; the result does not depend on it.
    """
    height, width = labels.classes.shape
    targets = np.zeros(256, np.bool_)
    targets[[labels.legend.ids[index] for index in labels.legend.targets]] = True
    above = np.full(width, -1, np.int64)
    table, parent = np.empty(0, RECORD), np.empty(0, np.int64)
    count = kept = 0
    for top in range(0, height, strip):
        block = _with_neighbours(labels.classes, top, min(strip, height - top))
        own = _own_probability(labels, top, block[1:-1, 1:-1], targets)
        applicability = _applicability(labels, top, own.shape)
        if count + own.size > len(table):
            table, parent = (_longer(array, count, own.size) for array in (table, parent))
        count = scan(block, own, applicability, targets, top, above, table, parent, count)
        labels.let_go()
        if count >= 2 * kept:  # labels that became part of others would add up
            count = kept = _drop_merged(table, parent, above, count)
    found = _components(table[: _drop_merged(table, parent, above, count)])
    return found if labels.applicability is not None else replace(found, applicability=np.full(len(found), np.nan))


def _with_neighbours(classes: NDArray[np.uint8], top: int, rows: int) -> NDArray[np.uint8]:
    height, width = classes.shape
    block = np.full((rows + 2, width + 2), UNKNOWN, np.uint8)
    start, stop = max(top - 1, 0), min(top + rows + 1, height)
    block[start - top + 1 : stop - top + 1, 1:-1] = classes[start:stop]
    return block


def _own_probability(
    labels: Labels, top: int, classes: NDArray[np.uint8], targets: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    own = np.full(classes.shape, UNKNOWN, np.uint8)
    if labels.probabilities is not None:
        rows, columns = np.nonzero(targets[classes])
        indices = labels.legend.indices(classes[rows, columns])
        own[rows, columns] = labels.probabilities[top : top + len(classes)][rows, indices, columns]
    return own


def _applicability(labels: Labels, top: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if labels.applicability is None:
        return np.zeros(shape, np.uint8)
    return np.array(labels.applicability[top : top + shape[0]])


def _longer(array: NDArray[Any], count: int, more: int) -> NDArray[Any]:
    result = np.empty(count + max(count, more), array.dtype)
    result[:count] = array[:count]
    return result


def _drop_merged(table: NDArray[Any], parent: NDArray[np.int64], above: NDArray[np.int64], count: int) -> int:
    """Close the gaps that merged labels left, and return the number of labels that remain."""
    root = parent[:count]
    while np.any(root[root] != root):
        root = root[root]
    stays = root == np.arange(count)
    kept = int(stays.sum())
    number = np.cumsum(stays) - 1
    above[above >= 0] = number[root[above[above >= 0]]]
    table[:kept] = table[:count][stays]
    parent[:kept] = np.arange(kept)
    return kept


def _components(table: NDArray[Any]) -> Components:
    rated = np.where(table["rated"], table["rated"], np.nan)
    return Components(
        class_id=table["class_id"].copy(),
        pixels=table["pixels"].copy(),
        mean_probability=table["total"] / STEPS / rated,
        least_probability=np.where(table["rated"], table["least"] / STEPS, np.nan),
        applicability=table["familiar"] / STEPS / table["pixels"],
        edge_pixels=table["edge"].copy(),
        touches_unknown=table["touches"].copy(),
        first=table["first"].copy(),
        top=table["top"].copy(),
        bottom=table["bottom"].copy(),
        left=table["left"].copy(),
        right=table["right"].copy(),
    )
