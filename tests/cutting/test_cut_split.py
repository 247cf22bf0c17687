from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.cutting.cells import MARGIN, empty_cells, number_groups, touched_cells
from highwall.cutting.split import draw_validation

CELLS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, unique=True)


@given(CELLS)
def test_cells_that_touch_have_one_number(cells: list[tuple[int, int]]) -> None:
    numbers = number_groups(cells)
    group = {cell: {cell} for cell in cells}
    for a, b in itertools.combinations(cells, 2):  # brute force: merge until nothing changes
        if max(abs(a[0] - b[0]), abs(a[1] - b[1])) <= 1 and group[a] is not group[b]:
            merged = group[a] | group[b]
            for cell in merged:
                group[cell] = merged
    for (i, a), (j, b) in itertools.combinations(enumerate(cells), 2):
        assert (numbers[i] == numbers[j]) == (b in group[a])
    assert sorted(set(numbers.tolist())) == list(range(len(set(numbers.tolist()))))


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(0, 30), st.floats(0, 0.5), st.integers(0, 99))
def test_whole_sites_validate_and_some_are_left_to_train(sizes: list[int], empty: int, share: float, seed: int) -> None:
    sites = np.repeat(np.arange(len(sizes)), sizes)
    classes = np.random.default_rng(seed).random((len(sites), 3)) < 0.3
    classes[:, 0] = sites >= min(empty, len(sizes) - 1)  # the first sites are empty
    classes[~classes[:, 0]] = False
    chosen = draw_validation(sites, classes, share, np.random.default_rng(seed))
    for site in range(len(sizes)):
        assert len(set(chosen[sites == site].tolist())) == 1
    full = len(set(sites[classes[:, 0]].tolist()))
    assert (~chosen[classes[:, 0]]).any()
    assert bool(chosen.any()) == (full > 1 and round(share * full) >= 1)


def test_the_share_is_met_and_both_parts_show_all_classes_where_they_can() -> None:
    rng = np.random.default_rng(0)
    sites = np.repeat(np.arange(50), rng.integers(1, 5, 50))
    classes = np.zeros((len(sites), 4), bool)
    classes[:, 0] = True
    classes[np.isin(sites, [3, 8]), 3] = True  # two sites of 50 have the rare class
    for seed in range(10):
        chosen = draw_validation(sites, classes, 0.2, np.random.default_rng(seed))
        assert abs(chosen.mean() - 0.2) < 0.03
        assert classes[chosen].any(0)[3]
        assert classes[~chosen].any(0)[3]


def test_empty_cells_come_in_the_order_of_their_distance() -> None:
    size, shape = 64, (640, 700)
    polygons = [shapely.box(130, 130, 180, 190), shapely.box(400, 500, 401, 501)]
    tree = shapely.STRtree(polygons)
    touched = touched_cells(tree, shape, size)
    assert touched.shape == (10, 11)
    assert np.argwhere(touched).tolist() == [[2, 2], [7, 6]]
    cells = empty_cells(tree, shape, size, np.random.default_rng(0))
    assert len(cells) == len({cell for cell, _ in cells}) == 108
    kinds = []
    for (row, column), apart in cells:
        box = shapely.box(column * size, row * size, (column + 1) * size, (row + 1) * size)
        assert apart == (min(box.distance(polygon) for polygon in polygons) > MARGIN)
        beside = max(abs(row - 2), abs(column - 2)) == 1 or max(abs(row - 7), abs(column - 6)) == 1
        kinds.append(beside + (not apart))
    assert kinds == sorted(kinds)
    assert set(kinds) == {0, 1, 2}
    other = empty_cells(tree, shape, size, np.random.default_rng(1))
    assert sorted(other) == sorted(cells)
    assert other != cells


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9])
def test_one_site_stays_in_training(share: float) -> None:
    chosen = draw_validation(np.zeros(5, np.int64), np.ones((5, 2), bool), share, np.random.default_rng(0))
    assert not chosen.any()
