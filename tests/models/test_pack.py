from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.models._pack import keys, pack
from highwall.models._walk import undecided
from highwall.models.forest import Forest, fit_forest

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOATS32 = st.floats(width=32, allow_nan=False)


def walked(forest: Forest, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Walk every pixel through every tree, node by node."""
    total = np.zeros((len(x), forest.n_classes))
    for pixel, row in enumerate(x):
        for root in forest.roots:
            node = root
            while forest.feature[node] >= 0:
                node = node + 1 if row[forest.feature[node]] <= forest.threshold[node] else forest.right[node]
            total[pixel] += forest.leaves[forest.right[node]]
    return total / len(forest.roots)


def grown(seed: int, min_leaf: int, classes: int, trees: int) -> Forest:
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(150, 3)), 1).astype(np.float32)
    labels = rng.integers(0, classes, 150).astype(np.uint8)
    return fit_forest(x, labels, ("a", "b", "c"), classes, trees=trees, min_leaf=min_leaf, seed=seed)


def some_pixels(seed: int, count: int) -> NDArray[np.float32]:
    return np.round(np.random.default_rng(seed).normal(size=(count, 3)), 1).astype(np.float32)


@settings(deadline=None)  # the first call compiles
@given(a=FLOATS32, b=FLOATS32)
def test_keys_are_ordered_as_their_floats(a: float, b: float) -> None:
    one, other = keys(np.array([[a], [b]], np.float32))
    assert (one[0] > other[0]) == (a > b)
    assert one[1] == other[1] <= min(one[0], other[0])


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 1000),
    min_leaf=st.integers(1, 9),  # 1: leaves are sure of a class
    classes=st.integers(1, 5),
    trees=st.integers(1, 45),
)
def test_answers_are_the_plain_walks(seed: int, min_leaf: int, classes: int, trees: int) -> None:
    forest, x = grown(seed, min_leaf, classes, trees), some_pixels(seed, 40)
    expected = walked(forest, x)
    np.testing.assert_array_equal(forest.predict_proba(x), expected)
    np.testing.assert_array_equal(forest.predict(x), expected.argmax(axis=1))


@settings(deadline=None, max_examples=30)
@given(roots=st.lists(st.integers(0, 40), min_size=1, max_size=9), nearer=st.booleans())
def test_any_nodes_may_be_roots_and_trees_may_share_nodes(roots: list[int], nearer: bool) -> None:
    forest = grown(1, 3, 3, 4)
    arrays = forest.to_arrays() | {"roots": np.array(roots, np.int32)}
    if nearer:  # two ways to one node
        inner = np.flatnonzero((forest.feature >= 0) & (forest.right > np.arange(forest.feature.size) + 2))
        arrays["right"] = forest.right.copy()
        arrays["right"][inner[::3]] -= 1
    odd, x = Forest.from_arrays(arrays, forest.features), some_pixels(2, 40)
    np.testing.assert_array_equal(odd.predict_proba(x), walked(odd, x))


@settings(deadline=None, max_examples=20)
@given(columns=st.sampled_from([1, 2, 15, 16, 63, 255, 256, 300]), seed=st.integers(0, 100), min_leaf=st.integers(1, 5))
def test_any_number_of_features(columns: int, seed: int, min_leaf: int) -> None:
    rng = np.random.default_rng(seed)
    x, names = rng.normal(size=(80, columns)).astype(np.float32), tuple(map(str, range(columns)))
    forest = fit_forest(x, rng.integers(0, 3, 80).astype(np.uint8), names, 3, trees=3, min_leaf=min_leaf, seed=seed)
    np.testing.assert_array_equal(forest.predict_proba(x), walked(forest, x))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds processes to cores")
def test_answers_do_not_depend_on_the_number_of_cores() -> None:
    forest, x = grown(5, 2, 4, 30), some_pixels(6, 150_001)
    answers, before = [], os.sched_getaffinity(0)
    for cores in ({min(before)}, before):
        os.sched_setaffinity(0, cores)
        try:
            answers.append((forest.predict(x), forest.predict_proba(x)))
        finally:
            os.sched_setaffinity(0, before)
    np.testing.assert_equal(answers[0], answers[1])


def test_pairs_of_sure_leaves_are_stored_once() -> None:
    forest = grown(3, 1, 3, 40)
    inner = np.flatnonzero(forest.feature >= 0)
    both = np.count_nonzero((forest.feature[inner + 1] < 0) & (forest.feature[forest.right[inner]] < 0))
    kinds = len(forest.leaves) ** 2
    assert len(pack(forest).nodes) <= len(forest.roots) + 2 * (len(inner) - both + kinds)


@settings(deadline=None)
@given(
    sums=st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=1, max_size=20),
    trees=st.integers(0, 9),
)
def test_nobody_overtakes_what_is_decided(sums: list[list[int]], trees: int) -> None:
    total = np.array(sums)
    open_ones = undecided(total.astype(np.float64), np.arange(len(total), dtype=np.uint32), trees)
    for pixel, row in enumerate(total):
        others = row + trees  # the most that each other class may come to
        others[row.argmax()] = -1
        assert (pixel in open_ones) == (others.max() >= row.max())
    np.testing.assert_array_equal(open_ones, undecided(total, np.arange(len(total), dtype=np.uint32), trees))


def test_too_many_nodes_for_a_word_are_refused() -> None:
    rng = np.random.default_rng(4)
    names = tuple(map(str, range(2**21)))  # leave ten bits for children
    small = fit_forest(
        rng.normal(size=(2000, 2)).astype(np.float32), rng.integers(0, 3, 2000).astype(np.uint8), "ab", 3
    )
    with pytest.raises(BadInput, match="too many"):
        pack(Forest(names, **small.to_arrays()))
