from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.training.augment import augment, elastic, pad, quarter_turn, random_crop, random_flips
from highwall.training.config import AugmentationConfig

sizes = st.tuples(st.integers(1, 50), st.integers(1, 50))
seeds = st.integers(0, 2**32 - 1)


def blocks(height: int, width: int, seed: int, side: int = 8) -> np.ndarray:
    """Labels 0 to 3 in blocks."""
    rows, columns = -(-height // side), -(-width // side)
    coarse = np.random.default_rng(seed).integers(0, 4, (rows, columns))
    return np.kron(coarse, np.ones((side, side), int))[:height, :width].astype(np.uint8)


def told_by_image(labels: np.ndarray) -> np.ndarray:
    """An image that says what each pixel's label is: one band a class, and one that is never 0."""
    one_hot = np.eye(256, dtype=np.float32)[labels][..., :4]
    return np.concatenate([one_hot.transpose(2, 0, 1), np.full((1, *labels.shape), 0.5, np.float32)])


@settings(deadline=None)
@given(sizes, seeds, st.sampled_from([None, 32, 64]))
def test_without_elastic_image_and_labels_move_exactly_together(
    size: tuple[int, int], seed: int, crop: int | None
) -> None:
    labels = blocks(*size, seed)
    config = AugmentationConfig(quarter_turns=True, elastic=0)
    moved, new = augment((told_by_image(labels), labels), config, crop, np.random.default_rng(seed))
    known = new != 255
    assert (moved[:4].argmax(0)[known] == new[known]).all()
    assert (moved[4] > 0)[known].all()
    assert (moved[:, ~known] == 0).all()
    if crop is None:
        assert sorted(new.shape) == sorted(size)
        assert (np.bincount(new.ravel(), minlength=4) == np.bincount(labels.ravel(), minlength=4)).all()
    else:
        assert new.shape == (crop, crop)
        assert known.sum() == min(crop, size[0]) * min(crop, size[1])


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 80), st.integers(20, 80), seeds, st.floats(0.5, 6), st.floats(16, 64))
def test_elastic_moves_image_and_labels_by_the_same_way(
    height: int, width: int, seed: int, amplitude: float, scale: float
) -> None:
    labels = blocks(height, width, seed)
    moved, new = elastic((told_by_image(labels), labels), amplitude, scale, np.random.default_rng(seed))
    # The nearest pixel is one of those interpolated between, with a weight of 1/4 or more.
    np.testing.assert_array_less(0.25 - 1e-3, np.take_along_axis(moved[:4], new[None].astype(int), 0)[0])
    np.testing.assert_allclose(moved[4], 0.5, atol=1e-5)
    certain = moved[:4].max(0) > 0.75  # then the nearest pixel can be no other
    assert (moved[:4].argmax(0)[certain] == new[certain]).all()


def test_elastic_does_deform_smoothly_and_by_its_amplitude() -> None:
    rows, columns = np.mgrid[:256, :256].astype(np.float32)
    image = np.stack([rows, columns]) + 1
    moved, _ = elastic((image, np.zeros((256, 256), np.uint8)), 4, 32, np.random.default_rng(0))
    inside = np.s_[:, 32:-32, 32:-32]
    shift = (moved - image)[inside]
    assert 1.5 < shift.std() < 5  # 4 at the nodes, less between them
    assert np.abs(np.diff(shift, axis=1)).max() < 1.5


@given(sizes, seeds)
def test_elastic_of_no_amplitude_is_identity(size: tuple[int, int], seed: int) -> None:
    labels = blocks(*size, seed)
    labels[0, 0] = 255
    pixels = np.random.default_rng(seed).uniform(0.1, 1, (3, *size)).astype(np.float32)
    moved, new = elastic((pixels, labels), 0, 32, np.random.default_rng(seed))
    np.testing.assert_allclose(moved, pixels, atol=1e-4)
    assert (new == labels).all()


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0.5, 8))
def test_ground_without_data_never_bleeds(seed: int, amplitude: float) -> None:
    rng = np.random.default_rng(seed)
    valid = blocks(48, 48, seed) > 0
    pixels = np.where(valid, np.float32(0.5), 0) * np.ones((2, 1, 1), np.float32)
    labels = np.where(valid, 1, 255).astype(np.uint8)
    moved, new = elastic((pixels, labels), amplitude, 24, rng)
    assert ((np.abs(moved - 0.5) < 1e-5) | (moved == 0)).all()  # never mixed with nothing
    assert set(np.unique(new)) <= {1, 255}
    assert (new[(moved > 0).all(0)] == 1).all()


