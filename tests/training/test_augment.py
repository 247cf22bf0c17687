from __future__ import annotations

import numpy as np
import plain_augment
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from highwall.training.augment import Group, assemble, augment, turn
from highwall.training.config import AugmentationConfig
from highwall.training.data import Drawn, collate, cut
from highwall.training.decoded import Coding
from highwall.training.draw import Draw, draw, random_window

sizes = st.tuples(st.integers(1, 50), st.integers(1, 50))
seeds = st.integers(0, 2**32 - 1)
configs = st.builds(
    AugmentationConfig,
    flips=st.booleans(),
    quarter_turns=st.booleans(),
    elastic=st.sampled_from([0, 0.5, 4]),
    elastic_scale=st.sampled_from([8, 32]),
    brightness=st.sampled_from([0, 0.1]),
    tint=st.sampled_from([0, 0.1]),
)
CODING = Coding(1e-4, 0)
BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
STILL = AugmentationConfig(flips=False, elastic=0)

Sample = tuple[np.ndarray, np.ndarray]


def blocks(height: int, width: int, seed: int, side: int = 8) -> np.ndarray:
    """Labels 0 to 3 in blocks."""
    rows, columns = -(-height // side), -(-width // side)
    coarse = np.random.default_rng(seed).integers(0, 4, (rows, columns))
    return np.kron(coarse, np.ones((side, side), int))[:height, :width].astype(np.uint8)


def told_by_image(labels: np.ndarray) -> np.ndarray:
    """An image that says what each pixel's label is: one band a class, and one that is never 0."""
    one_hot = np.eye(256, dtype=np.float32)[labels][..., :4]
    return np.concatenate([one_hot.transpose(2, 0, 1), np.full((1, *labels.shape), 0.5, np.float32)])


def holed(height: int, width: int, seed: int) -> Sample:
    """Noise with holes in it, and labels in blocks."""
    labels = blocks(height, width, seed)
    pixels = np.random.default_rng(seed).uniform(0.01, 1, (3, height, width)).astype(np.float32)
    lost = blocks(height, width, seed + 1) == 0
    return np.where(lost, np.float32(0), pixels), np.where(lost, np.uint8(255), labels)


def drawn(sample: Sample, config: AugmentationConfig, crop: int | None, rng: np.random.Generator) -> Drawn:
    """A sample as `TrainingTiles` makes it."""
    pixels, labels = sample
    planes = np.concatenate([pixels, labels[None].astype(np.float32)])
    if crop is not None:
        planes = cut(planes, random_window(labels.shape, crop, rng))
    return Drawn(planes, draw(config, planes.shape[1:], BANDS[: len(pixels)], rng))


def together(samples: list[Drawn]) -> Sample:
    pixels, labels = assemble([augment(group, CODING, torch.zeros(1, 1, 1)) for group in collate(samples)])
    assert labels.dtype == torch.int64
    assert pixels.dtype == torch.float32
    return pixels.numpy(), labels.numpy()


def changed(sample: Sample, config: AugmentationConfig, crop: int | None, rng: np.random.Generator) -> Sample:
    pixels, labels = together([drawn(sample, config, crop, rng)])
    return pixels[0], labels[0]


def deformed(sample: Sample, amplitude: float, scale: float, seed: int) -> Sample:
    config = AugmentationConfig(flips=False, elastic=amplitude, elastic_scale=scale)
    return changed(sample, config, None, np.random.default_rng(seed))


@settings(max_examples=150, deadline=None)
@given(st.lists(sizes, min_size=1, max_size=5), seeds, configs, st.sampled_from([None, 32]))
def test_a_batch_is_what_becomes_of_its_samples_one_by_one(
    shapes: list[tuple[int, int]], seed: int, config: AugmentationConfig, crop: int | None
) -> None:
    samples = [holed(*shape, seed + number) for number, shape in enumerate(shapes)]
    expected = [
        plain_augment.augment(sample, config, crop, np.random.default_rng([seed, number]))
        for number, sample in enumerate(samples)
    ]
    height, width = (max(labels.shape[axis] for _, labels in expected) for axis in (0, 1))
    found = together(
        [drawn(one, config, crop, np.random.default_rng([seed, number])) for number, one in enumerate(samples)]
    )
    kept = [plain_augment.pad(sample, height, width) for sample in expected]
    left = list(zip(*found, strict=True))  # a batch puts samples of a size side by side
    for pixels, labels in kept:
        place = next(
            (n for n, one in enumerate(left) if np.allclose(one[0], pixels, atol=1e-6) and (one[1] == labels).all()),
            None,
        )
        assert place is not None
        del left[place]
    assert not left


@settings(max_examples=20, deadline=None)
@given(seeds, configs)
def test_a_sample_does_not_depend_on_what_it_is_batched_with(seed: int, config: AugmentationConfig) -> None:
    samples = [drawn(holed(64, 64, seed + n), config, 32, np.random.default_rng([seed, n])) for n in range(5)]
    alone = [together([sample]) for sample in samples]
    pixels, labels = together(samples)
    assert np.array_equal(pixels, np.concatenate([one for one, _ in alone]))
    assert np.array_equal(labels, np.concatenate([one for _, one in alone]))


@settings(deadline=None)
@given(sizes, seeds, st.sampled_from([None, 32, 64]))
def test_without_elastic_image_and_labels_move_exactly_together(
    size: tuple[int, int], seed: int, crop: int | None
) -> None:
    labels = blocks(*size, seed)
    config = AugmentationConfig(quarter_turns=True, elastic=0)
    moved, new = changed((told_by_image(labels), labels), config, crop, np.random.default_rng(seed))
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
    moved, new = deformed((told_by_image(labels), labels), amplitude, scale, seed)
    # The nearest pixel is one of those interpolated between, with a weight of 1/4 or more.
    np.testing.assert_array_less(0.25 - 1e-3, np.take_along_axis(moved[:4], new[None], 0)[0])
    np.testing.assert_allclose(moved[4], 0.5, atol=1e-5)
    certain = moved[:4].max(0) > 0.75  # then the nearest pixel can be no other
    assert (moved[:4].argmax(0)[certain] == new[certain]).all()


def test_elastic_does_deform_smoothly_and_by_its_amplitude() -> None:
    rows, columns = np.mgrid[:256, :256].astype(np.float32)
    image = np.stack([rows, columns]) + 1
    moved, _ = deformed((image, np.zeros((256, 256), np.uint8)), 4, 32, 0)
    inside = np.s_[:, 32:-32, 32:-32]
    shift = (moved - image)[inside]
    assert 1.5 < shift.std() < 5  # 4 at the nodes, less between them
    assert np.abs(np.diff(shift, axis=1)).max() < 1.5


@given(sizes, seeds)
def test_elastic_of_no_displacement_is_identity(size: tuple[int, int], seed: int) -> None:
    labels = blocks(*size, seed)
    labels[0, 0] = 255
    pixels = np.random.default_rng(seed).uniform(0.1, 1, (3, *size)).astype(np.float32)
    planes = np.concatenate([pixels, labels[None].astype(np.float32)])
    still = Draw(np.zeros((2, 4, 4), np.float32), 0, np.ones(0, np.float32))
    moved, new = together([Drawn(planes, still)])
    np.testing.assert_allclose(moved[0], pixels, atol=1e-4)
    assert (new[0] == labels).all()


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0.5, 8))
def test_ground_without_data_never_bleeds(seed: int, amplitude: float) -> None:
    valid = blocks(48, 48, seed) > 0
    pixels = np.where(valid, np.float32(0.5), 0) * np.ones((2, 1, 1), np.float32)
    labels = np.where(valid, 1, 255).astype(np.uint8)
    moved, new = deformed((pixels, labels), amplitude, 24, seed)
    assert ((np.abs(moved - 0.5) < 1e-5) | (moved == 0)).all()  # never mixed with nothing
    assert set(np.unique(new)) <= {1, 255}
    assert (new[(moved > 0).all(0)] == 1).all()


