from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.mapping.windows import UNIT, Axis, make_axis, make_grid


@st.composite
def axes(draw: st.DrawFn) -> tuple[int, int, int]:
    window = draw(st.integers(1, 70))
    return draw(st.integers(1, 300)), window, draw(st.integers(0, window - 1))


def total(axis: Axis) -> np.ndarray:
    sums = np.zeros(axis.length + axis.window)
    for start, weights in zip(axis.starts, axis.weights, strict=True):
        sums[start : start + axis.window] += weights
    return sums


@given(axes())
def test_weights_add_up_to_one_exactly_and_to_nothing_outside(numbers: tuple[int, int, int]) -> None:
    axis = make_axis(*numbers)
    sums = total(axis)
    assert (sums[: axis.length] == 1).all()
    assert (sums[axis.length :] == 0).all()
    assert (axis.weights >= 0).all()
    np.testing.assert_array_equal(axis.weights * UNIT, np.rint(axis.weights * UNIT))


@given(axes())
def test_windows_lie_inside_and_step_by_window_less_overlap(numbers: tuple[int, int, int]) -> None:
    length, window, overlap = numbers
    axis = make_axis(length, window, overlap)
    steps = np.diff(axis.starts)
    assert axis.starts[0] == 0
    assert (steps[:-1] == window - overlap).all()
    assert (steps > 0).all()
    assert (steps <= window - overlap).all()
    assert axis.starts[-1] == max(length - window, 0)


@given(axes(), st.data())
def test_settled_and_first_over_agree_with_counting(numbers: tuple[int, int, int], data: st.DataObject) -> None:
    axis = make_axis(*numbers)
    number = data.draw(st.integers(0, len(axis) - 1))
    later = axis.starts[number + 1 :]
    assert axis.settled(number) == (later.min() if len(later) else axis.length)
    pixel = data.draw(st.integers(0, axis.length - 1))
    over = [n for n, start in enumerate(axis.starts) if start <= pixel < start + axis.window]
    assert axis.first_over(pixel) == over[0]


def test_weights_fall_towards_the_edges_that_windows_share() -> None:
    axis = make_axis(1000, 256, 64)
    middle = axis.weights[1]
    assert (np.diff(middle[:64]) > 0).all()
    assert (np.diff(middle[-64:]) < 0).all()
    assert (middle[64:-64] == 1).all()
    assert (axis.weights[0][:192] == 1).all()  # nothing else reaches the border of the scene


def test_a_window_larger_than_the_scene_is_the_only_one() -> None:
    grid = make_grid((3, 300), 256, 64)
    assert (len(grid.rows), len(grid.columns), len(grid)) == (1, 2, 2)
    assert (grid.rows.weights[0][:3] == 1).all()
    assert (grid.rows.weights[0][3:] == 0).all()


@pytest.mark.parametrize(("window", "overlap"), [(0, 0), (-1, 0), (8, 8), (8, -1), (8, 9)])
def test_numbers_that_make_no_sense_are_refused(window: int, overlap: int) -> None:
    with pytest.raises(BadInput, match=r"window"):
        make_grid((10, 10), window, overlap)
