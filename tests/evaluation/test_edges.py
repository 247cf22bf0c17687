from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import binary_dilation

import highwall
from highwall.evaluation.confusion import confusion
from highwall.evaluation.edges import EDGE, INTERIOR, confusion_by_stratum, edge_pixels

LABELS = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 3, 255])
)


def looped(labels: np.ndarray, reach: int) -> np.ndarray:
    """Look at every pair of pixels."""
    edge = np.zeros(labels.shape, bool)
    for (y, x), label in np.ndenumerate(labels):
        for (v, u), other in np.ndenumerate(labels):
            near = max(abs(y - v), abs(x - u)) <= reach
            edge[y, x] |= near and label != other and 255 not in {int(label), int(other)}
    return edge


@settings(deadline=None)
@given(labels=LABELS, reach=st.integers(0, 4))
def test_edges_are_those_of_a_loop_over_pairs(labels: np.ndarray, reach: int) -> None:
    np.testing.assert_array_equal(edge_pixels(labels, reach), looped(labels, reach))


def test_a_straight_edge_is_two_pixels_wide_on_both_sides() -> None:
    labels = np.zeros((8, 12), np.uint8)
    labels[:, 5:] = 2
    expected = np.zeros((8, 12), bool)
    expected[:, 3:7] = True
    np.testing.assert_array_equal(edge_pixels(labels), expected)


def test_neither_unknown_pixels_nor_the_border_make_an_edge() -> None:
    labels = np.full((9, 9), 1, np.uint8)
    labels[3:6, 3:6] = 255
    assert not edge_pixels(labels).any()


@given(labels=LABELS, data=st.data())
def test_strata_are_confusion_of_their_pixels_and_add_up(labels: np.ndarray, data: st.DataObject) -> None:
    answer = data.draw(hnp.arrays(np.uint8, labels.shape, elements=st.sampled_from([0, 1, 2, 3, 255])))
    edge = edge_pixels(labels)
    strata = confusion_by_stratum(labels, answer, 4)
    np.testing.assert_array_equal(strata[EDGE], confusion(labels[edge], answer[edge], 4))
    np.testing.assert_array_equal(strata[INTERIOR], confusion(labels[~edge], answer[~edge], 4))
    np.testing.assert_array_equal(strata.sum(axis=0), confusion(labels, answer, 4))


def grown(labels: np.ndarray) -> np.ndarray:
    """Let all other classes grow by two pixels into each class."""
    edge = np.zeros(labels.shape, bool)
    for label in set(np.unique(labels)) - {255}:
        others = (labels != label) & (labels != 255)
        edge |= (labels == label) & binary_dilation(others, np.ones((3, 3)), iterations=2)
    return edge


@pytest.mark.parametrize("level", ["networks", "forest"])
def test_evaluation_counts_edges_apart(trained: Any, level: str) -> None:
    result = highwall.evaluate(trained.model, trained.dataset, split="train")
    tiles = [tile for tile in result.tiles if tile.key in {"train/tile0.tif", "train/tile1.tif"}]
    assert len(tiles) == 2
    for tile in tiles:  # the first has a hole in its image, the second one in its mask
        with rasterio.open(tile.image) as image, rasterio.open(tile.mask) as mask:
            pixels = image.read().astype(np.float32) * np.float32(1e-4)
            labels = np.where((pixels != 0).any(axis=0), mask.read(1), 255)
        assert (labels == 255).sum() == 600
        answer = trained.model.levels(pixels[None])[level][0].argmax(axis=0)
        expected = np.zeros((2, 4, 4), int)
        known = labels != 255
        np.add.at(expected, (grown(labels)[known].astype(int), labels[known], answer[known]), 1)
        counts = result.counts[level][result.tiles.index(tile)]
        np.testing.assert_array_equal(counts, expected)
        assert counts[EDGE].sum() > 500
    edges = result.to_json()["edge_confusion"][level]
    np.testing.assert_array_equal(edges, result.counts[level][:, EDGE].sum(axis=0))
