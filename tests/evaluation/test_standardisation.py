from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from highwall.evaluation.metrics import METRICS, measure
from highwall.evaluation.scores import accuracy
from highwall.evaluation.standardisation import FACTORS, attribute
from highwall.legend import DEFAULT_LEGEND

COUNTS = hnp.arrays(np.int64, (2, 4, 4), elements=st.sampled_from([0, 0, 1, 5, 40]))
FULL = hnp.arrays(np.int64, (2, 4, 4), elements=st.integers(1, 40))
METRIC = st.sampled_from(METRICS)


def attributed(a: np.ndarray, b: np.ndarray, metric: Any = "miou") -> dict[str, float]:
    parts = attribute(a, b, lambda table: measure(metric, table, DEFAULT_LEGEND))
    return dict(zip(FACTORS, parts.tolist(), strict=True))


def gap(a: np.ndarray, b: np.ndarray, metric: Any = "miou") -> float:
    return float(np.subtract(*(measure(metric, counts.sum(axis=0), DEFAULT_LEGEND) for counts in (b, a))))


@settings(max_examples=300)
@given(a=COUNTS, b=COUNTS, metric=METRIC)
def test_parts_add_up_wherever_both_scores_are_defined(a: np.ndarray, b: np.ndarray, metric: str) -> None:
    assert sum(attributed(a, b, metric).values()) == pytest.approx(gap(a, b, metric), abs=1e-9, nan_ok=True)


@given(a=COUNTS, b=COUNTS, metric=METRIC)
def test_the_way_back_is_the_way_there(a: np.ndarray, b: np.ndarray, metric: str) -> None:
    there, back = attributed(a, b, metric), attributed(b, a, metric)
    for name in FACTORS:
        assert there[name] == pytest.approx(-back[name], abs=1e-12, nan_ok=True)


@given(a=COUNTS, times=st.integers(1, 9), metric=METRIC)
def test_the_same_shares_differ_in_nothing(a: np.ndarray, times: int, metric: str) -> None:
    assume(not np.isnan(gap(a, a, metric)))
    assert attributed(a, times * a, metric) == pytest.approx(dict.fromkeys(FACTORS, 0.0), abs=1e-12)


@settings(max_examples=50)
@given(a=FULL, b=FULL)
def test_accuracy_follows_the_formula_of_das_gupta(a: np.ndarray, b: np.ndarray) -> None:
    """Das Gupta (1993): a rate that is a sum of products of three factors, in closed form, cell by cell."""

    def three(counts: np.ndarray) -> list[np.ndarray]:
        of_stratum = counts.sum(axis=2)  # (stratum, truth)
        of_class = of_stratum.sum(axis=0)
        right = np.diagonal(counts, axis1=1, axis2=2) / of_stratum
        return [np.tile(of_class / of_class.sum(), (2, 1)), of_stratum / of_class, right]

    first, second = three(a), three(b)
    found = attributed(a, b, "accuracy")
    for index, name in enumerate(FACTORS):
        (p, q), (big_p, big_q) = ([one for n, one in enumerate(side) if n != index] for side in (first, second))
        standard = (p * q + big_p * big_q) / 3 + (p * big_q + big_p * q) / 6
        assert found[name] == pytest.approx(float((standard * (second[index] - first[index])).sum()), abs=1e-12)


@settings(max_examples=50)
@given(a=FULL, b=FULL)
def test_without_edges_accuracy_follows_the_formula_of_kitagawa(a: np.ndarray, b: np.ndarray) -> None:
    """Kitagawa (1955): two factors, each weighted with the mean of the other."""
    a[1], b[1] = 0, 0
    (share_a, rate_a), (share_b, rate_b) = (
        (counts[0].sum(axis=1) / counts.sum(), np.diagonal(counts[0]) / counts[0].sum(axis=1)) for counts in (a, b)
    )
    found = attributed(a, b, "accuracy")
    assert found["class_mixture"] == pytest.approx(float(((share_b - share_a) * (rate_a + rate_b) / 2).sum()))
    assert found["appearance"] == pytest.approx(float(((rate_b - rate_a) * (share_a + share_b) / 2).sum()))
    assert found["edges"] == 0


