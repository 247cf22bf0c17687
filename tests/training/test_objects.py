"""Where target classes lie, and whole objects copied from tile to tile."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from highwall.training.draw import window_around
from highwall.training.objects import LEAST, MARGIN, find_objects, paste

TARGETS = (1, 2)


def blobs(seed: int, size: int = 64) -> np.ndarray:
    """Labels 0, 1, 2 in smooth patches, some unknown."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=(size, size)), 4)
    labels = np.digitize(field, np.quantile(field, [0.7, 0.85])).astype(np.uint8)
    labels[rng.random((size, size)) < 0.01] = 255
    return labels


@settings(deadline=None)
@given(st.tuples(st.integers(1, 90), st.integers(1, 90)), st.integers(1, 64), st.data())
def test_a_window_around_a_pixel_holds_it_and_stays_in_the_tile(
    shape: tuple[int, int], size: int, data: st.DataObject
) -> None:
    centre = (data.draw(st.integers(0, shape[0] - 1)), data.draw(st.integers(0, shape[1] - 1)))
    window = window_around(centre, shape, size, np.random.default_rng(data.draw(st.integers(0, 99))))
    for part, middle, length in zip(window, centre, shape, strict=True):
        assert part.start <= middle < part.stop == part.start + size
        assert part.start >= 0
        assert part.stop <= max(length, size)


def test_rare_pixels_are_of_their_class_and_classes_come_equally_often() -> None:
    labels = [blobs(seed) for seed in range(3)]
    labels[0][labels[0] == 2] = 0
    objects = find_objects(labels, TARGETS)
    rng = np.random.default_rng(0)
    drawn = [objects.rare_pixel(rng) for _ in range(2000)]
    classes = [labels[tile][place] for tile, place in drawn]
    assert set(classes) == {1, 2}
    assert abs(classes.count(1) - 1000) < 4 * np.sqrt(500)
    assert {tile for (tile, _), index in zip(drawn, classes, strict=True) if index == 2} == {1, 2}
    assert find_objects([np.zeros((4, 4), np.uint8)], TARGETS).rare_pixel(rng) is None


def test_without_a_background_the_first_class_is_a_target() -> None:
    objects = find_objects([np.zeros((4, 4), np.uint8), np.full((4, 4), 1, np.uint8)], (0, 1))
    assert {index: set(tiles) for index, tiles in objects.pixels.items()} == {0: {0}, 1: {1}}


@pytest.mark.parametrize("seed", range(4))
def test_objects_are_the_whole_connected_pieces(seed: int) -> None:
    labels = blobs(seed)
    numbered, count = ndimage.label((labels == 1) | (labels == 2))
    border = set(np.concatenate([numbered[0], numbered[-1], numbered[:, 0], numbered[:, -1]]).tolist())
    expected = {n: (numbered == n).sum() for n in range(1, count + 1) if n not in border}
    found = find_objects([labels], TARGETS).objects
    assert len(found) == sum(pixels >= LEAST for pixels in expected.values())
    for one in found:
        inside = np.zeros(labels.shape, bool)
        inside[one.window] = one.body
        pieces = set(numbered[inside].tolist()) - {0}
        own = max(pieces, key=lambda piece: (numbered[inside] == piece).sum())
        body = (numbered == own) & inside
        assert body.sum() == expected[own]
        assert not (labels[inside] == 255).any()
        assert ndimage.distance_transform_edt(numbered != own)[inside].max() <= 2 * MARGIN


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 999))
def test_a_pasted_object_brings_bands_and_labels_and_leaves_the_rest_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = blobs(seed % 7)
    source = np.stack([rng.integers(1, 1000, labels.shape), labels]).astype(np.uint16)
    source[0] += 30_000  # tells the source's pixels from the sample's
    sample = np.stack([rng.integers(1, 1000, (48, 40)), np.zeros((48, 40))]).astype(np.uint16)
    sample[0, :5] = 0
    before = sample.copy()
    objects = find_objects([np.zeros((9, 9), np.uint8), labels], TARGETS)
    assume(objects.objects)
    chosen = objects.of_another(0, rng)
    assert objects.of_another(1, rng) is None
    mixed = paste(sample, source, chosen, rng)
    assert np.array_equal(sample, before)
    new = mixed[0] >= 30_000
    assert np.array_equal(mixed[:, ~new], sample[:, ~new])
    assert not new[:5].any()
    given_away = dict(zip(source[0].ravel().tolist(), source[1].ravel().tolist(), strict=True))
    if len(given_away) == source[0].size:
        assert all(given_away[int(value)] == label for value, label in zip(*mixed[:, new], strict=True))
    assert new.sum() <= chosen.body.sum()
