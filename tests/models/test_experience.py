from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.cbook import boxplot_stats
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from highwall.models.experience import AXES, REFERENCES, Experience, make_experience, whisker

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEEDS = st.integers(0, 1000)


def patches(seed: int, count: int, features: int) -> NDArray[np.float32]:
    """Features that hang together, each with a mean and a spread of its own."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, features)) @ rng.normal(size=(features, features))
    return ((mixed + rng.normal(0, 3, features)) * 10.0 ** rng.uniform(-2, 2, features)).astype(np.float32)


def brute_force(known: NDArray[np.floating], new: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distance to the nearest known patch, in mean distances between two of them."""
    between = pairwise_distances(known)[np.triu_indices(len(known), 1)].mean()
    distance, _ = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known).kneighbors(new)
    return np.asarray(distance[:, 0] / between)


@given(SEEDS, st.integers(1, AXES), st.integers(30, 80))
def test_dissimilarity_is_that_of_nearest_neighbours_on_standardised_features(
    seed: int, features: int, count: int
) -> None:
    known, new = np.split(patches(seed, count + 20, features).astype(np.float64), [count])
    scaler = StandardScaler().fit(known)
    expected = brute_force(scaler.transform(known), scaler.transform(new))
    np.testing.assert_allclose(make_experience(known, seed).dissimilarity(new), expected, rtol=1e-3, atol=1e-5)


@given(SEEDS)
def test_many_features_are_seen_along_the_principal_components_of_scikit_learn(seed: int) -> None:
    known, new = np.split(patches(seed, 140, 40).astype(np.float64), [120])
    scaler = StandardScaler().fit(known)
    components = PCA(AXES, svd_solver="full").fit(scaler.transform(known))

    def places(part: NDArray[np.floating]) -> NDArray[np.float64]:
        standard = scaler.transform(part)
        on = components.transform(standard)
        off = np.linalg.norm(standard - components.inverse_transform(on), axis=1)
        return np.column_stack([on, off])

    found = make_experience(known, seed)
    assert found.reference.shape == (120, AXES + 1)
    np.testing.assert_allclose(
        np.abs(found.project(new)), np.abs(places(new)), rtol=1e-3, atol=1e-3
    )  # either way round
    np.testing.assert_allclose(found.dissimilarity(new), brute_force(places(known), places(new)), rtol=1e-3, atol=1e-5)


@given(SEEDS, st.integers(1, 5))
def test_where_training_ground_never_varied_any_difference_is_off_its_axes(seed: int, varied: int) -> None:
    rng = np.random.default_rng(seed)
    ways = np.linalg.qr(rng.normal(size=(12, varied + 1)))[0].T
    known = rng.normal(size=(50, varied)) @ ways[:-1]
    experience = make_experience(known, seed)
    assert experience.axes.shape == (12, varied)
    away = known[:4] + 3 * ways[-1]
    before, after = experience.project(known[:4]), experience.project(away)
    left = (np.eye(12) - experience.axes @ experience.axes.T) @ (3 * ways[-1] / experience.scale)
    np.testing.assert_allclose(before[:, -1], 0, atol=5e-3)
    np.testing.assert_allclose(after[:, -1], np.linalg.norm(left), rtol=1e-3)


@given(SEEDS, st.integers(2, 60), st.integers(1, 60))
def test_training_ground_is_familiar(seed: int, count: int, features: int) -> None:
    known = patches(seed, count, features)
    experience = make_experience(known, seed, threshold=0.3)
    found = experience.dissimilarity(known)
    assert (found >= 0).all()
    np.testing.assert_allclose(found, 0, atol=2e-3)  # squares of float32 lie as far apart
    np.testing.assert_allclose(experience.applicability(found), 1, atol=1e-4)


@given(SEEDS, st.integers(0, 5), st.floats(0.01, 100), st.floats(-10, 10))
def test_the_scale_and_the_zero_of_a_feature_do_not_matter(seed: int, which: int, factor: float, shift: float) -> None:
    known, new = np.split(patches(seed, 50, 6).astype(np.float64), [40])
    before = make_experience(known, seed).dissimilarity(new)
    factors, shifts = np.ones(6), np.zeros(6)
    factors[which], shifts[which] = factor, shift * factor * known[:, which].std()
    after = make_experience(known * factors + shifts, seed).dissimilarity(new * factors + shifts)
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-5)


@given(SEEDS)
def test_far_away_it_grows_with_the_distance(seed: int) -> None:
    known = patches(seed, 40, 6)
    direction = np.random.default_rng(seed + 1).normal(size=6) * known.std(0)
    experience = make_experience(known, seed, threshold=1)
    far = known[:1] + direction * np.array([[10], [100], [1000], [10_000]])
    found = experience.dissimilarity(far)
    assert (np.diff(found) > 0).all()
    assert found[3] / found[2] == pytest.approx(10, rel=0.05)  # what is near the training ground no longer matters
    assert experience.applicability(found)[-1] < 1e-4


def test_some_of_many_patches_are_kept_and_the_seed_tells_which() -> None:
    known = patches(0, REFERENCES + 500, 2)
    one, same, other = (make_experience(known, seed) for seed in (3, 3, 4))
    assert one.reference.shape == (REFERENCES, 2 + 1)
    np.testing.assert_array_equal(one.reference, same.reference)
    assert one.mean.tolist() != other.mean.tolist()
    places = [np.abs(one.project(known) - row).sum(1).argmin() for row in one.reference[::50]]
    np.testing.assert_allclose(one.project(known)[places], one.reference[::50], atol=5e-3)
    assert (np.diff(places) > 0).all()  # in order, none twice


def test_a_feature_that_never_changes_tells_nothing() -> None:
    known = patches(0, 60, 40)
    with_constant = np.insert(known, 7, 0.25, axis=1)
    new = patches(0, 80, 40)[60:]
    found = make_experience(with_constant, 0).dissimilarity(np.insert(new, 7, 0.25, axis=1))
    np.testing.assert_allclose(found, make_experience(known, 0).dissimilarity(new), rtol=1e-3)


@given(st.floats(0.01, 10), hnp.arrays(np.float64, 5, elements=st.floats(0, 50)))
def test_applicability_is_one_half_at_the_threshold_and_falls(
    threshold: float, dissimilarity: NDArray[np.float64]
) -> None:
    experience = make_experience(patches(0, 10, 3), 0, threshold)
    assert experience.applicability(np.array([0.0, threshold])) == pytest.approx([1, 0.5])
    found = experience.applicability(np.sort(dissimilarity))
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) <= 0).all()


@given(hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(0.001, 100)))
def test_the_threshold_is_the_upper_whisker_of_a_box_plot(dissimilarity: NDArray[np.float64]) -> None:
    (expected,) = boxplot_stats(dissimilarity)
    assume(expected["whishi"] in dissimilarity)  # else Matplotlib draws it at the quartile, between two values
    assert whisker(dissimilarity) == expected["whishi"]


def test_outliers_do_not_move_the_threshold() -> None:
    usual = np.linspace(0.2, 0.4, 21)
    assert whisker(np.append(usual, [5, 9])) == pytest.approx(0.4)
    assert whisker(usual) == pytest.approx(0.4)


def test_made_again_from_its_arrays_it_says_the_same() -> None:
    experience = make_experience(patches(0, 50, 40), 0, threshold=0.4)
    again = Experience.from_arrays(experience.to_arrays())
    new = patches(1, 10, 40)
    np.testing.assert_array_equal(again.dissimilarity(new), experience.dissimilarity(new))
    assert (again.spread, again.threshold) == (experience.spread, experience.threshold)
