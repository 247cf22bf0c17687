from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import bootstrap

from highwall.evaluation.bootstrap import Intervals, paired_interval, site_intervals
from highwall.evaluation.scores import scores
from highwall.legend import DEFAULT_LEGEND, Legend

SITES = hnp.arrays(np.int64, st.tuples(st.integers(2, 8), st.just(4), st.just(4)), elements=st.integers(0, 500))
TWO = Legend.from_names({0: "background", 1: "mine ground"})


def sites(rng: np.random.Generator, count: int) -> np.ndarray:
    """Sites of different size, each with its own share of right pixels around 0.7."""
    size = rng.integers(500, 1500, count)
    right = rng.binomial(size, rng.beta(14, 6, count))
    matrices = np.zeros((count, 2, 2), np.int64)
    matrices[:, 1, 1], matrices[:, 1, 0] = right, size - right
    return matrices


def test_intervals_hold_the_score() -> None:
    matrices = np.random.default_rng(0).integers(50, 500, (20, 4, 4))
    score = scores(matrices.sum(axis=0), DEFAULT_LEGEND)
    found = site_intervals(matrices, DEFAULT_LEGEND)
    for name in ("accuracy", "miou", "miou_all"):
        low, high = getattr(found, name)
        assert low < getattr(score, name) < high
    for name, interval in found.iou.items():
        assert interval is not None
        assert interval[0] < score.iou[name] < interval[1]


def test_accuracy_interval_is_scipys() -> None:
    matrices = sites(np.random.default_rng(1), 15)
    right, size = np.trace(matrices, axis1=1, axis2=2), matrices.sum(axis=(1, 2))
    expected = bootstrap(
        (right, size),
        lambda right, size, axis: right.sum(axis) / size.sum(axis),
        paired=True,
        confidence_level=0.9,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    found = site_intervals(matrices, TWO, draws=20_000).accuracy
    assert found == pytest.approx((expected.low, expected.high), abs=0.002)


def test_ninety_percent_hold_about_ninety_percent_of_the_time() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(300):
        interval = site_intervals(sites(rng, 30), TWO, draws=400).accuracy
        assert interval is not None
        hits += interval[0] <= 0.7 <= interval[1]
    assert 0.84 < hits / 300 < 0.95  # the standard error of the share is 0.017; the percentile method is a bit narrow


@settings(deadline=None, max_examples=50)
@given(matrices=SITES)
def test_intervals_are_ordered_and_in_range(matrices: np.ndarray) -> None:
    found = site_intervals(matrices, DEFAULT_LEGEND, draws=200)
    wider = site_intervals(matrices, DEFAULT_LEGEND, draws=200, level=0.99)
    for narrow, wide in zip([found.miou, *found.iou.values()], [wider.miou, *wider.iou.values()], strict=True):
        assert (narrow is None) == (wide is None)
        if narrow is not None and wide is not None:
            assert 0 <= wide[0] <= narrow[0] <= narrow[1] <= wide[1] <= 1


@settings(deadline=None, max_examples=30)
@given(matrices=SITES, copies=st.integers(2, 9))
def test_equal_sites_leave_no_doubt(matrices: np.ndarray, copies: int) -> None:
    score = scores(matrices[0], DEFAULT_LEGEND).to_json()
    found = site_intervals(np.repeat(matrices[:1], copies, axis=0), DEFAULT_LEGEND, draws=50)
    for value, interval in zip(
        [score["accuracy"], *score["iou"].values()], [found.accuracy, *found.iou.values()], strict=True
    ):
        assert interval == (None if value is None else pytest.approx((value, value)))


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_sites(count: int) -> None:
    matrices = np.full((count, 4, 4), 9)
    assert site_intervals(matrices, DEFAULT_LEGEND) == Intervals(None, None, None, dict.fromkeys(DEFAULT_LEGEND.names))


def test_class_at_one_site_has_no_interval() -> None:
    matrices = np.random.default_rng(4).integers(1, 99, (5, 4, 4))
    matrices[1:, 3], matrices[1:, :, 3] = 0, 0
    found = site_intervals(matrices, DEFAULT_LEGEND)
    assert found.iou["tailings pond"] is None
    assert found.iou["quarry pit"] is not None


def test_seed_repeats_and_json_keeps_the_numbers() -> None:
    matrices = sites(np.random.default_rng(5), 6)
    found = site_intervals(matrices, TWO, seed=1)
    assert found == site_intervals(matrices, TWO, seed=1)
    assert found != site_intervals(matrices, TWO, seed=2)
    again = json.loads(json.dumps(replace(found, iou={}).to_json(), allow_nan=False))
    assert again["accuracy"] == list(found.accuracy or ())


def test_a_difference_of_two_answers_is_of_the_same_sites() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 1000, (8, 4, 4))
    assert paired_interval(a, a, DEFAULT_LEGEND) == (0, 0)
    better = a + 5 * a * np.eye(4, dtype=int)  # more pixels right, on every site
    low, high = paired_interval(a, better, DEFAULT_LEGEND) or (0, 0)
    assert 0 < low < high
    assert paired_interval(better, a, DEFAULT_LEGEND) == pytest.approx((-high, -low))
    assert paired_interval(a[:1], better[:1], DEFAULT_LEGEND) is None
