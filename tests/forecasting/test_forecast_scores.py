from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highwall.forecasting.estimators import scores_of
from highwall.forecasting.forecast import forecast_scores
from highwall.forecasting.judge import ESTIMATORS
from highwall.legend import Legend
from highwall.models.experience import make_experience
from highwall.models.judgement import Judgement
from highwall.models.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from highwall.forecasting.forecast import Forecast
    from highwall.models.observation import Observations
    from highwall.models.record import Trials

LEGEND = Legend()
SCORES = len(LEGEND) + 2


def forecast(
    trials: Trials, new: Observations, size: Sequence[int], residual: Any, chosen: str = "expected confusion"
) -> Forecast:
    looks = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    experience = make_experience(looks, 0)
    rows = np.broadcast_to(np.asarray(residual, np.float64).reshape(len(size), -1), (len(size), SCORES))
    errors = np.full((len(ESTIMATORS), 3), np.nan)
    errors[:, 1] = np.arange(len(ESTIMATORS)) / 10
    judgement = Judgement(ESTIMATORS.index(chosen), errors, np.array(size), np.ones(len(size)), rows)
    found = forecast_scores(
        Record(experience, experience, looks, np.arange(5), np.arange(5), trials, judgement), new, LEGEND
    )
    assert found is not None
    return found


@given(st.floats(0.3, 1), st.lists(st.floats(-1, 1), min_size=1, max_size=9), st.integers(1, 9))
def test_the_interval_reaches_from_the_forecast_as_far_as_errors_did(
    make_trials: Callable[..., Trials], sure: float, residuals: list[float], tiles: int
) -> None:
    new = make_trials([sure] * tiles, 0.8, 0).observations
    found = forecast(make_trials(0.8, 0.8, [0.7, 0.8]), new, [1] * len(residuals), residuals)
    expected = scores_of(new.expected.sum(0))
    assert found.accuracy == expected.accuracy
    assert found.miou == pytest.approx(expected.iou[1:].mean())
    np.testing.assert_array_equal(found.iou, expected.iou)
    margin = np.quantile(np.abs(residuals), 0.9, method="hazen")
    values = np.array([*found.iou, found.accuracy, found.miou])
    np.testing.assert_allclose(found.low, np.maximum(values - margin, 0), atol=1e-9)
    np.testing.assert_allclose(found.high, np.minimum(values + margin, 1), atol=1e-9)
    assert ((found.low >= 0) & (found.low <= values) & (values <= found.high) & (found.high <= 1)).all()


def test_fewer_tiles_have_wider_intervals_where_errors_were_larger(make_trials: Callable[..., Trials]) -> None:
    known, sizes = make_trials(0.8, 0.8, [0.7, 0.8]), [1, 1, 4, 4, 16, 16]
    errors = [0.2, -0.2, 0.1, -0.1, 0.05, 0.05]
    widths = []
    for tiles in (1, 3, 4, 15, 16, 40):
        found = forecast(known, make_trials([0.7] * tiles, 0.7, 0).observations, sizes, errors)
        widths.append(found.high[-1] - found.low[-1])
    np.testing.assert_allclose(widths, [0.4, 0.4, 0.2, 0.2, 0.1, 0.1])


@pytest.mark.parametrize("chosen", ESTIMATORS)
def test_json_holds_the_contract(make_trials: Callable[..., Trials], chosen: str) -> None:
    known = make_trials([0.8, 0.7, 0.9] * 4, 0.8, [0.7, 0.6, 0.8] * 4, change=[0, 0, 0, 1, 1, 1] * 2)
    new = make_trials([0.7, 0.8], 0.7, 0).observations
    found = forecast(known, new, [1, 2], [0.1, -0.2], chosen)
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["accuracy"] == found.accuracy
    assert document["miou"] == found.miou
    assert document["iou"] == dict(zip(LEGEND.names, found.iou.tolist(), strict=True))
    assert document["interval"]["miou"] == [found.low[-1], found.high[-1]]
    assert document["interval"]["accuracy"] == [found.low[-2], found.high[-2]]
    assert list(document["interval"]["iou"]) == list(LEGEND.names)
    assert document["estimator"] == chosen
    assert list(document["errors"]) == list(ESTIMATORS)
    assert document["errors"]["agreement"] == {
        "natural": None,
        "altered": ESTIMATORS.index("agreement") / 10,
        "all": None,
    }


@pytest.mark.parametrize("chosen", ESTIMATORS)
def test_a_class_neither_answered_nor_expected_has_no_score(make_trials: Callable[..., Trials], chosen: str) -> None:
    known = make_trials([0.8, 0.7, 0.9] * 4, 0.8, [0.7, 0.6, 0.8] * 4, change=[0, 0, 0, 1, 1, 1] * 2)
    new = make_trials([0.9, 0.9], 0.9, 0, answered=(500, 300, 200, 0)).observations
    new.expected[:, 3] = 0
    found = forecast(known, new, [1, 2], [0.1, -0.2], chosen)
    assert np.isnan(found.iou).tolist() == [False, False, False, True]
    assert found.miou == pytest.approx(found.iou[1:3].mean())
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["iou"]["tailings pond"] is None
    assert document["interval"]["iou"]["tailings pond"] is None
    assert document["interval"]["iou"]["quarry pit"] is not None


def test_where_nothing_was_held_out_nothing_is_known_of_the_interval(make_trials: Callable[..., Trials]) -> None:
    residual = np.full((1, SCORES), 0.1)
    residual[:, 2] = np.nan  # a class that no held-out set had
    found = forecast(make_trials(0.8, 0.8, [0.7, 0.8]), make_trials(0.7, 0.7, 0).observations, [1], residual)
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["iou"]["quarry pit"] is not None
    assert document["interval"]["iou"]["quarry pit"] is None


def test_without_a_judgement_there_is_no_forecast(make_trials: Callable[..., Trials]) -> None:
    looks = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    experience, known = make_experience(looks, 0), make_trials(0.8, 0.8, [0.7, 0.8])
    record = Record(experience, experience, looks, np.arange(5), np.arange(5), known, judgement=None)
    assert forecast_scores(record, known.observations, LEGEND) is None
