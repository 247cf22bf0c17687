from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.forecasting.estimators import Estimate, scores_of
from highwall.forecasting.judge import (
    BLOCKS,
    ESTIMATORS,
    LITERATURE,
    SIZES,
    _held_out,
    expected_classes,
    judge,
    mean_iou,
)
from highwall.forecasting.learned import fit

if TYPE_CHECKING:
    from collections.abc import Callable

    from highwall.models.record import Trials

TARGETS = (1, 2, 3)
CHANGES = 6


def drawn(make: Callable[..., Trials], seed: int, sites: int, folds: int = 2, **same: Any) -> Trials:
    """Two tiles of each site, unchanged and changed, and unchanged ones of the next fold that were learned from.

    What is not given `same` differs from trial to trial.
    """
    rng = np.random.default_rng(seed)
    site, change = (part.ravel() for part in np.meshgrid(np.repeat(np.arange(sites), 2), np.arange(CHANGES + 1)))
    near = np.repeat(np.arange(sites), 2)
    site, change = np.append(site, near), np.append(change, 0 * near)
    kinship = np.where(np.arange(len(site)) < len(site) - len(near), 0, 2)
    fold = (site + (kinship > 0)) % folds
    given_ = {name: rng.uniform(0.5, 0.95, len(site)) for name in ("sure", "agree", "right")} | same
    return make(**given_, site=site, fold=fold, change=change, kinship=kinship, strangeness=np.arange(len(site)))


def block(change: int) -> int:
    return 1 + (change - 1) % BLOCKS


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 9), st.integers(1, 3))
def test_nothing_is_forecast_from_its_own_site_or_its_kind_of_change(
    make_trials: Callable[..., Trials], seed: int, sites: int, folds: int
) -> None:
    known = drawn(make_trials, seed, sites, folds)
    forecast = set()
    for rest, sets in _held_out(known, seed):
        assert rest.honest.any()
        for some in sets:
            assert len(set(some)) == len(some)
            assert not set(known.site[some]) & set(rest.site)
            ((fold, change),) = {*zip(known.fold[some].tolist(), known.change[some].tolist(), strict=True)}
            if change:
                assert block(change) not in {block(each) for each in rest.change[rest.change > 0]}
            assert not known.observations.kinship[some].any()
            pool = (known.fold == fold) & (known.change == change) & np.isin(known.site, known.site[some])
            assert len(some) in SIZES or len(some) == (pool & (known.observations.kinship == 0)).sum()
            forecast |= set(some.tolist())
    assert forecast == set(np.flatnonzero(known.observations.kinship == 0).tolist())


def test_all_else_is_learned_from(make_trials: Callable[..., Trials]) -> None:
    known = drawn(make_trials, 0, 6)
    for rest, sets in _held_out(known, 0):
        mine = np.isin(known.site, known.site[np.concatenate(sets)])
        (change,) = {block(each) if each else 0 for each in known.change[np.concatenate(sets)]}
        of_block = (known.change > 0) & (1 + (known.change - 1) % BLOCKS == change)
        np.testing.assert_array_equal(rest.observations.strangeness, np.flatnonzero(~mine & ~of_block))


@pytest.mark.parametrize(
    ("perfect", "same", "others"),
    [
        ("expected confusion", ("sure", "right"), {}),
        ("agreement", ("agree", "right"), {"answered": (100, 100, 100, 100)}),
        ("held-out score", (), {"right": 0.7}),
    ],
)
def test_the_estimator_that_is_always_right_is_chosen(
    make_trials: Callable[..., Trials], perfect: str, same: tuple[str, ...], others: dict[str, Any]
) -> None:
    right = np.random.default_rng(1).uniform(0.5, 0.95, 6 * 2 * (CHANGES + 2))
    given_: dict[str, Any] = dict.fromkeys(same, right) | others
    known = drawn(make_trials, 0, 6, **given_)
    judgement = judge(known, TARGETS)
    assert judgement is not None
    assert ESTIMATORS[judgement.chosen] == perfect
    np.testing.assert_allclose(judgement.errors[judgement.chosen], 0, atol=1e-12)
    np.testing.assert_allclose(judgement.residual, 0, atol=1e-12)
    assert judgement.errors[:, -1].argmin() == judgement.chosen


