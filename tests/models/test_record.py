from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.models.experience import make_experience
from highwall.models.judgement import Judgement
from highwall.models.observation import Observations
from highwall.models.record import Record, Trials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CLASSES = 4


def trials(seed: int, count: int) -> Trials:
    rng = np.random.default_rng(seed)
    matrix = (count, CLASSES, CLASSES)
    return Trials(
        Observations(
            expected=rng.random(matrix),
            agreement=rng.random(matrix),
            confidence=rng.integers(0, 9, (count, CLASSES, 50)).astype(np.float64),
            dissimilarity=rng.random(count),
            strangeness=rng.random(count),
            kinship=rng.choice([0.0, 1.0, 2.0], count),
        ),
        confusion=rng.integers(0, 99, matrix).astype(np.float64),
        site=rng.integers(0, 5, count),
        fold=rng.integers(0, 3, count),
        change=rng.integers(0, 3, count),
    )


def judgement(size: Sequence[int], residual: Any, weight: Any = None) -> Judgement:
    residual = np.asarray(residual, np.float64).reshape(len(size), -1)
    given_ = np.ones(len(size)) if weight is None else np.asarray(weight, np.float64)
    return Judgement(2, np.zeros((6, 3)), np.array(size), given_, residual)


def record(judged: Judgement | None) -> Record:
    features = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32)
    known = make_experience(features, 0, threshold=0.7)
    looks = make_experience(features[:6, :5], 0)
    return Record(known, looks, features[:6, :5], np.arange(6), np.arange(6), trials(0, 9), judged)


def arrays_of(thing: Record) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(values) for name, values in thing.to_arrays().items()}


@pytest.mark.parametrize("judged", [None, judgement([1, 2], [[0.1, np.nan], [0.2, -0.3]])])
def test_made_again_from_its_arrays_it_is_the_same(judged: Judgement | None) -> None:
    before = record(judged)
    after = Record.from_arrays(arrays_of(before))
    assert (after.judgement is None) == (judged is None)
    assert len(after.trials) == len(after.trials.observations) == 9
    np.testing.assert_equal(arrays_of(after), arrays_of(before))
    new = np.random.default_rng(1).normal(size=(5, 40)).astype(np.float32)
    np.testing.assert_array_equal(after.experience.dissimilarity(new), before.experience.dissimilarity(new))
    assert after.experience.threshold == 0.7
    assert after.appearance.threshold == np.inf


def test_whatever_array_is_missing_is_told() -> None:
    complete = arrays_of(record(judgement([1, 2], [0.1, 0.2])))
    for name in complete:
        with pytest.raises(BadInput) as caught:
            Record.from_arrays({key: values for key, values in complete.items() if key != name})
        assert "incomplete" in str(caught.value)
        assert name.rpartition(".")[2] in str(caught.value)
        assert "\n" not in str(caught.value)


@given(st.integers(0, 1000), st.integers(1, 40))
def test_honest_are_unchanged_tiles_apart_from_what_was_learned(seed: int, count: int) -> None:
    known = trials(seed, count)
    near = known.observations.kinship
    expected = [n for n in range(count) if known.change[n] == 0 and near[n] == 0]
    assert np.flatnonzero(known.honest).tolist() == expected
    some = known[known.honest]
    assert len(some) == len(expected)
    np.testing.assert_array_equal(some.confusion, known.confusion[expected])
    np.testing.assert_array_equal(some.observations.expected, known.observations.expected[expected])


@given(st.integers(0, 1000))
def test_outside_is_what_the_encoders_do_not_know_or_what_looks_otherwise(seed: int) -> None:
    known = record(None)
    known = replace(known, appearance=replace(known.appearance, threshold=0.5))
    seen = trials(seed, 20).observations
    seen = replace(seen, dissimilarity=2 * seen.dissimilarity)
    pairs = zip(seen.dissimilarity, seen.strangeness, strict=True)
    assert known.outside(seen).tolist() == [unlike > 1 or strange > 0.5 for unlike, strange in pairs]


def test_joined_trials_follow_each_other() -> None:
    parts = [trials(seed, seed + 1) for seed in range(3)]
    together = Trials.join(parts)
    assert len(together) == len(together.observations) == 6
    first = 0
    for part in parts:
        mine = together[first : first + len(part)]
        for name in ("confusion", "site", "fold", "change"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(part, name))
        np.testing.assert_array_equal(mine.observations.strangeness, part.observations.strangeness)
        first += len(part)


@given(st.integers(0, 1000), st.integers(2, 40), st.floats(0.1, 0.95), st.floats(0.1, 10))
def test_margins_are_quantiles_of_the_absolute_errors(seed: int, count: int, level: float, weight: float) -> None:
    residual = np.random.default_rng(seed).normal(size=(count, 3))
    found = judgement([4] * count, residual, [weight] * count).margins(4, level)
    np.testing.assert_allclose(found, np.quantile(np.abs(residual), level, axis=0, method="hazen"), atol=1e-9)


@given(st.integers(0, 1000), st.integers(2, 40), st.floats(1, 100))
def test_the_more_the_largest_error_weighs_the_higher_the_margins(seed: int, count: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    residual, weight = rng.normal(size=count), rng.uniform(0.1, 1, count)
    (before,) = judgement([1] * count, residual, weight).margins(1)
    weight[np.abs(residual).argmax()] *= factor
    (after,) = judgement([1] * count, residual, weight).margins(1)
    assert np.abs(residual).min() <= before <= after + 1e-12
    assert after <= np.abs(residual).max()


@given(st.integers(0, 1000), st.integers(1, 40))
def test_whether_scores_were_forecast_too_high_or_too_low_does_not_matter(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    residual, sign = rng.normal(size=count), rng.choice([-1, 1], count)
    np.testing.assert_array_equal(
        judgement([1] * count, residual).margins(1), judgement([1] * count, sign * residual).margins(1)
    )


@pytest.mark.parametrize(("tiles", "taken"), [(1, 2), (2, 2), (3, 2), (4, 4), (7, 4), (8, 8), (1000, 8)])
def test_margins_are_of_groups_of_as_many_tiles_or_the_next_fewer(tiles: int, taken: int) -> None:
    size = np.repeat([8, 2, 4], 5)
    found = judgement(size.tolist(), size / 100).margins(tiles)
    np.testing.assert_allclose(found, [taken / 100])


def test_groups_of_more_than_two_thirds_as_many_tiles_count_as_well() -> None:
    size, residual = np.array([3, 4, 5, 6, 6, 9]), np.array([0.9, 0.8, 0.1, 0.2, 0.3, 0.7])
    kept = [2, 3, 4]  # of 6 tiles and fewer, those of more than 4
    found = judgement(size.tolist(), residual).margins(7)
    np.testing.assert_allclose(found, judgement([1] * 3, residual[kept]).margins(1))


def test_errors_that_are_undefined_are_left_out_of_margins() -> None:
    residual = np.array([[0.1, np.nan], [np.nan, np.nan], [0.3, np.nan], [0.2, np.nan]])
    found = judgement([1] * 4, residual).margins(1)
    assert found[0] == judgement([1] * 3, [0.1, 0.3, 0.2]).margins(1)[0]
    assert np.isnan(found[1])


def test_the_judgement_of_a_record_keeps_its_margins() -> None:
    judged = judgement([1, 1, 2], [[0.1, 0.2], [0.3, -0.1], [0.0, 0.4]], [1, 2, 3])
    again = Record.from_arrays(arrays_of(replace(record(None), judgement=judged))).judgement
    assert again is not None
    assert again.chosen == 2
    np.testing.assert_array_equal(again.margins(1), judged.margins(1))
