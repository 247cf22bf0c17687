from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from highwall.mapping._blend import add_window


@settings(deadline=None)  # the first call compiles
@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 9)), elements=st.floats(width=32)
    ),
    st.integers(0, 4),
    st.integers(0, 9),
)
def test_a_window_is_added_and_what_is_not_finite_is_told(answer: np.ndarray, start: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    count, height, width = answer.shape
    rows, columns = random.integers(0, 1025, height) / 1024, random.integers(0, 1025, width) / 1024
    total = random.random((count, height + 1, start + width + 1))
    expected = total.copy()
    with np.errstate(invalid="ignore"):
        expected[:, :height, start : start + width] += rows[:, None] * columns * answer
    assert add_window(total, answer, rows, columns, start) == np.isfinite(answer).all()
    np.testing.assert_array_equal(total, expected)


@pytest.mark.parametrize("odd", [np.nan, -np.nan, np.inf, -np.inf])
def test_one_pixel_that_is_not_finite_is_enough(odd: float) -> None:
    answer = np.full((4, 64, 64), np.finfo(np.float32).min)
    total, weights = np.zeros((4, 64, 64)), np.ones(64)
    assert add_window(total, answer, weights, weights, 0)
    answer[3, 63, 63] = odd
    assert not add_window(total, answer, weights, weights, 0)
