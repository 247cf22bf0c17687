from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from highwall.sampling.estimate import estimate

COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
PIXELS = np.array([200_000.0, 150_000, 3_200_000, 6_450_000])
Z = 1.96


def test_the_worked_example_of_olofsson_et_al() -> None:
    """Section 5 of the paper: change between 30 m pixels."""
    result = estimate(COUNTS, PIXELS)
    assert round(result.area.value[0]) == 235_086
    assert result.area.value[0] * 0.09 == pytest.approx(21_158, abs=0.5)
    assert Z * result.area.error[0] * 0.09 == pytest.approx(6_158, abs=0.5)
    assert result.users.value.round(2).tolist() == [0.88, 0.73, 0.93, 0.96]
    assert (Z * result.users.error).round(2).tolist() == [0.07, 0.10, 0.04, 0.02]
    assert result.producers.value == pytest.approx([0.75, 0.85, 0.93, 0.96], abs=0.0051)
    assert (Z * result.producers.error)[[0, 2]].round(2).tolist() == [0.21, 0.03]
    assert float(result.accuracy.value) == pytest.approx(0.95, abs=0.005)
    assert Z * float(result.accuracy.error) == pytest.approx(0.02, abs=0.005)


def test_standard_errors_are_the_spread_over_many_samples() -> None:
    shares = COUNTS / COUNTS.sum(1, keepdims=True)
    rng = np.random.default_rng(0)
    points = 20 * COUNTS.sum(1)  # many, so that the ratio in the producer's accuracy is nearly linear
    drawn = np.stack([rng.multinomial(n, p, 4000) for n, p in zip(points, shares, strict=True)], axis=1)
    result = estimate(drawn, PIXELS)
    for figures in (result.area, result.users, result.producers, result.accuracy):
        np.testing.assert_allclose(figures.value.std(0), np.sqrt((figures.error**2).mean(0)), rtol=0.05)


@st.composite
def samples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(2, 5))
    counts = draw(arrays(np.int64, (size, size), elements=st.integers(0, 40)))
    areas = draw(arrays(np.float64, size, elements=st.floats(0.5, 1e5)))
    lacking = draw(arrays(bool, size))
    lacking[0] = False
    counts[:, 0] += 2
    counts[lacking] = 0
    areas[lacking] = 0
    return counts, areas


@given(samples())
def test_estimates_are_weighted_counts_of_points(sample: tuple[np.ndarray, np.ndarray]) -> None:
    """Horvitz & Thompson (1952): every point stands for the area of its class in the map per point in it."""
    counts, areas = sample
    result = estimate(counts, areas)
    points = counts.sum(1)
    each = [a / n for a, n in zip(areas, points, strict=True) if n]
    matrix = np.zeros(counts.shape)
    matrix[points > 0] = [w * row for w, row in zip(each, counts[points > 0], strict=True)]
    right = np.diag(matrix)
    np.testing.assert_allclose(result.area.value, matrix.sum(0))
    np.testing.assert_allclose(result.area.value.sum(), areas.sum())
    np.testing.assert_allclose(result.accuracy.value, right.sum() / areas.sum())
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(result.producers.value, right / matrix.sum(0))
        np.testing.assert_allclose(result.users.value, right / matrix.sum(1))


@given(samples(), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_intervals_hold_the_estimate_and_stay_possible(sample: tuple[np.ndarray, np.ndarray], level: float) -> None:
    counts, areas = sample
    result, wider = estimate(counts, areas, level), estimate(counts, areas, (1 + level) / 2)
    for name, most in (("area", areas.sum()), ("users", 1), ("producers", 1), ("accuracy", 1)):
        inner, outer = getattr(result, name), getattr(wider, name)
        defined = np.isfinite(inner.value)
        slack = 1e-9 * most
        chain = (-slack, outer.low, inner.low, inner.value, inner.high, outer.high, most + slack)
        for low, high in pairwise(chain):
            assert (np.less_equal(low, np.add(high, slack)) | ~defined).all()


def test_a_class_missed_by_the_sample_may_still_be_there() -> None:
    """The standard error of a class without omissions in the sample knows nothing of the large stratum."""
    result = estimate(np.array([[300, 0], [5, 45]]), np.array([99.0, 1.0]))
    assert Z * result.area.error[1] < 0.1
    # whoever sees none among 300 cannot exclude what 300 points would miss in 2.5 % of samples: a share of 1.2 %
    missed = 1 - 0.025 ** (1 / 300)
    assert 0.6 * 99 * missed < result.area.high[1] - result.area.value[1] < 99 * missed
    assert result.producers.low[1] < 0.6
    assert result.area.low[1] > 0.7


def test_a_class_that_map_and_sample_lack_is_undefined_and_one_without_points_is_refused() -> None:
    counts = np.array([[20, 3, 0], [4, 16, 0], [0, 0, 0]])
    result = estimate(counts, np.array([5.0, 3.0, 0.0]))
    assert np.isnan([result.users.value[2], result.producers.value[2], result.producers.low[2]]).all()
    assert (result.area.value[2], result.area.low[2]) == (0, 0)
    assert result.area.high[2] > 0  # it may be there for all we know
    with pytest.raises(ValueError, match="no points"):
        estimate(counts, np.array([5.0, 3.0, 1.0]))
