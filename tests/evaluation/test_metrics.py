from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torchmetrics.functional.classification import multiclass_f1_score

from highwall.errors import BadInput
from highwall.evaluation.metrics import METRICS, measure, metric_named
from highwall.evaluation.scores import scores
from highwall.legend import DEFAULT_LEGEND

TABLES = hnp.arrays(np.int64, (4, 4), elements=st.sampled_from([0, 0, 1, 7, 30]))


@settings(deadline=None)
@given(table=TABLES)
def test_metrics_are_those_of_the_scores(table: np.ndarray) -> None:
    expected = scores(table, DEFAULT_LEGEND)
    for metric in ("miou", "miou_all", "accuracy"):
        assert measure(metric, table, DEFAULT_LEGEND) == pytest.approx(getattr(expected, metric), nan_ok=True)


@settings(deadline=None)
@given(table=TABLES)
def test_f1_is_torchmetrics_mean_over_the_targets_that_occur(table: np.ndarray) -> None:
    truth, answer = (torch.from_numpy(np.repeat(axis.ravel(), table.ravel())) for axis in np.indices((4, 4)))
    occur = [c for c in (1, 2, 3) if table[c].any() or table[:, c].any()]
    found = measure("f1", table, DEFAULT_LEGEND)
    if not occur:
        assert np.isnan(found)
    else:
        expected = multiclass_f1_score(answer, truth, 4, average="none")[occur].mean()
        assert found == pytest.approx(float(expected), abs=1e-6)


@given(table=hnp.arrays(np.int64, (3, 4, 4), elements=st.integers(0, 9)), metric=st.sampled_from(METRICS))
def test_shares_score_as_counts_do(table: np.ndarray, metric: str) -> None:
    counts = measure(metric_named(metric), table, DEFAULT_LEGEND)
    shares = measure(metric_named(metric), table / max(1, table.sum()), DEFAULT_LEGEND)
    np.testing.assert_allclose(shares, counts, atol=1e-12)


def test_an_unknown_metric_is_said() -> None:
    with pytest.raises(BadInput, match="no metric 'kappa'"):
        metric_named("kappa")
