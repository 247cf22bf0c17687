from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.sampling.allocation import allocate


def test_rare_classes_get_the_minimum_and_the_rest_is_proportional() -> None:
    pixels = np.array([6_450_000, 3_200_000, 200_000, 150_000])
    assert allocate(pixels, 641, 75).tolist() == [328, 163, 75, 75]  # 491 points in proportion 6.45 to 3.2


def test_of_few_points_half_are_for_the_minimum() -> None:
    assert allocate(np.array([970_000, 10_000, 10_000, 10_000]), 100).tolist() == [64, 12, 12, 12]
    assert allocate(np.array([970_000, 10_000, 10_000, 10_000]), 1000).tolist() == [850, 50, 50, 50]


def test_no_class_gets_more_than_it_has() -> None:
    assert allocate(np.array([1000, 7, 0, 1]), 200).tolist() == [192, 7, 0, 1]
    assert allocate(np.array([30, 7, 0, 1]), 200).tolist() == [30, 7, 0, 1]


@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=6).filter(any), st.integers(12, 5000))
def test_all_points_are_allotted_in_proportion(sizes: list[int], total: int) -> None:
    pixels = np.array(sizes)
    points = allocate(pixels, total)
    assert points.sum() == min(total, pixels.sum())
    assert (points <= pixels).all()
    minimum = max(min(50, total // (2 * np.count_nonzero(pixels))), 2)
    assert (points >= np.minimum(pixels, minimum)).all()
    common = points > minimum
    if common.any() and total < pixels.sum():
        share = pixels[common] * (points[common].sum() / pixels[common].sum())
        assert (np.abs(points[common] - share) <= common.sum()).all()


@pytest.mark.parametrize(
    ("total", "minimum", "words"), [(7, None, "7 points"), (100, 40, "100 points"), (100, 1, "two")]
)
def test_too_few_points_are_refused(total: int, minimum: int | None, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        allocate(np.array([1000, 100, 100, 100]), total, minimum)