def test_a_label_on_ground_that_lost_its_data_is_unknown() -> None:
    pixels = np.full((1, 64, 64), 0.5, np.float32)
    labels = np.ones((64, 64), np.uint8)
    pixels[:, 20:40, 20:40], labels[20:40, 20:40] = 0, 255
    moved, new = deformed((pixels, labels), 3, 16, 0)
    assert (new[(moved == 0).all(0)] == 255).all()


@given(st.integers(0, 7))
def test_a_symmetry_mirrors_rows_and_turns_against_the_clock(symmetry: int) -> None:
    planes = np.arange(60.0).reshape(2, 5, 6)
    expected = np.rot90(planes[:, ::-1] if symmetry >= 4 else planes, symmetry % 4, (1, 2))
    found = turn(torch.from_numpy(np.stack([planes, planes])), [symmetry, symmetry])
    assert np.array_equal(found, np.stack([expected, expected]))


def test_the_eight_symmetries_come_equally_often() -> None:
    config = AugmentationConfig(quarter_turns=True, elastic=0)
    rng = np.random.default_rng(0)
    counts = np.bincount([draw(config, (2, 2), BANDS[:1], rng).symmetry for _ in range(4000)], minlength=8)
    # Four standard deviations of the binomial distribution.
    assert np.abs(counts - 500).max() < 4 * np.sqrt(4000 * 1 / 8 * 7 / 8)
    flips = AugmentationConfig(elastic=0)
    counts = np.bincount([draw(flips, (2, 2), BANDS[:1], rng).symmetry for _ in range(2000)], minlength=8)
    assert np.flatnonzero(counts).tolist() == [0, 2, 4, 6]
    assert np.abs(counts[[0, 2, 4, 6]] - 500).max() < 4 * np.sqrt(2000 * 3 / 16)


