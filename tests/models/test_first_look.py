from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.models.first_look import FirstLook, highest_in_windows, sum_in_windows
from highwall.models.forest import fit_forest
from highwall.models.patches import PATCH, describe, patch_features

BANDS = ("B03", "B08", "B11")


@pytest.fixture(scope="module")
def look() -> FirstLook:
    """A first look that tells bright patches from dark ones."""
    rng = np.random.default_rng(0)
    names = patch_features(BANDS)
    features = rng.uniform(0, 1, (400, len(names))).astype(np.float32)
    forest = fit_forest(features, (features[:, 0] > 0.5).astype(np.uint8), names, 2, trees=5)
    return FirstLook(forest, BANDS, 0.5, 0.99, 0.98, 1.0, 0.7, 12)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.integers(0, 99))
def test_windows_lie_at_every_patch_and_over_the_edge(rows: int, columns: int, side: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, counts = rng.uniform(size=(rows, columns)), rng.integers(0, 9, (rows, columns))
    highest, total = highest_in_windows(scores, side), sum_in_windows(counts, side)
    assert highest.shape == total.shape == (rows + side - 1, columns + side - 1)
    for row, column in np.ndindex(*highest.shape):
        part = np.s_[max(row - side + 1, 0) : row + 1, max(column - side + 1, 0) : column + 1]
        assert highest[row, column] == scores[part].max()
        assert total[row, column] == counts[part].sum()
    assert total.sum() == counts.sum() * side**2


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 300), st.integers(1, 90), st.integers(0, 99))
def test_a_window_is_kept_if_any_patch_that_it_touches_is(look: FirstLook, width: int, window: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = rng.uniform(0, 1, (3, -(-window // 16), -(-width // 16)))
    reflectance = np.kron(blocks, np.ones((1, 16, 16)))[:, :window, :width].astype(np.float32)
    known = rng.uniform(size=(window, width)) < 0.8
    starts = sorted(rng.integers(0, max(width - window, 0) + 1, 6).tolist())
    scores = look.scores(reflectance, known)
    patches = describe(reflectance, known, BANDS)
    np.testing.assert_array_equal(scores < 0, ~patches.known)
    for start, kept in zip(starts, look.keeps(reflectance, known, starts, window), strict=True):
        touched = {(y // PATCH, x // PATCH) for y in range(window) for x in range(start, min(start + window, width))}
        assert kept == any(scores[patch] >= look.threshold for patch in touched)


def test_it_survives_its_arrays_and_bad_ones_are_refused(look: FirstLook) -> None:
    arrays = look.to_arrays()
    again = FirstLook.from_arrays(arrays, BANDS)
    assert again.to_json() == look.to_json()
    np.testing.assert_equal(again.to_arrays(), arrays)
    for spoilt in (
        {name: array for name, array in arrays.items() if name != "threshold"},
        {name: array for name, array in arrays.items() if name != "forest.roots"},
        arrays | {"recall": np.array([1.5])},
        arrays | {"low": np.array([np.nan])},
        arrays | {"threshold": np.zeros(3)},
        arrays | {"sites": np.array([np.inf])},
        arrays | {"forest.leaves": np.ones((len(arrays["forest.leaves"]), 3))},
    ):
        with pytest.raises(BadInput):
            FirstLook.from_arrays(spoilt, BANDS)


def test_over_other_bands_it_is_refused(look: FirstLook) -> None:
    with pytest.raises(BadInput, match="none of 5"):
        FirstLook.from_arrays(look.to_arrays(), ("B02",))


def test_json_tells_what_it_costs(look: FirstLook) -> None:
    told: dict[str, Any] = look.to_json()
    assert told == {"threshold": 0.5, "recall": 0.99, "low": 0.98, "high": 1.0, "skipped": 0.7, "sites": 12}
