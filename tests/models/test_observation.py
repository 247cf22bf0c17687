from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from highwall.models.observation import BINS, Observations, observe

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = 4
SEEDS = st.integers(0, 1000)


def answers(seed: int, members: int = 2) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Calibrated probabilities (class, y, x), those of the members, and where there is data."""
    rng = np.random.default_rng(seed)
    given_ = rng.dirichlet(np.full(CLASSES, 0.4), (members + 1, 9, 13)).transpose(0, 3, 1, 2).astype(np.float32)
    return given_[0], given_[1:], rng.random((9, 13)) < 0.7


def seen(seed: int, members: int = 2) -> Observations:
    probabilities, votes, valid = answers(seed, members)
    return observe(probabilities, votes, valid, 0.5, 1.5, 1.25)


@given(SEEDS)
def test_the_expected_confusion_sums_probabilities_over_what_was_answered(seed: int) -> None:
    probabilities, _, valid = answers(seed)
    expected = np.zeros((CLASSES, CLASSES))
    for y, x in np.argwhere(valid):
        expected[:, probabilities[:, y, x].argmax()] += probabilities[:, y, x]
    (found,) = seen(seed).expected
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.trace() == pytest.approx(probabilities.max(0)[valid].sum(), rel=1e-5)  # the confidence


@given(SEEDS, st.integers(2, 4))
def test_agreement_is_the_confusion_of_the_members_with_each_other(seed: int, members: int) -> None:
    _, votes, valid = answers(seed, members)
    labels = votes.argmax(1)[:, valid]
    pairs = [confusion_matrix(a, b, labels=range(CLASSES)) for a, b in combinations(labels, 2)]
    both_ways = [matrix for pair in pairs for matrix in (pair, pair.T)]
    np.testing.assert_allclose(seen(seed, members).agreement, np.mean(both_ways, axis=0)[None])


@given(SEEDS)
def test_a_network_agrees_with_itself(seed: int) -> None:
    probabilities, votes, valid = answers(seed, 1)
    counts = np.bincount(votes[0].argmax(0)[valid], minlength=CLASSES)
    alone = observe(probabilities, votes, valid, 0, 0, 0)
    twice = observe(probabilities, np.concatenate([votes, votes]), valid, 0, 0, 0)
    np.testing.assert_array_equal(alone.agreement, np.diag(counts)[None])
    np.testing.assert_array_equal(twice.agreement, alone.agreement)


@given(SEEDS)
def test_confidence_is_a_histogram_for_each_answer(seed: int) -> None:
    probabilities, _, valid = answers(seed)
    answer, confidence = probabilities.argmax(0), probabilities.max(0).astype(np.float64)
    (found,) = seen(seed).confidence
    for index in range(CLASSES):
        expected, _ = np.histogram(confidence[valid & (answer == index)], BINS, (0, 1))
        np.testing.assert_array_equal(found[index], expected)


def test_what_is_sure_lies_in_the_last_bin() -> None:
    sure = np.zeros((CLASSES, 1, 2), np.float32)
    sure[2] = 1
    found = observe(sure, sure[None], np.ones((1, 2), bool), 0, 0, 0)
    assert found.confidence[0, 2, -1] == found.confidence.sum() == 2


@given(SEEDS)
def test_pixels_without_data_do_not_count(seed: int) -> None:
    probabilities, votes, valid = answers(seed)
    holed, unknown = (np.where(valid, values, np.float32(np.nan)) for values in (probabilities, votes))
    before, after = seen(seed), observe(holed, unknown, valid, 0.5, 1.5, 1.25)
    for name, values in before.to_arrays().items():
        np.testing.assert_array_equal(getattr(after, name), values)
    assert before.expected.sum() == pytest.approx(valid.sum(), rel=1e-5)
    assert before.agreement.sum() == pytest.approx(valid.sum())
    assert before.confidence.sum() == valid.sum()


def test_nothing_seen_is_no_count() -> None:
    probabilities, votes, valid = answers(0)
    nothing = observe(probabilities, votes, valid & False, 0, 0, 0)
    assert nothing.expected.sum() == nothing.agreement.sum() == nothing.confidence.sum() == 0


def test_joined_and_taken_apart_each_tile_keeps_its_row() -> None:
    parts = [seen(seed) for seed in range(3)]
    together = Observations.join(parts)
    assert len(together) == 3
    again = Observations.from_arrays(together.to_arrays())
    for number, part in enumerate(parts):
        for name, values in part.to_arrays().items():
            np.testing.assert_array_equal(getattr(together[[number]], name), values)
            np.testing.assert_array_equal(getattr(again[np.arange(3) == number], name), values)
    assert (together.dissimilarity[0], together.strangeness[0], together.kinship[0]) == (0.5, 1.5, 1.25)