def test_light_has_the_deviations_of_the_recipe() -> None:
    rng = np.random.default_rng(0)
    config = AugmentationConfig(flips=False, elastic=0, brightness=0.3, tint=0.1)
    logs = np.log([draw(config, (2, 2), BANDS, rng).light[0] for _ in range(4000)])
    assert logs.mean(1).std() == pytest.approx(np.hypot(0.3, 0.1 / np.sqrt(6)), rel=0.05)
    assert (logs - logs.mean(1, keepdims=True)).std() == pytest.approx(0.1 * np.sqrt(5 / 6), rel=0.05)
    pixels = np.full((2, 4, 4), 0.5, np.float32)
    pixels[:, 0] = 0
    lit, _ = changed((pixels, np.zeros((4, 4), np.uint8)), config, None, rng)
    assert (lit[:, 0] == 0).all()
    assert (lit[:, 1:] == lit[:, 1:2, :1]).all()


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from([None, 32]))
def test_codes_and_reflectance_give_the_same(seed: int, crop: int | None) -> None:
    pixels, labels = holed(40, 40, seed)
    codes = CODING.encode(np.rint(pixels * 1e4).astype(np.float32) * np.float32(1e-4))
    assert codes is not None
    config = AugmentationConfig(quarter_turns=True, tint=0.1)
    found = []
    for bands in (codes, CODING.decode(codes)):
        planes, rng = np.concatenate([bands, labels[None].astype(bands.dtype)]), np.random.default_rng(seed)
        if crop is not None:
            planes = cut(planes, random_window(labels.shape, crop, rng))
        found.append(together([Drawn(planes, draw(config, planes.shape[1:], BANDS[:3], rng))]))
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])


def test_epochs_differ() -> None:
    labels = blocks(64, 64, 0)
    config = AugmentationConfig(elastic=3)
    results = {
        changed((told_by_image(labels), labels), config, None, np.random.default_rng([0, epoch, 0]))[0].tobytes()
        for epoch in range(5)
    }
    assert len(results) == 5