def test_a_label_on_ground_that_lost_its_data_is_unknown() -> None:
    pixels = np.full((1, 64, 64), 0.5, np.float32)
    labels = np.ones((64, 64), np.uint8)
    pixels[:, 20:40, 20:40], labels[20:40, 20:40] = 0, 255
    moved, new = elastic((pixels, labels), 3, 16, np.random.default_rng(0))
    assert (new[(moved == 0).all(0)] == 255).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_flips_come_with_probability_one_half_each(axis: int) -> None:
    labels = np.arange(4, dtype=np.uint8).reshape(2, 2)
    rng = np.random.default_rng(0)
    flipped = 0
    for _ in range(2000):
        _, new = random_flips((labels[None].astype(np.float32), labels), rng)
        flipped += int(new.min(1 - axis)[0] != labels.min(1 - axis)[0])
    assert abs(flipped - 1000) < 4 * np.sqrt(2000 * 0.25)  # four standard deviations of the binomial distribution


def test_both_flips_are_drawn_apart() -> None:
    labels = np.arange(4, dtype=np.uint8).reshape(2, 2)
    rng = np.random.default_rng(1)
    corners = [random_flips((labels[None].astype(np.float32), labels), rng)[1][0, 0] for _ in range(2000)]
    assert np.abs(np.bincount(corners, minlength=4) - 500).max() < 4 * np.sqrt(2000 * 3 / 16)


def test_quarter_turns_turn_a_quarter() -> None:
    labels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    sample = labels[None].astype(np.float32), labels
    for turns in range(4):
        pixels, new = quarter_turn(sample, turns)
        assert (pixels[0] == new).all()
        assert (new == np.rot90(labels, turns)).all()
    corners = [
        augment(sample, AugmentationConfig(flips=False, quarter_turns=True, elastic=0), None, np.random.default_rng(s))[
            1
        ][0, 0]
        for s in range(400)
    ]
    assert set(corners) == {0, 2, 3, 5}


@given(sizes, seeds)
def test_the_same_random_numbers_make_the_same_change(size: tuple[int, int], seed: int) -> None:
    labels = blocks(*size, seed)
    config = AugmentationConfig(quarter_turns=True, elastic=3)
    first, second = (
        augment((told_by_image(labels), labels), config, 32, np.random.default_rng(seed)) for _ in range(2)
    )
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_epochs_differ() -> None:
    labels = blocks(64, 64, 0)
    config = AugmentationConfig(elastic=3)
    results = {
        augment((told_by_image(labels), labels), config, None, np.random.default_rng([0, epoch, 0]))[0].tobytes()
        for epoch in range(5)
    }
    assert len(results) == 5


@given(sizes, sizes)
def test_padding_is_unknown_ground_below_and_to_the_right(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    labels = blocks(*size, 0)
    pixels, new = pad((told_by_image(labels), labels), *wanted)
    assert new.shape == (max(size[0], wanted[0]), max(size[1], wanted[1])) == pixels.shape[1:]
    assert (new[: size[0], : size[1]] == labels).all()
    assert (np.count_nonzero(new == 255)) == new.size - labels.size == np.count_nonzero((pixels == 0).all(0))


@settings(max_examples=5, deadline=None)
@given(st.integers(32, 38), st.integers(32, 38))
def test_crops_reach_every_corner(height: int, width: int) -> None:
    labels = np.zeros((height, width), np.uint8)
    places = np.arange(1, height * width + 1, dtype=np.float32).reshape(1, height, width)
    rng = np.random.default_rng(0)
    corners = {random_crop((places, labels), 32, rng)[0][0, 0, 0] for _ in range(40 * (height - 31) * (width - 31))}
    assert corners == set(places[0, : height - 31, : width - 31].ravel())
