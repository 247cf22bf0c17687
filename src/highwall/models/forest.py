"""Level 2: a random forest that is fitted by scikit-learn, kept as plain arrays and walked here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from highwall.cores import usable_cores
from highwall.errors import BadInput
from highwall.legend import UNKNOWN
from highwall.models._pack import Packed, keys, pack
from highwall.models._walk import add_answers, undecided

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_BLOCK: Final = 65536
"""Most pixels that one thread takes through the forest at once, so that many share the reading of a tree."""

_PAUSE: Final = 8
"""Fewest trees between two looks at which pixels are decided: a look costs as much as some of a tree."""

_ARRAYS: Final[dict[str, tuple[type[np.generic], int]]] = {
    "feature": (np.int32, 1),
    "threshold": (np.float32, 1),
    "right": (np.int32, 1),
    "roots": (np.int32, 1),
    "leaves": (np.float64, 2),
}
"""Type and number of dimensions of each array of a forest."""


@dataclass(frozen=True, eq=False)
class Forest:
    """A fitted random forest; answers exactly as the scikit-learn forest it was made from.

    The nodes of all trees stand in one row, each tree in preorder: the left child of node `i` is node
    `i + 1`, so only the right child is stored. Leaves that say the same share one row of `leaves`.
    Features must not be NaN: what the forest answers for NaN is not defined.

    Raises:
        BadInput: the arrays are no forest, so that a walk could leave them or never end.
    """

    features: tuple[str, ...]
    """Feature names, in the order of the columns of `x`."""

    feature: NDArray[np.int32]
    """Column that a node looks at, `(node,)`; -1 at a leaf."""

    threshold: NDArray[np.float32]
    """A pixel goes left where its feature is at most this, `(node,)`; without meaning at a leaf."""

    right: NDArray[np.int32]
    """Right child, `(node,)`; at a leaf its row in `leaves`."""

    roots: NDArray[np.int32]
    """Root node of each tree, `(tree,)`."""

    leaves: NDArray[np.float64]
    """The different class probabilities that leaves hold, `(row, class)`."""

    def __post_init__(self) -> None:
        for name, (dtype, ndim) in _ARRAYS.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.ndim != ndim or array.size == 0:
                raise BadInput(f"forest: {name} is {array.dtype}{list(array.shape)}, not {dtype.__name__} in {ndim}-D")
        nodes = np.arange(self.feature.size)
        if not self.feature.shape == self.threshold.shape == self.right.shape:
            raise BadInput("forest: feature, threshold and right differ in length")
        if np.any((self.feature < -1) | (self.feature >= len(self.features))):
            raise BadInput(f"forest: a node looks at a feature that is none of {len(self.features)}")
        if np.any((self.roots < 0) | (self.roots >= nodes.size)):
            raise BadInput("forest: a root is no node")
        leaf = self.feature < 0
        # with children always after their parent, every walk ends, and before the end of the arrays
        if np.any(~leaf & ((self.right <= nodes + 1) | (self.right >= nodes.size))):
            raise BadInput("forest: a right child is no node after its parent's left child")
        if np.any(leaf & ((self.right < 0) | (self.right >= len(self.leaves)))):
            raise BadInput("forest: a leaf has no probabilities")
        if not np.all((self.leaves >= 0) & (self.leaves <= 1)):
            raise BadInput("forest: a leaf's probability is not from 0 to 1")

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.leaves.shape[1])

    @classmethod
    def from_sklearn(cls, forest: RandomForestClassifier, features: Sequence[str], n_classes: int) -> Self:
        """Take over a fitted scikit-learn forest.

        Args:
            forest: fitted on class indices below `n_classes`, not necessarily on all of them, without NaN.
            features: names of the columns it was fitted on.
            n_classes: number of classes; those that the fit never saw get probability 0.
        """
        trees = [estimator.tree_ for estimator in forest.estimators_]
        starts = np.cumsum([0, *(tree.node_count for tree in trees)])
        orders = [_preorder(tree.children_left, tree.children_right) for tree in trees]

        feature = np.concatenate([tree.feature[order] for tree, order in zip(trees, orders, strict=True)])
        threshold = np.concatenate([tree.threshold[order] for tree, order in zip(trees, orders, strict=True)])
        right = np.concatenate(
            [
                start + np.argsort(order)[tree.children_right[order]]  # argsort inverts the permutation
                for tree, order, start in zip(trees, orders, starts[:-1], strict=True)
            ]
        )
        values = np.concatenate([tree.value[order, 0] for tree, order in zip(trees, orders, strict=True)])

        leaf = feature < 0
        rows, row = np.unique(values[leaf], axis=0, return_inverse=True)
        right[leaf] = row.ravel()  # numpy 2.0 alone gives it a second axis
        leaves = np.zeros((len(rows), n_classes))
        leaves[:, np.asarray(forest.classes_, np.intp)] = rows
        return cls(
            features=tuple(features),
            feature=np.where(leaf, -1, feature).astype(np.int32),
            threshold=_round_down(np.where(leaf, 0, threshold)),
            right=right.astype(np.int32),
            roots=starts[:-1].astype(np.int32),
            leaves=leaves,
        )

    @cached_property
    def _packed(self) -> Packed:
        return pack(self)

    @cached_property
    def _walked_leaves(self) -> NDArray[Any]:
        """The leaves' classes `(row,)` where all of them are sure, else their probabilities `(row, class)`."""
        sure = np.all(self.leaves.max(axis=1) == 1) and np.all(self.leaves.sum(axis=1) == 1)
        return self.leaves.argmax(axis=1) if sure else self.leaves

    def predict_proba(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class probabilities `(pixel, class)` for features `(pixel, feature)`: the mean over the trees."""
        return self._sums(x, (len(self.roots),)) / len(self.roots)

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Labels `(pixel,)` for features `(pixel, feature)`; the lowest class index wins a tie.

        Pixels whose label no later tree can change are dropped on the way.
        """
        trees = len(self.roots)
        stops = (*range(trees // 2 + 1, trees, max(_PAUSE, trees // 20)), trees)
        labels: NDArray[np.uint8] = self._sums(x, stops).argmax(axis=1).astype(np.uint8)
        return labels

    def _sums(self, x: NDArray[np.float32], stops: Sequence[int]) -> NDArray[Any]:
        """Sum class probabilities over the trees; those of pixels that are decided at a stop end there."""
        if x.ndim != 2 or x.shape[1] != len(self.features):
            raise ValueError(f"features {x.shape} don't fit {self.features}")
        packed, leaves = self._packed, self._walked_leaves
        total = np.zeros((len(x), self.n_classes), np.int32 if leaves.ndim == 1 else np.float64)

        def walk(start: int) -> None:
            keyed, sums = keys(x[start : start + block]), total[start : start + block]
            pixels = np.arange(len(sums), dtype=np.uint32)
            for first, last in pairwise((0, *stops)):
                if first:
                    pixels = undecided(sums, pixels, stops[-1] - first)
                add_answers(packed.nodes, packed.spans, packed.shift, leaves, keyed, pixels, first, last, sums)

        threads = usable_cores()
        block = min(-(-max(len(x), 1) // threads), _BLOCK)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(walk, range(0, len(x), block)))
        return total

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """All but the feature names, as safetensors stores it."""
        return {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], features: Sequence[str]) -> Self:
        """Undo `to_arrays`; the arrays may come from anywhere.

        Raises:
            BadInput: the arrays are no forest over these features.
        """
        if lacking := [name for name in _ARRAYS if name not in arrays]:
            raise BadInput(f"forest: {' '.join(lacking)} is missing")
        return cls(tuple(features), **{name: np.ascontiguousarray(arrays[name]) for name in _ARRAYS})


def fit_forest(
    x: NDArray[np.float32],
    y: NDArray[np.uint8],
    features: Sequence[str],
    n_classes: int,
    *,
    trees: int = 100,
    max_depth: int | None = None,
    min_leaf: int = 1,
    class_weight: Literal["balanced"] | None = None,
    seed: int = 0,
    jobs: int | None = None,
) -> Forest:
    """Fit a forest; the same arguments give the same forest, whatever `jobs` is.

    Args:
        x: features `(pixel, feature)`, finite.
        y: labels `(pixel,)`; pixels with 255 are left out.
        features: names of the columns of `x`.
        n_classes: number of classes; those that `y` lacks get probability 0.
        trees: number of trees.
        max_depth: most splits between root and leaf; None for no limit.
        min_leaf: fewest pixels in a leaf.
        class_weight: `"balanced"` weighs classes by the inverse of their share in `y`.
        seed: seed of the draws of pixels and features.
        jobs: processor cores to use, -1 for all, None for one.

    Raises:
        BadInput: no pixel has a label.
    """
    known = y != UNKNOWN
    if not known.any():
        raise BadInput("the forest has no labelled pixel to learn from")
    forest = RandomForestClassifier(
        trees,
        max_depth=max_depth,
        min_samples_leaf=min_leaf,
        class_weight=class_weight,
        random_state=seed,
        n_jobs=jobs,
    )
    return Forest.from_sklearn(forest.fit(x[known], y[known]), features, n_classes)


def _preorder(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.intp]:
    """Order a tree's nodes so that each left child follows its parent."""
    inner = np.flatnonzero(left >= 0)
    if np.array_equal(left[inner], inner + 1):  # how scikit-learn grows trees unless their leaves are limited
        return np.arange(left.size)
    order, waiting = [], [0]
    while waiting:
        node = waiting.pop()
        order.append(node)
        if left[node] >= 0:
            waiting += [int(right[node]), int(left[node])]
    return np.asarray(order, np.intp)


def _round_down(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest float32 up to `threshold`: no float32 lies between the two, so comparisons stay the same."""
    with np.errstate(over="ignore"):
        nearest = threshold.astype(np.float32)
        below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > threshold, below, nearest)