@given(sizes, sizes)
def test_what_is_cut_beyond_a_tile_is_unknown_ground(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    labels = blocks(*size, 0)
    planes = np.concatenate([told_by_image(labels), labels[None].astype(np.float32)])
    found = cut(planes, (slice(0, wanted[0]), slice(0, wanted[1])))
    pixels, new = plain_augment.pad((planes[:-1, : wanted[0], : wanted[1]], labels[: wanted[0], : wanted[1]]), *wanted)
    assert np.array_equal(found[:-1], pixels)
    assert np.array_equal(found[-1], new)


@settings(max_examples=5, deadline=None)
@given(st.integers(32, 38), st.integers(32, 38))
def test_crops_reach_every_corner(height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    windows = [random_window((height, width), 32, rng) for _ in range(40 * (height - 31) * (width - 31))]
    assert {(rows.start, columns.start) for rows, columns in windows} == {
        (y, x) for y in range(height - 31) for x in range(width - 31)
    }
    assert all(rows.stop - rows.start == columns.stop - columns.start == 32 for rows, columns in windows)


def test_groups_are_of_one_size_before_and_after_they_are_turned() -> None:
    def sample(height: int, width: int, symmetry: int) -> Drawn:
        return Drawn(
            np.ones((2, height, width), np.float32), Draw(np.zeros((2, 0, 0), np.float32), symmetry, np.ones(0))
        )

    groups: list[Group] = collate([sample(3, 5, 0), sample(4, 4, 1), sample(3, 5, 1), sample(4, 4, 2), sample(3, 5, 6)])
    assert [group.symmetries for group in groups] == [(0, 6), (1, 2), (1,)]
    assert assemble([augment(group, CODING, torch.zeros(1, 1, 1)) for group in groups])[1].shape == (5, 5, 5)


def lit(changes: dict[str, float], bands: tuple[str, ...], draws: int = 3000) -> np.ndarray:
    """Many draws of light, `(draw, 3, band)`."""
    config = AugmentationConfig(flips=False, elastic=0, **changes)
    rng = np.random.default_rng(0)
    return np.stack([draw(config, (2, 2), bands, rng).light for _ in range(draws)])


def test_an_offset_comes_to_all_bands_of_every_second_sample() -> None:
    factor, addend, seen = lit({"offset": 0.1}, BANDS).transpose(1, 0, 2)
    assert (factor == 1).all()
    assert (seen == 1).all()
    assert (addend == addend[:, :1]).all()
    moved = addend[:, 0][addend[:, 0] != 0]
    assert abs(len(moved) - 1500) < 4 * np.sqrt(750)
    assert np.abs(moved).max() <= 0.1
    assert moved.std() == pytest.approx(0.2 / np.sqrt(12), rel=0.05)


def test_haze_takes_from_the_ground_and_brings_the_sky_most_in_short_waves() -> None:
    factor, addend, _ = lit({"haze": 0.4}, BANDS).transpose(1, 0, 2)
    assert factor[:, 0].min() >= 0.6
    assert (np.diff(factor, axis=1) > 0).all()
    np.testing.assert_allclose(addend, 0.25 * (1 - factor), atol=1e-6)
    # Angstrom's law between B02 and B12.
    np.testing.assert_allclose((1 - factor[:, 5]) / (1 - factor[:, 0]), (0.49 / 2.19) ** 1.3, rtol=1e-3)


def test_dropped_bands_are_the_mean_and_ground_without_data_stays_so() -> None:
    light = lit({"band_dropout": 0.5}, BANDS)
    seen = light[:, 2]
    dropped = (seen == 0).any(1)
    whole_draw = 1 / 12  # any number of bands, all of them included, every second time
    expected = 3000 * 0.5 * (1 - whole_draw)
    assert abs(dropped.sum() - expected) < 4 * np.sqrt(expected)
    rgb = (seen == [1, 1, 1, 0, 0, 0]).all(1).sum()
    assert rgb > 3000 * 0.25 - 4 * np.sqrt(3000 * 0.25 * 0.75)
    assert (seen.sum(1) >= 1).all()
    planes = np.full((3, 4, 4), 0.5, np.float32)
    planes[:, 0] = 0
    planes[-1] = 1
    sample = Drawn(planes, Draw(np.zeros((2, 0, 0), np.float32), 0, np.array([[2, 2], [0.1, 0.1], [1, 0]], np.float32)))
    (group,) = collate([sample])
    pixels, _ = augment(group, CODING, torch.tensor([0.3, 0.7])[:, None, None])
    assert torch.equal(pixels[0, :, 0], torch.zeros(2, 4))
    torch.testing.assert_close(pixels[0, 0, 1:], torch.full((3, 4), 1.1))
    torch.testing.assert_close(pixels[0, 1, 1:], torch.full((3, 4), 0.7))


def test_blur_is_the_binomial_filter_away_from_holes_and_draws_lie_within_bounds() -> None:
    pixels, labels = holed(24, 31, 0)
    planes = np.concatenate([pixels, labels[None].astype(np.float32)])
    for share in (0.7, -0.5):
        (group,) = collate(
            [Drawn(planes, Draw(np.zeros((2, 0, 0), np.float32), 0, np.ones((3, 0), np.float32), share))]
        )
        found = augment(group, CODING, torch.zeros(1, 1, 1))[0][0].numpy()
        kernel = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
        smooth = np.stack([ndimage.convolve(band, kernel, mode="nearest") for band in pixels])
        near = ndimage.binary_dilation((pixels == 0).all(0), np.ones((3, 3)))
        np.testing.assert_allclose(found[:, ~near], (pixels + share * (smooth - pixels))[:, ~near], atol=1e-6)
        assert np.array_equal(found[:, near], pixels[:, near])
    config = AugmentationConfig(flips=False, elastic=0, sharpness=0.4)
    drawn_blur = [draw(config, (2, 2), BANDS, np.random.default_rng(seed)).blur for seed in range(500)]
    assert -0.4 <= min(drawn_blur) < -0.35
    assert 0.35 < max(drawn_blur) <= 0.4