def made(mixture: np.ndarray, edges: np.ndarray, appearance: np.ndarray) -> np.ndarray:
    """Make counts with exactly these factors: weights `(4,)`, edge pixels of 10 `(4,)`, answers `(2, 4, 4)` of 20."""
    strata = np.stack([10 - edges, edges])
    return np.asarray(mixture[:, None] * strata[..., None] * appearance, np.int64)


@st.composite
def answers(draw: st.DrawFn) -> np.ndarray:
    cuts = np.sort(draw(hnp.arrays(np.int64, (2, 4, 3), elements=st.integers(0, 20))), axis=-1)
    return np.diff(cuts, axis=-1, prepend=0, append=20)


MIXTURE = hnp.arrays(np.int64, 4, elements=st.integers(0, 30))
EDGES = hnp.arrays(np.int64, 4, elements=st.integers(0, 10))


@settings(max_examples=200)
@given(
    factors=st.tuples(MIXTURE, EDGES, answers()),
    others=st.tuples(MIXTURE, EDGES, answers()),
    which=st.integers(0, 2),
    metric=METRIC,
)
def test_sets_that_differ_in_one_factor_differ_by_it_alone(
    factors: tuple[np.ndarray, ...], others: tuple[np.ndarray, ...], which: int, metric: str
) -> None:
    changed = list(factors)
    changed[which] = others[which]
    a, b = made(*factors), made(*changed)
    whole = gap(a, b, metric)
    assume(not np.isnan(whole))
    expected = dict.fromkeys(FACTORS, 0.0) | {FACTORS[which]: whole}
    assert attributed(a, b, metric) == pytest.approx(expected, abs=1e-12)


def test_only_what_both_sets_have_can_look_different() -> None:
    """B lacks ponds altogether, and its pits have no edges; whatever the rest of A, neither is blamed on appearance."""
    rng = np.random.default_rng(0)
    appearance = np.diff(np.sort(rng.integers(0, 20, (2, 4, 3))), axis=-1, prepend=0, append=20)
    a = made(np.array([9, 3, 3, 3]), np.array([1, 4, 4, 4]), appearance)
    b = made(np.array([9, 3, 3, 0]), np.array([1, 4, 0, 4]), appearance)
    found = attributed(a, b)
    assert found["appearance"] == pytest.approx(0, abs=1e-12)
    assert abs(found["class_mixture"]) > 0.001
    assert abs(found["edges"]) > 0.001


def test_an_order_through_a_table_without_score_is_left_out() -> None:
    """B is all background with false alarms; A has a pond, and its background raises none.

    With B's mixture and A's appearance no target class is left, so that appearance has to be swapped first.
    """
    a, b = np.zeros((2, 2, 4, 4), np.int64)
    a[0, 0, 0], a[0, 3, 3], a[0, 3, 0] = 80, 15, 5
    b[0, 0, 0], b[0, 0, 3] = 90, 10
    found = attributed(a, b)
    middle = 15 / (20 + 80 * 0.1)  # IoU of ponds in A with false alarms at B's rate
    assert found == pytest.approx({"class_mixture": 0 - middle, "edges": 0, "appearance": middle - 0.75})


def test_no_pixels_no_parts() -> None:
    some = np.ones((2, 4, 4), np.int64)
    for a, b in ((some, 0 * some), (0 * some, some), (0 * some, 0 * some)):
        assert all(np.isnan(part) for part in attributed(a, b, "accuracy").values())


def test_many_tables_at_once() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 3, (2, 50, 2, 4, 4))
    together = attribute(a, b, accuracy)
    for n in range(50):
        np.testing.assert_allclose(together[:, n], attribute(a[n], b[n], accuracy), atol=1e-15)
