from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score

from highwall.forecasting.estimators import (
    Estimate,
    agreement,
    average_thresholded_confidence,
    difference_of_confidences,
    expected_confusion,
    held_out_score,
    scores_of,
)
from highwall.models.observation import BINS, Observations, observe
from highwall.models.record import Trials

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = 4
SEEDS = st.integers(0, 1000)
ALL = (held_out_score, expected_confusion, difference_of_confidences, average_thresholded_confidence, agreement)


def drawn(seed: int, pixels: int = 600, trust: float = 1) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Probabilities `(class, pixel)`, and truth that follows them as often as it is to be trusted."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet((0.7, 0.4, 0.3, 0.2), pixels).T
    truth = (probabilities.cumsum(0) < rng.random(pixels)).sum(0).clip(max=CLASSES - 1)
    return probabilities, np.where(rng.random(pixels) < trust, truth, rng.integers(0, CLASSES, pixels))


def observed(probabilities: NDArray[np.float64], members: NDArray[np.float64] | None = None) -> Observations:
    votes = probabilities[None] if members is None else members
    valid = np.ones((1, probabilities.shape[1]), bool)
    return observe(probabilities[:, None], votes[:, :, None], valid, 0, 0, 0)


def known_trials(probabilities: NDArray[np.float64], truth: NDArray[np.intp]) -> Trials:
    matrix = confusion_matrix(truth, probabilities.argmax(0), labels=range(CLASSES))
    nothing = np.zeros(1, np.int64)
    return Trials(observed(probabilities), matrix[None].astype(np.float64), nothing, nothing, nothing)


def one_hot(labels: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.eye(CLASSES)[:, labels]


def same(one: Estimate, other: Estimate, tolerance: float = 1e-9) -> None:
    assert one.accuracy == pytest.approx(other.accuracy, abs=tolerance, nan_ok=True)
    np.testing.assert_allclose(one.iou, other.iou, atol=tolerance)


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 60))
def test_scores_are_those_of_scikit_learn(seed: int, pixels: int) -> None:
    probabilities, truth = drawn(seed, pixels, trust=0.5)
    answer = probabilities.argmax(0)
    found = held_out_score(known_trials(probabilities, truth), observed(drawn(seed + 1)[0]))
    assert found.accuracy == pytest.approx(accuracy_score(truth, answer))
    there = np.isin(range(CLASSES), [truth, answer])
    expected = jaccard_score(truth, answer, labels=range(CLASSES), average=None, zero_division=0)
    np.testing.assert_allclose(found.iou, np.where(there, expected, np.nan))


def test_no_pixels_no_score() -> None:
    found = scores_of(np.zeros((CLASSES, CLASSES)))
    assert np.isnan(found.accuracy)
    assert np.isnan(found.iou).all()


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_probabilities_that_are_true_forecast_the_truth(seed: int) -> None:
    probabilities, truth = drawn(seed, 30_000)
    known = known_trials(probabilities, truth)
    found, right = expected_confusion(known, known.observations), scores_of(known.confusion.sum(0))
    variance, answer = probabilities * (1 - probabilities), probabilities.argmax(0)
    assert abs(found.accuracy - right.accuracy) < 5 * np.sqrt(variance[answer, np.arange(len(answer))].sum()) / 30_000
    for index in range(CLASSES):  # IoU is right/(answered + missed), and the two vary independently of each other
        union = np.sum((answer == index) + (answer != index) * probabilities[index])
        assert abs(found.iou[index] - right.iou[index]) < 5 * np.sqrt(variance[index].sum()) / union


@settings(max_examples=30)
@given(SEEDS, st.integers(1, 60))
def test_what_is_sure_of_everything_expects_its_answer_for_the_truth(seed: int, pixels: int) -> None:
    answer = drawn(seed, pixels)[1]
    new = observed(one_hot(answer))
    np.testing.assert_array_equal(new.expected[0], confusion_matrix(answer, answer, labels=range(CLASSES)))
    found = expected_confusion(known_trials(*drawn(0)), new)
    assert found.accuracy == 1
    np.testing.assert_array_equal(found.iou, np.where(np.isin(range(CLASSES), answer), 1, np.nan))


@given(SEEDS, st.integers(2, 4))
def test_agreement_is_the_iou_of_the_members_with_each_other(seed: int, members: int) -> None:
    rng = np.random.default_rng(seed)
    masks = rng.integers(0, CLASSES, (members, 50))
    found = agreement(known_trials(*drawn(0)), observed(drawn(1, 50)[0], np.stack([one_hot(m) for m in masks])))
    pairs = [(a, b) for n, a in enumerate(masks) for b in masks[n + 1 :]]
    assert found.accuracy == pytest.approx(np.mean([a == b for a, b in pairs]))
    for index in range(CLASSES):
        common = sum(((a == index) & (b == index)).sum() for a, b in pairs)
        either = sum(((a == index) | (b == index)).sum() for a, b in pairs)
        assert found.iou[index] == pytest.approx(common / either if either else np.nan, nan_ok=True)


def test_identical_members_agree_wholly() -> None:
    mask = np.array([0, 1, 1, 3])
    found = agreement(known_trials(*drawn(0)), observed(drawn(1, 4)[0], np.stack([one_hot(mask)] * 3)))
    assert found.accuracy == 1
    np.testing.assert_array_equal(found.iou, [1, 1, np.nan, 1])


