from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save
from sklearn.ensemble import RandomForestClassifier

from highwall.errors import BadInput
from highwall.models.forest import Forest, _round_down, fit_forest

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEATURES = ("B02", "B03", "B04", "B08", "B11", "B12", "unet", "fpn")
FLOATS = st.floats(allow_nan=False)
FLOATS32 = st.floats(width=32, allow_nan=False)


def pixels(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Six reflectances as they come from uint16 and two masks of four classes."""
    reflectance = (rng.integers(0, 12000, (count, 6)) * 1e-4).astype(np.float32)
    return np.hstack([reflectance, rng.integers(0, 4, (count, 2)).astype(np.float32)])


def truth(rng: np.random.Generator, x: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return classes that depend on the features, with noise."""
    value = x[:, 0] + 0.7 * x[:, 3] + 0.4 * x[:, 6] + rng.normal(0, 0.2, len(x))
    return np.clip(1.6 * value, 0, 3).astype(np.uint8)


def fitted(rng: np.random.Generator, count: int, **settings: Any) -> RandomForestClassifier:
    x = pixels(rng, count)
    return RandomForestClassifier(random_state=0, **settings).fit(x, truth(rng, x))


@given(threshold=FLOATS, near=st.integers(-2, 2), x=FLOATS32)
def test_rounded_threshold_decides_alike(threshold: float, near: int, x: float) -> None:
    rounded = _round_down(np.array([threshold]))
    neighbour = rounded[0]
    for _ in range(abs(near)):
        with np.errstate(over="ignore"):
            neighbour = np.nextafter(neighbour, np.float32(np.copysign(np.inf, near)))
    for value in (np.float32(x), neighbour):
        assert (value <= rounded[0]) == (float(value) <= threshold)


def test_labels_are_scikit_learns_on_a_million_pixels() -> None:
    rng = np.random.default_rng(1)
    reference = fitted(rng, 2000, n_estimators=100, class_weight="balanced", min_samples_leaf=2)
    x = pixels(rng, 1_000_000)
    forest = Forest.from_sklearn(reference, FEATURES, 4)
    expected = reference.predict_proba(x)  # one job: trees add up in order
    np.testing.assert_array_equal(forest.predict_proba(x), expected)
    np.testing.assert_array_equal(forest.predict(x), reference.classes_[expected.argmax(axis=1)])


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    trees=st.integers(1, 6),
    depth=st.none() | st.integers(1, 4),
    max_leaf_nodes=st.none() | st.integers(2, 9),
    class_weight=st.sampled_from([None, "balanced"]),
    classes=st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True),
)
def test_ties_and_absent_classes(
    seed: int,
    trees: int,
    depth: int | None,
    max_leaf_nodes: int | None,
    class_weight: str | None,
    classes: list[int],
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, (60, 2)).astype(np.float32)
    y = rng.choice(classes, 60).astype(np.uint8)  # nothing to learn: trees disagree, votes tie
    reference = RandomForestClassifier(
        trees, max_depth=depth, max_leaf_nodes=max_leaf_nodes, class_weight=class_weight, random_state=0
    ).fit(x, y)
    forest = Forest.from_sklearn(reference, ("a", "b"), 6)
    np.testing.assert_array_equal(forest.predict(x), reference.predict(x))
    proba = forest.predict_proba(x)
    np.testing.assert_array_equal(proba[:, reference.classes_], reference.predict_proba(x))
    np.testing.assert_array_equal(np.delete(proba, reference.classes_, axis=1), 0)


def test_pixels_on_a_threshold_go_left() -> None:
    rng = np.random.default_rng(2)
    reference = fitted(rng, 300, n_estimators=5)
    thresholds = np.concatenate([tree.tree_.threshold for tree in reference.estimators_]).astype(np.float32)
    x = rng.choice(np.concatenate([thresholds, np.nextafter(thresholds, np.float32(9))]), (20_000, 8))
    np.testing.assert_array_equal(Forest.from_sklearn(reference, FEATURES, 4).predict(x), reference.predict(x))


@pytest.mark.parametrize("count", [0, 1, 16384, 16385])
def test_any_number_of_pixels(count: int) -> None:
    rng = np.random.default_rng(3)
    reference = fitted(rng, 200, n_estimators=3)
    x = np.asfortranarray(pixels(rng, count))
    expected = reference.predict(x) if count else np.zeros(0)
    np.testing.assert_array_equal(Forest.from_sklearn(reference, FEATURES, 4).predict(x), expected)


