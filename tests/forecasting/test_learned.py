from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import nnls
from scipy.special import expit

from highwall.forecasting.estimators import scores_of
from highwall.forecasting.learned import fit, half_and_half, learned, signs
from highwall.models.observation import BINS, Observations
from highwall.models.record import Trials

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

CLASSES = 4
PRIOR = np.array([0.4, 0.3, 0.2, 0.1])


def observations(
    expected: NDArray[np.float64],
    agreement: NDArray[np.float64],
    dissimilarity: NDArray[np.float64],
    strangeness: NDArray[np.float64],
) -> Observations:
    nothing = np.zeros(len(expected))
    confidence = np.zeros((len(expected), expected.shape[1], BINS))
    return Observations(expected, agreement, confidence, dissimilarity, strangeness, nothing)


def confusion_with(scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Find a confusion matrix with these scores (IoUs, then accuracy) and true shares; None if there is none."""
    cells = np.eye(CLASSES**2).reshape(-1, CLASSES, CLASSES)
    right, truth, answer = np.diagonal(cells, 0, 1, 2), cells.sum(2), cells.sum(1)
    unions = truth + answer - right
    rows = np.column_stack([right - scores[:-1] * unions, right.sum(1), truth]).T
    found, missed = nnls(rows, np.concatenate([np.zeros(CLASSES), scores[-1:], PRIOR]))
    return found.reshape(CLASSES, CLASSES) if missed < 1e-9 else None


def follow(coefficients: NDArray[np.float64], count: int) -> Trials:
    """Make tiles, each a fold of its own, whose true scores are a logistic function of their signs."""
    rng = np.random.default_rng(0)
    rows = 0.15 * rng.dirichlet(np.ones(CLASSES), (count, CLASSES)) + 0.85 * np.eye(CLASSES)
    expected = PRIOR[:, None] * rows * rng.uniform(0.6, 1.2, (count, 1, CLASSES))
    expected *= (PRIOR / expected.sum(2))[:, :, None]
    agreement = expected + rng.uniform(0, 0.1, (count, 1, 1)) * (1 - np.eye(CLASSES)) / CLASSES**2
    seen = observations(expected, agreement, rng.uniform(0.1, 1, count), rng.uniform(0, 2, count))
    x = np.stack([signs(seen[[tile]], PRIOR) for tile in range(count)])
    usual = x.mean((0, 1)) * (np.arange(x.shape[-1]) > 0)
    matrices = [confusion_with(scores) for scores in expit((x - usual) @ coefficients)]
    which = [tile for tile, matrix in enumerate(matrices) if matrix is not None]
    assert len(which) > 0.8 * count  # else those that are left are others
    fold, nothing = np.arange(len(which)), np.zeros(len(which), int)
    return Trials(seen[which], np.stack([matrix for matrix in matrices if matrix is not None]), fold, fold, nothing)


def test_coefficients_that_scores_follow_are_found() -> None:
    coefficients = np.array([0.9, 0.15, -0.1, 0.1, -0.2, -0.3])
    known = follow(coefficients, 200)
    regression = fit(known)
    np.testing.assert_allclose(regression.coefficients, coefficients, atol=0.03)
    np.testing.assert_allclose(regression.prior, PRIOR, atol=1e-6)
    for tile in range(5):
        found, truth = regression(known.observations[[tile]]), scores_of(known.confusion[tile])
        assert found.accuracy == pytest.approx(truth.accuracy, abs=0.01)
        np.testing.assert_allclose(found.iou, truth.iou, atol=0.01)


def test_probabilities_that_were_always_true_are_taken_at_their_word(make_trials: Callable[..., Trials]) -> None:
    rng = np.random.default_rng(0)
    sure, change = rng.uniform(0.6, 0.95, 60), np.arange(60) % 4
    known = make_trials(sure, rng.uniform(0.5, 0.9, 60), sure, strangeness=rng.uniform(0, 3, 60), change=change)
    new = make_trials(rng.uniform(0.6, 0.95, 5), 0.4, 0, strangeness=9).observations
    found, expected = learned(known, new), scores_of(new.expected.sum(0))
    assert found.accuracy == pytest.approx(expected.accuracy, abs=1e-6)
    np.testing.assert_allclose(found.iou, expected.iou, atol=1e-6)


def test_on_usual_ground_honest_probabilities_count_whatever_changes_do(make_trials: Callable[..., Trials]) -> None:
    sure = np.random.default_rng(0).uniform(0.75, 0.85, 80)
    changed = np.arange(80) % 2
    known = make_trials(sure, 0.8, sure - 0.4 * changed, strangeness=np.where(changed, 6, 0.5), change=changed)
    usual = make_trials(sure[:20], 0.8, 0, strangeness=0.5).observations
    assert learned(known, usual).accuracy == pytest.approx(scores_of(usual.expected.sum(0)).accuracy, abs=0.02)


def test_the_forecast_falls_with_strangeness_where_scores_did(make_trials: Callable[..., Trials]) -> None:
    rng = np.random.default_rng(0)
    strangeness = np.repeat([0.5, 1, 2, 4, 8], 20)
    right = 0.9 - 0.3 * np.log1p(strangeness) + rng.normal(0, 0.02, 100)
    known = make_trials(0.8, 0.8, right, strangeness=strangeness, change=np.repeat(range(5), 20))
    regression = fit(known)
    found = [regression(make_trials(0.8, 0.8, 0, strangeness=value).observations) for value in (0.5, 1, 2, 4, 8)]
    assert (np.diff([one.accuracy for one in found]) < 0).all()
    assert (np.diff([one.iou for one in found], axis=0) < 0).all()
    np.testing.assert_allclose([one.accuracy for one in found], right.reshape(5, 20).mean(1), atol=0.05)


@given(hnp.arrays(np.bool_, st.integers(1, 60)))
def test_each_half_weighs_half(natural: NDArray[np.bool_]) -> None:
    weight = half_and_half(natural)
    assert (weight > 0).all()
    assert weight.sum() == pytest.approx(len(natural))
    assert len(np.unique(weight[natural])) <= 1
    assert len(np.unique(weight[~natural])) <= 1
    if 0 < natural.sum() < len(natural):
        assert weight[natural].sum() == pytest.approx(weight[~natural].sum())


def test_signs_worked_out_by_hand() -> None:
    new = observations(
        np.array([[[4.0, 1], [0, 1]], [[2.0, 0], [1, 1]]]),  # together [[6, 1], [1, 2]]: 7 and 3 answered
        np.array([[[5.0, 0], [0, 1]], [[0.0, 2], [2, 0]]]),  # together [[5, 2], [2, 1]]
        np.array([1.0, 2.0]),
        np.array([1.0, 3.0]),
    )
    more, less = np.log(0.701 / 0.501), np.log(0.301 / 0.501)
    expected = [
        [np.log(3), np.log(5 / 4), more, 0, 1.5, np.log(3)],  # IoU 6/8 and 5/9
        [0, -np.log(4), 0, less, 1.5, np.log(3)],  # 2/4 and 1/5
        [np.log(4), np.log(3 / 2), -less, 0, 1.5, np.log(3)],  # accuracy 8/10 and 6/10
    ]
    np.testing.assert_allclose(signs(new, np.array([0.5, 0.5])), expected)


def test_signs_are_numbers_where_scores_are_0_or_1_or_undefined() -> None:
    perfect = np.diag([5.0, 0])[None]
    new = observations(perfect, perfect, np.zeros(1), np.zeros(1))
    found = signs(new, np.array([0.5, 0.5]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0, :2], -found[1, :2])  # as far from 1 as from 0
