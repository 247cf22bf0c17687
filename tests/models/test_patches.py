from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.models.patches import CELL, PAIRS, PATCH, count_in_patch, describe, patch_features

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIX = ("B02", "B03", "B04", "B08", "B11", "B12")


def by_hand(reflectance: NDArray[np.float32], known: NDArray[np.bool_], bands: tuple[str, ...]) -> dict[str, float]:
    """Describe one patch, cell by cell."""
    cells: list[NDArray[Any]] = []
    for top in range(0, known.shape[0], CELL):
        for left in range(0, known.shape[1], CELL):
            cell = (slice(top, top + CELL), slice(left, left + CELL))
            if known[cell].any():
                cells.append(reflectance[:, *cell][:, known[cell]].mean(1, dtype=np.float64))
    values = dict(zip(bands, np.array(cells).T, strict=True))
    for one, other in PAIRS:
        if one in bands and other in bands:
            a, b = values[one], values[other]
            values[f"{one} to {other}"] = np.clip((a - b) / np.maximum(a + b, 1e-3), -1, 1)
    found = {}
    for name, of_cells in values.items():
        ranks = np.rint(np.array([0.1, 0.5, 0.9]) * (len(of_cells) - 1)).astype(int)
        low, middle, high = np.sort(of_cells)[ranks]
        statistics = (of_cells.mean(), of_cells.std(), low, middle, high)
        found |= {
            f"{name}: {statistic}": value
            for statistic, value in zip(("mean", "deviation", "10 %", "median", "90 %"), statistics, strict=True)
        }
    return found


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.integers(0, 99),
    st.sampled_from([SIX, SIX[:3], ("B08",)]),
    st.floats(0, 1),
)
def test_patches_are_described_by_their_known_cells(
    height: int, width: int, seed: int, bands: tuple[str, ...], share: float
) -> None:
    rng = np.random.default_rng(seed)
    reflectance = rng.uniform(0, 0.6, (len(bands), height, width)).astype(np.float32)
    known = rng.uniform(size=(height, width)) < share
    reflectance[:, ~known] = rng.choice([0, np.nan])
    patches = describe(reflectance, known, bands)
    names = patch_features(bands)
    assert patches.features.shape == (-(-height // PATCH), -(-width // PATCH), len(names))
    assert np.isfinite(patches.features).all()
    for row, column in np.ndindex(*patches.known.shape):
        where = (slice(row * PATCH, (row + 1) * PATCH), slice(column * PATCH, (column + 1) * PATCH))
        assert patches.known[row, column] == known[where].any()
        if known[where].any():
            expected = by_hand(reflectance[:, *where], known[where], bands)
            assert tuple(expected) == names
            np.testing.assert_allclose(patches.features[row, column], list(expected.values()), atol=2e-5)
        else:
            assert not patches.features[row, column].any()


@pytest.mark.parametrize("shape", [(1, 1), (32, 64), (33, 40), (100, 7)])
def test_marks_are_counted_patch_by_patch(shape: tuple[int, int]) -> None:
    marks = np.random.default_rng(0).uniform(size=shape) < 0.01
    counts = count_in_patch(marks)
    for row, column in np.ndindex(*counts.shape):
        part = marks[row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH]
        assert counts[row, column] == part.sum()