def test_arrays_survive_a_safetensors_file() -> None:
    rng = np.random.default_rng(4)
    forest = Forest.from_sklearn(fitted(rng, 300, n_estimators=4, max_depth=5), FEATURES, 4)
    again = Forest.from_arrays(load(save(forest.to_arrays())), FEATURES)
    x = pixels(rng, 1000)
    np.testing.assert_array_equal(again.predict_proba(x), forest.predict_proba(x))
    assert again.features == FEATURES


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_damaged_arrays_are_refused_or_walk_to_an_end(data: st.DataObject) -> None:
    arrays = _small().to_arrays()
    name = data.draw(st.sampled_from(["feature", "right", "roots"]))
    damaged = arrays[name].copy()
    damaged[data.draw(st.integers(0, damaged.size - 1))] = data.draw(
        st.integers(-3, 40) | st.integers(-(2**31), 2**31 - 1)
    )
    try:
        forest = Forest.from_arrays(arrays | {name: damaged}, ("a", "b"))
    except BadInput:
        return
    waiting = set(forest.roots.tolist())
    while waiting:  # wherever a walk could come
        node = waiting.pop()
        assert 0 <= node < forest.feature.size
        if forest.feature[node] < 0:
            assert 0 <= forest.right[node] < len(forest.leaves)
        else:
            assert forest.feature[node] < 2
            assert forest.right[node] > node
            waiting |= {node + 1, int(forest.right[node])}
    x = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    assert np.all(forest.predict(x) < 3)


def _small() -> Forest:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(30, 2)).astype(np.float32)
    return fit_forest(x, rng.integers(0, 3, 30).astype(np.uint8), ("a", "b"), 3, trees=2, max_depth=3)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("feature", lambda a: np.where(a == 1, 2, a).astype(a.dtype), "none of 2"),
        ("right", np.zeros_like, "right child"),
        ("right", lambda a: a[:-1], "differ in length"),
        ("roots", lambda a: a + np.int32(1000), "no node"),
        ("roots", lambda a: a[:0], "roots is"),
        ("threshold", lambda a: a.astype(np.float64), "threshold is float64"),
        ("leaves", lambda a: a * np.nan, "from 0 to 1"),
        ("leaves", lambda a: a[:1], "no probabilities"),
    ],
)
def test_each_kind_of_damage_has_its_reason(name: str, change: Any, reason: str) -> None:
    arrays = _small().to_arrays()
    with pytest.raises(BadInput, match=reason):
        Forest.from_arrays(arrays | {name: change(arrays[name])}, ("a", "b"))


def test_missing_array_is_refused() -> None:
    arrays = _small().to_arrays()
    del arrays["right"]
    with pytest.raises(BadInput, match="right is missing"):
        Forest.from_arrays(arrays, ("a", "b"))


def test_fit_leaves_unknown_pixels_out_and_repeats() -> None:
    rng = np.random.default_rng(6)
    x = pixels(rng, 400)
    y = truth(rng, x)
    y[::3] = 255
    first, second = (
        fit_forest(x, y, FEATURES, 4, trees=7, max_depth=6, min_leaf=3, class_weight="balanced", seed=8, jobs=jobs)
        for jobs in (1, 2)
    )
    reference = RandomForestClassifier(7, max_depth=6, min_samples_leaf=3, class_weight="balanced", random_state=8)
    known = y != 255
    np.testing.assert_array_equal(first.predict(x), reference.fit(x[known], y[known]).predict(x))
    for name, array in first.to_arrays().items():
        np.testing.assert_array_equal(array, second.to_arrays()[name])


def test_fit_without_labels_is_refused() -> None:
    with pytest.raises(BadInput, match="no labelled pixel"):
        fit_forest(np.zeros((3, 1), np.float32), np.full(3, 255, np.uint8), ("a",), 4)


def test_columns_must_be_the_features() -> None:
    with pytest.raises(ValueError, match="don't fit"):
        _small().predict(np.zeros((3, 5), np.float32))


def test_equal_leaves_are_stored_once() -> None:
    forest = Forest.from_sklearn(fitted(np.random.default_rng(7), 500, n_estimators=10), FEATURES, 4)
    assert len(forest.leaves) <= 4  # grown to the end, every leaf is sure