@settings(max_examples=40)
@given(SEEDS, st.floats(0, 1), st.sampled_from([difference_of_confidences, average_thresholded_confidence]))
def test_on_the_known_tiles_the_known_score_comes_back(seed: int, trust: float, estimator: type) -> None:
    known = known_trials(*drawn(seed, trust=trust))
    same(estimator(known, known.observations), held_out_score(known, known.observations))


@settings(max_examples=25)
@given(SEEDS, st.floats(0.3, 1))
def test_the_score_falls_by_what_the_confidence_falls_by(seed: int, trust: float) -> None:
    before, truth = drawn(seed, trust=trust)
    after = before**0.8 / (before**0.8).sum(0)  # less sure
    found = difference_of_confidences(known_trials(before, truth), observed(after))
    answer = before.argmax(0)
    fall = before.max(0).mean() - after.max(0).mean()
    assert found.accuracy == pytest.approx(np.mean(answer == truth) - fall)
    for index in range(CLASSES):
        taken = answer == index
        then, now = (p[index, taken].sum() / (taken.sum() + p[index, ~taken].sum()) for p in (before, after))
        iou = np.sum(taken & (truth == index)) / np.sum(taken | (truth == index))
        assert found.iou[index] == pytest.approx(np.clip(iou + now - then, 0, 1))


def shares_above(then: NDArray[np.float64], right: float, now: NDArray[np.float64]) -> tuple[float, float]:
    """Bounds of the share of confidences above a threshold that so many of the known ones exceed.

    The threshold lies between two of the known confidences; it is only known by its bin.
    """
    falling = np.sort(then)[::-1]
    below, above = falling[min(int(np.ceil(right)), len(then) - 1)], falling[max(int(right) - 1, 0)]
    low = 0 if np.ceil(right) == len(then) else np.floor(below * BINS) / BINS
    return float(np.mean(now >= (np.floor(above * BINS) + 1) / BINS)), float(np.mean(now >= low))


@settings(max_examples=30)
@given(SEEDS, st.floats(0.2, 1))
def test_thresholds_are_those_found_by_sorting_the_pixels(seed: int, trust: float) -> None:
    (before, truth), (after, _) = drawn(seed, 3000, trust), drawn(seed + 1, 2000)
    after = after**0.7 / (after**0.7).sum(0)
    known = known_trials(before, truth)
    found, score = average_thresholded_confidence(known, observed(after)), held_out_score(known, observed(after))
    then, now = before.argmax(0), after.argmax(0)
    low, high = shares_above(before.max(0), np.sum(then == truth), after.max(0))
    assert low - 1e-9 <= found.accuracy <= high + 1e-9
    for index in range(CLASSES):
        sure, surely = before[index, then == index], after[index, now == index]
        low, high = shares_above(sure, score.iou[index] * len(sure), surely)
        assert low - 1e-9 <= found.iou[index] <= high + 1e-9


@settings(max_examples=20)
@given(SEEDS, st.floats(0.1, 0.9), st.floats(0.5, 1))
def test_bins_cost_no_more_than_the_pixels_of_one_bin(seed: int, trust: float, fall: float) -> None:
    rng = np.random.default_rng(seed)
    sure, answer = rng.uniform(0.5, 1, 20_000), rng.integers(0, 2, 20_000)
    truth = np.where(rng.random(20_000) < trust, answer, 1 - answer)
    before, after = (np.where(np.arange(2)[:, None] == answer, p, 1 - p) for p in (sure, 0.5 + fall * (sure - 0.5)))
    threshold = np.sort(sure)[::-1][np.sum(answer == truth)]
    expected = np.mean(after.max(0) > threshold)
    rest = np.zeros((2, 20_000))
    found = average_thresholded_confidence(
        known_trials(np.vstack([before, rest]), truth), observed(np.vstack([after, rest]))
    )
    assert found.accuracy == pytest.approx(expected, abs=0.04 / fall)


def test_the_surer_the_answers_the_higher_the_forecast() -> None:
    before, truth = drawn(0, trust=0.8)
    known = known_trials(before, truth)
    powers = [observed(before**p / (before**p).sum(0)) for p in (0.5, 0.8, 1, 1.5, 3)]
    for estimator in (expected_confusion, difference_of_confidences, average_thresholded_confidence):
        forecasts = [estimator(known, new) for new in powers]
        assert (np.diff([one.accuracy for one in forecasts]) > 0).all()
        assert (np.diff([one.iou for one in forecasts], axis=0) > 0).all()


@settings(max_examples=25)
@given(SEEDS, st.integers(1, 599))
def test_how_pixels_are_cut_into_tiles_does_not_matter(seed: int, cut: int) -> None:
    known, new = known_trials(*drawn(seed, trust=0.7)), drawn(seed + 1)[0]
    halves = Observations.join([observed(new[:, :cut]), observed(new[:, cut:])])
    for estimator in ALL:
        same(estimator(known, halves), estimator(known, observed(new)))


@settings(max_examples=40)
@given(SEEDS, SEEDS, st.integers(1, 30), st.integers(1, 30), st.floats(0, 1))
def test_forecasts_are_scores(seed: int, other: int, before: int, after: int, trust: float) -> None:
    known, new = known_trials(*drawn(seed, before, trust)), observed(drawn(other, after)[0])
    for estimator in ALL:
        found = estimator(known, new)
        assert 0 <= found.accuracy <= 1 + 1e-12
        there = found.iou[np.isfinite(found.iou)]
        assert ((there >= 0) & (there <= 1 + 1e-12)).all()
