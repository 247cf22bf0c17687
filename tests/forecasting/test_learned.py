from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from highwall.forecasting.estimators import scores_of
from highwall.forecasting.learned import fit, half_and_half, signs
from highwall.models.observation import BINS, Observations

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from highwall.models.record import Trials


def observations(
    expected: NDArray[np.float64],
    agreement: NDArray[np.float64],
    dissimilarity: NDArray[np.float64],
    strangeness: NDArray[np.float64],
) -> Observations:
    nothing = np.zeros(len(expected))
    confidence = np.zeros((len(expected), expected.shape[1], BINS))
    return Observations(expected, agreement, confidence, dissimilarity, strangeness, nothing)


def test_probabilities_that_were_always_true_are_taken_at_their_word(make_trials: Callable[..., Trials]) -> None:
    rng = np.random.default_rng(0)
    sure, change = rng.uniform(0.6, 0.95, 60), np.arange(60) % 4
    known = make_trials(sure, rng.uniform(0.5, 0.9, 60), sure, strangeness=rng.uniform(0, 3, 60), change=change)
    new = make_trials(rng.uniform(0.6, 0.95, 5), 0.4, 0, strangeness=9).observations
    found, expected = fit(known)(new), scores_of(new.expected.sum(0))
    assert found.accuracy == pytest.approx(expected.accuracy, abs=1e-6)
    np.testing.assert_allclose(found.iou, expected.iou, atol=1e-6)


def test_on_usual_ground_honest_probabilities_count_whatever_changes_do(make_trials: Callable[..., Trials]) -> None:
    sure = np.random.default_rng(0).uniform(0.75, 0.85, 80)
    changed = np.arange(80) % 2
    known = make_trials(sure, 0.8, sure - 0.4 * changed, strangeness=np.where(changed, 6, 0.5), change=changed)
    usual = make_trials(sure[:20], 0.8, 0, strangeness=0.5).observations
    assert fit(known)(usual).accuracy == pytest.approx(scores_of(usual.expected.sum(0)).accuracy, abs=0.02)


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
        [np.log(3), np.log(5 / 4), more, 0, 1.5, np.log(3), 0, 0],  # IoU 6/8 and 5/9
        [0, -np.log(4), 0, less, 1.5, np.log(3), 0, 0],  # 2/4 and 1/5
        [np.log(4), np.log(3 / 2), -less, 0, 1.5, np.log(3), 0, 0],  # accuracy 8/10 and 6/10
    ]
    np.testing.assert_allclose(signs(new, np.array([0.5, 0.5])), expected)


def test_signs_are_numbers_where_scores_are_0_or_1_or_undefined() -> None:
    perfect = np.diag([5.0, 0])[None]
    new = observations(perfect, perfect, np.zeros(1), np.zeros(1))
    found = signs(new, np.array([0.5, 0.5]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0, :2], -found[1, :2])  # as far from 1 as from 0
