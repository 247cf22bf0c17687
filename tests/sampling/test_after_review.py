from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.sampling.after_review import Ratios, accuracies
from highwall.sampling.estimate import estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw_counts(seed: int, strata: int, classes: int, most: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most + 1, (strata, classes, classes))
    counts[:, 0, 0] += 2
    return counts, rng.uniform(0.01, 1000, strata)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 5), most=st.integers(0, 9))
def test_without_a_review_they_are_those_of_the_strata(seed: int, classes: int, most: int) -> None:
    """Olofsson et al. (2014) is the case of strata that are the map's classes."""
    flat, areas = draw_counts(seed, classes, classes, most)
    counts = flat * np.eye(classes, dtype=int)[:, :, None]
    counts[np.arange(classes), np.arange(classes), 0] += 2
    found, usual = accuracies(counts, areas), estimate(counts.sum(axis=1), areas)
    for one, other in (
        (found.users, usual.users),
        (found.producers, usual.producers),
        (found.accuracy, usual.accuracy),
    ):
        np.testing.assert_allclose(one.value, other.value, rtol=1e-9)
        np.testing.assert_allclose(one.error, other.error, rtol=1e-6, atol=1e-9)


def by_points(counts: NDArray[np.int64], areas: NDArray[np.float64], part: Any, whole: Any) -> tuple[float, float]:
    """A combined ratio estimate from a list of points, term by term (Cochran 1977, section 6.11)."""
    means, spreads = [], []
    for stratum in range(len(counts)):
        pairs = [
            (mapped, ground)
            for mapped, ground in np.ndindex(counts.shape[1:])
            for _ in range(counts[stratum, mapped, ground])
        ]
        y = np.array([float(part(*pair)) for pair in pairs])
        x = np.array([float(whole(*pair)) for pair in pairs])
        means.append((y.mean(), x.mean()))
        spreads.append(np.cov(np.stack([y, x])) / len(pairs))
    above, below = (areas[:, None] * np.array(means)).sum(axis=0)
    if below == 0:
        return np.nan, np.nan
    ratio = above / below
    gradient = np.array([1, -ratio])
    variance = sum(area**2 * gradient @ spread @ gradient for area, spread in zip(areas, spreads, strict=True))
    return ratio, float(np.sqrt(max(variance, 0)) / below)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), strata=st.integers(1, 4), classes=st.integers(2, 4), most=st.integers(0, 4))
def test_they_are_ratios_of_totals(seed: int, strata: int, classes: int, most: int) -> None:
    counts, areas = draw_counts(seed, strata, classes, most)
    found = accuracies(counts, areas)
    expected = by_points(counts, areas, lambda m, g: m == g, lambda _m, _g: True)
    np.testing.assert_allclose((found.accuracy.value, found.accuracy.error), expected, rtol=1e-7, atol=1e-8)
    for c in range(classes):
        right = lambda m, g, c=c: m == g == c  # noqa: E731 - shorter so
        users = by_points(counts, areas, right, lambda m, _g, c=c: m == c)
        producers = by_points(counts, areas, right, lambda _m, g, c=c: g == c)
        for ratios, of_class in ((found.users, users), (found.producers, producers)):
            np.testing.assert_allclose((ratios.value[c], ratios.error[c]), of_class, rtol=1e-7, atol=1e-8)


def test_over_many_samples_they_meet_the_truth_and_their_errors_the_spread() -> None:
    rng = np.random.default_rng(3)
    pixels = np.array([[[900, 20], [0, 0]], [[20, 10], [15, 160]]])  # (stratum, in the reviewed map, on the ground)
    sizes, drawn = pixels.sum(axis=(1, 2)), np.array([120, 80])
    samples = [
        accuracies(
            np.stack(
                [rng.multinomial(n, part.ravel() / part.sum()) for n, part in zip(drawn, pixels, strict=True)]
            ).reshape(2, 2, 2),
            sizes.astype(float),
        )
        for _ in range(3000)
    ]
    whole = pixels.sum(axis=0)
    truths = (
        ("users", np.diag(whole) / whole.sum(axis=1)),
        ("producers", np.diag(whole) / whole.sum(axis=0)),
        ("accuracy", np.trace(whole) / whole.sum()),
    )
    for name, truth in truths:
        ratios: list[Ratios] = [getattr(sample, name) for sample in samples]
        values, errors = (np.array([getattr(ratio, key) for ratio in ratios]) for key in ("value", "error"))
        np.testing.assert_allclose(values.mean(axis=0), truth, atol=0.01)
        np.testing.assert_allclose(errors.mean(axis=0), values.std(axis=0), rtol=0.1)


def test_a_class_that_nobody_has_met_is_undefined() -> None:
    counts = np.zeros((2, 3, 3), int)
    counts[:, 0, 0] = 5
    found = accuracies(counts, np.array([1.0, 0.0]))
    np.testing.assert_array_equal(found.users.value, [1, np.nan, np.nan])
    np.testing.assert_array_equal(found.producers.error, [0, np.nan, np.nan])
    assert found.accuracy.value == pytest.approx(1)