@pytest.mark.parametrize(
    ("shifted", "by", "chosen"), [("sure", 0.02, "difference of confidences"), ("agree", -0.1, "learned")]
)
def test_residuals_are_truth_minus_forecast(
    make_trials: Callable[..., Trials], shifted: str, by: float, chosen: str
) -> None:
    right = np.random.default_rng(1).uniform(0.5, 0.95, 6 * 2 * (CHANGES + 2))
    given_: dict[str, Any] = {"right": right, shifted: right + by}
    known = drawn(make_trials, 0, 6, **given_)
    judgement = judge(known, TARGETS, seed=3)
    assert judgement is not None
    assert ESTIMATORS[judgement.chosen] == chosen
    residuals, natural = [], []
    for rest, sets in _held_out(known, 3):
        honest = rest[rest.honest]
        for some in sets:
            new, truth = known.observations[some], scores_of(known.confusion[some].sum(0))
            forecast = LITERATURE[chosen](honest, new) if chosen in LITERATURE else fit(rest, 3)(new)
            miou = truth.iou[1:].mean() - forecast.iou[1:].mean()
            residuals.append([*(truth.iou - forecast.iou), truth.accuracy - forecast.accuracy, miou])
            natural.append(not known.change[some].any())
    np.testing.assert_allclose(judgement.residual, residuals, atol=1e-9)
    assert judgement.size.tolist() == [len(some) for _, sets in _held_out(known, 3) for some in sets]
    sizes = np.abs(np.array(residuals)[:, -1])
    errors = [sizes[natural].mean(), sizes[~np.array(natural)].mean()]
    np.testing.assert_allclose(judgement.errors[judgement.chosen], [*errors, np.mean(errors)])
    weight = judgement.weight / judgement.weight.sum()
    assert weight @ sizes == pytest.approx(np.mean(errors))  # unchanged tiles count as much as all changed ones


def test_where_all_sites_would_have_to_be_held_out_there_is_no_judgement(make_trials: Callable[..., Trials]) -> None:
    assert judge(drawn(make_trials, 0, 1, folds=1), TARGETS) is None


def test_where_one_site_has_all_targets_there_is_no_judgement(make_trials: Callable[..., Trials]) -> None:
    known = drawn(make_trials, 0, 6)
    seen, background = known.observations, np.diag([1000.0, 0, 0, 0])
    for matrices in (known.confusion, seen.expected, seen.agreement):
        matrices[known.site != 0] = background
    assert judge(known, TARGETS) is None  # without that site no IoU of a target is known, and elsewhere there is none


def test_classes_that_will_not_occur_have_no_score(make_trials: Callable[..., Trials]) -> None:
    honest = make_trials(0.8, 0.8, [0.7, 0.8])
    honest.confusion[:, 3] = 0  # training never knew it
    new = make_trials(0.9, 0.9, 0, answered=(500, 500, 0, 500)).observations
    new.expected[0, 2] = [0.4, 0.4, 0, 0.4]  # one pixel of 1,250
    given_ = Estimate(0.5, np.array([0.1, np.nan, 0.3, 0.4]))
    found = expected_classes(given_, new, honest)
    assert found.accuracy == 0.5
    np.testing.assert_array_equal(found.iou, [0.1, 0, np.nan, np.nan])
    new.expected[0, 2] = [0.6, 0.6, 0, 0.6]  # one of 833
    np.testing.assert_array_equal(expected_classes(given_, new, honest).iou, [0.1, 0, 0.3, np.nan])


@given(st.integers(0, 1000))
def test_the_mean_is_of_targets_that_are_there(seed: int) -> None:
    rng = np.random.default_rng(seed)
    iou = np.where(rng.random(4) < 0.5, np.nan, rng.random(4))
    there = [value for value in iou[1:] if np.isfinite(value)]
    assert mean_iou(iou, TARGETS) == pytest.approx(np.mean(there) if there else np.nan, nan_ok=True)
