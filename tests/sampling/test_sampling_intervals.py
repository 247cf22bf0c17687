from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from highwall.sampling.intervals import Bounded, proportion, share_of, weighted_sum


@given(st.integers(1, 500), st.data(), st.floats(0.5, 0.99))
def test_one_proportion_has_a_jeffreys_interval(points: int, data: st.DataObject, level: float) -> None:
    hits = data.draw(st.integers(0, points))
    found = proportion(np.array(hits), np.array(points), level)
    low, high = stats.beta(hits + 0.5, points - hits + 0.5).interval(level)
    assert found.low == pytest.approx(low if hits else 0)
    assert found.high == pytest.approx(high if hits < points else 1)


def test_of_one_stratum_the_sum_is_the_part() -> None:
    part = proportion(np.array([3]), np.array([40]), 0.95)
    whole = weighted_sum(part, np.array([7.0]))
    assert [whole.value, whole.low, whole.high] == pytest.approx([7 * part.value[0], 7 * part.low[0], 7 * part.high[0]])


def test_of_many_points_the_interval_is_that_of_the_normal_distribution() -> None:
    hits, points, weights = np.array([30_000, 2_000]), np.array([100_000, 40_000]), np.array([3.0, 5.0])
    whole = weighted_sum(proportion(hits, points, 0.95), weights)
    share = hits / points
    error = np.sqrt((weights**2 * share * (1 - share) / points).sum())
    assert [whole.low, whole.high] == pytest.approx(stats.norm((weights * share).sum(), error).interval(0.95), rel=1e-3)


positive = st.floats(0.001, 1)


@given(st.tuples(*[positive] * 6))
def test_limits_of_a_share_are_where_the_difference_may_be_nothing(parts: tuple[float, ...]) -> None:
    """The definition: at part / rest = r, the limit of part - r * rest is 0."""
    a, b, c, d, e, f = parts
    part = Bounded(*(np.array(v) for v in (a + b, a, a + b + c)))
    rest = Bounded(*(np.array(v) for v in (d + e, d, d + e + f)))
    found = share_of(part, rest)
    for limit, near, far, sign in ((found.low, part.low, rest.high, -1), (found.high, part.high, rest.low, 1)):
        ratio = limit / (1 - limit)
        spread = np.hypot(part.value - near, ratio * (far - rest.value))
        assert part.value - ratio * rest.value + sign * spread == pytest.approx(0, abs=1e-6 * max(1, ratio))
    assert found.low < found.value < found.high


def test_shares_at_the_ends() -> None:
    nothing, some = Bounded(*(np.zeros(1),) * 3), Bounded(np.array([0.5]), np.array([0.4]), np.array([0.6]))
    assert np.isnan(share_of(nothing, nothing).value)
    assert [share_of(some, nothing).low, share_of(some, nothing).high] == [1, 1]
    assert [share_of(nothing, some).low, share_of(nothing, some).high] == [0, 0]
    unseen = Bounded(np.zeros(1), np.zeros(1), np.array([0.2]))
    assert 0.6 < share_of(some, unseen).low < 1 == share_of(some, unseen).high
