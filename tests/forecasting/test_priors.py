from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import norm

from highwall.forecasting.priors import bbse_shares, em_shares, prior_shift

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MEANS = np.array([0.0, 1.5, 3.0])
TRAINING = np.array([0.7, 0.2, 0.1])


def ground(shares: Any, pixels: int, seed: int = 0) -> tuple[NDArray[np.int64], Floats]:
    """Draw pixels of three classes, and the probabilities that a perfect model of the training has for them."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, pixels, p=shares)
    likelihood = norm.pdf(rng.normal(MEANS[truth])[:, None], MEANS)
    joint = likelihood * TRAINING
    return truth, joint / joint.sum(axis=1, keepdims=True)


def counts(truth: NDArray[np.int64], probabilities: Floats) -> NDArray[np.int64]:
    matrix = np.zeros((3, 3), np.int64)
    np.add.at(matrix, (truth, probabilities.argmax(1)), 1)
    return matrix


def some_shares(classes: int) -> st.SearchStrategy[Floats]:
    parts = st.lists(st.floats(0.05, 1), min_size=classes, max_size=classes)
    return parts.map(lambda drawn: np.array(drawn) / np.sum(drawn))


@pytest.mark.parametrize("shares", [[0.7, 0.2, 0.1], [0.2, 0.3, 0.5], [0.05, 0.9, 0.05], [0.0, 0.5, 0.5]])
def test_known_shares_are_found_where_answers_are_not(shares: list[float]) -> None:
    confusion = counts(*ground(TRAINING, 100_000, seed=1))
    _, probabilities = ground(shares, 40_000)
    found = prior_shift(probabilities, TRAINING, confusion)
    assert found.em == pytest.approx(shares, abs=0.015)
    assert found.bbse == pytest.approx(shares, abs=0.03)
    if shares != TRAINING.tolist():
        assert np.abs(np.subtract(found.answered, shares)).max() > 0.05
    json.dumps(found.to_json(), allow_nan=False)


def test_em_is_the_maximum_of_the_likelihood() -> None:
    _, probabilities = ground([0.3, 0.3, 0.4], 500)
    weights = np.random.default_rng(0).random(500)

    def loss(logits: Floats) -> float:
        shares = np.exp(logits) / np.exp(logits).sum()
        return -float(weights @ np.log(probabilities @ (shares / TRAINING)))

    best = np.exp(minimize(loss, np.zeros(3), options={"gtol": 1e-6}).x)
    assert em_shares(probabilities, TRAINING, weights) == pytest.approx(best / best.sum(), abs=1e-3)


@given(training=some_shares(4), seed=st.integers(0, 1000))
def test_the_same_shares_stay_the_same(training: Floats, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(4), 60)
    training = probabilities.mean(axis=0)
    assert em_shares(probabilities, training, np.ones(60)) == pytest.approx(training, abs=1e-6)
    confusion = rng.integers(1, 100, (4, 4))
    given_truth = confusion / confusion.sum(axis=1, keepdims=True)
    assert bbse_shares(training @ given_truth, confusion, training) == pytest.approx(training, abs=1e-6)


@settings(deadline=None)
@given(training=some_shares(3), shares=some_shares(3), noise=st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=3))
def test_bbse_is_the_least_squares_on_the_simplex(training: Floats, shares: Floats, noise: list[float]) -> None:
    confusion = np.array([[80, 15, 5], [20, 70, 10], [5, 25, 70]])
    given_truth = confusion / 100
    answered = np.clip(shares @ given_truth + noise, 0, None)
    found = bbse_shares(answered, confusion, training)
    best = minimize(
        lambda tried: ((tried @ given_truth - answered) ** 2).sum(),
        np.full(3, 1 / 3),
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda tried: tried.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-12},
    ).x
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    assert found == pytest.approx(best, abs=2e-3)


def test_classes_that_are_not_told_apart_keep_their_training_ratio() -> None:
    confusion = np.array([[90, 5, 5], [10, 45, 45], [10, 45, 45]])
    training = np.array([0.6, 0.3, 0.1])
    answered = 0.2 * confusion[0] / 100 + 0.8 * confusion[1] / 100
    assert bbse_shares(answered, confusion, training) == pytest.approx([0.2, 0.5, 0.3], abs=1e-3)  # +0.2 to each


def test_a_class_without_training_gets_nothing() -> None:
    _, probabilities = ground([0.3, 0.3, 0.4], 20_000)
    padded = np.insert(probabilities, 1, 0, axis=1)
    training = np.insert(TRAINING, 1, 0)
    confusion = np.insert(np.insert(counts(*ground(TRAINING, 50_000, seed=1)), 1, 0, axis=0), 1, 0, axis=1)
    found, plain = prior_shift(padded, training, confusion), prior_shift(probabilities, TRAINING)
    assert found.em[1] == 0
    assert found.bbse is not None
    assert found.bbse[1] == 0
    assert np.delete(found.em, 1) == pytest.approx(plain.em)
    assert np.delete(found.bbse, 1) == pytest.approx([0.3, 0.3, 0.4], abs=0.03)


def test_a_class_that_the_confusion_lacks_is_taken_as_answered() -> None:
    confusion = np.array([[90, 10, 0], [20, 80, 0], [0, 0, 0]])
    answered = np.array([0.5 * 0.9 + 0.2 * 0.2, 0.5 * 0.1 + 0.2 * 0.8, 0.3])
    assert bbse_shares(answered, confusion, TRAINING) == pytest.approx([0.5, 0.2, 0.3], abs=1e-4)


def test_weights_are_repetitions() -> None:
    _, probabilities = ground([0.3, 0.3, 0.4], 300)
    times = np.random.default_rng(0).integers(0, 4, 300)
    weighted = prior_shift(probabilities, TRAINING, weights=times.astype(np.float32))
    repeated = prior_shift(probabilities.repeat(times, axis=0), TRAINING)
    assert weighted.answered == pytest.approx(repeated.answered)
    assert weighted.em == pytest.approx(repeated.em, abs=1e-5)
    assert weighted.bbse is repeated.bbse is None


def test_certain_answers_are_believed() -> None:
    found = prior_shift(np.eye(3)[[0, 1, 1, 2]], TRAINING)
    assert found.answered == (0.25, 0.5, 0.25)
    assert found.em == pytest.approx(found.answered)


def test_pixels_of_unknown_classes_alone_leave_the_training_shares() -> None:
    assert em_shares(np.eye(2)[[1, 1]], np.array([1.0, 0.0]), np.ones(2)).tolist() == [1, 0]


@pytest.mark.parametrize("weights", [None, np.zeros(0, np.float32)])
def test_no_pixels_are_refused(weights: Any) -> None:
    with pytest.raises(ValueError, match="no pixels"):
        prior_shift(np.zeros((0, 3)), TRAINING, weights=weights)
