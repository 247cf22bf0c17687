"""What is unknown or without data counts nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.tiles import open_dataset
from highwall.training.augment import assemble, augment
from highwall.training.config import PRESETS, LossConfig, Recipe, make_recipe
from highwall.training.data import TrainingTiles, WholeTiles, collate, read_sample, visits
from highwall.training.decoded import decode_tiles
from highwall.training.losses import joint_loss
from highwall.training.objects import find_objects
from highwall.training.statistics import statistics
from highwall.training.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def recipe(**changes: float) -> Recipe:
    """A recipe with these settings."""
    return PRESETS["quick"].model_copy(update={"loss": LossConfig(), "member_loss": 0} | changes)


def sample(seed: int, unknown: float, members: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits (member, n, class, y, x) and labels (n, y, x), a share of them unknown."""
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(members, 2, 4, 5, 6, generator=random, dtype=torch.float64)
    labels = torch.randint(0, 4, (2, 5, 6), generator=random)
    return logits, labels.masked_fill(torch.rand(2, 5, 6, generator=random) < unknown, 255)


@settings(deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0, 2), st.integers(1, 3))
def test_joint_loss_is_torchs_cross_entropy_on_known_pixels(
    seed: int, unknown: float, member_loss: float, members: int
) -> None:
    logits, labels = sample(seed, unknown, members)
    known = labels != 255
    loss, average = joint_loss(logits, labels, recipe(member_loss=member_loss))
    if not known.any():
        assert loss == average == 0
        return
    rows = logits.permute(0, 1, 3, 4, 2)[:, known]  # (member, pixel, class)
    alone = torch.stack([torch.nn.functional.cross_entropy(member, labels[known]) for member in rows])
    together = torch.nn.functional.cross_entropy(rows.mean(0), labels[known])
    torch.testing.assert_close(loss, together + member_loss * alone.mean())
    torch.testing.assert_close(average, together)


def test_unknown_pixels_leave_loss_and_gradient_alone() -> None:
    logits, labels = sample(0, 0.4)
    changed = torch.where(labels == 255, 100 * torch.randn(logits.shape, dtype=torch.float64).movedim(2, 0), 0)
    other = logits + changed.movedim(0, 2)
    gradients = []
    for values in (logits, other):
        leaf = values.clone().requires_grad_()
        joint_loss(leaf, labels, recipe(member_loss=1)).learned.backward()
        gradients.append(leaf.grad)
    assert joint_loss(logits, labels, recipe(member_loss=1)) == joint_loss(other, labels, recipe(member_loss=1))
    assert torch.equal(gradients[0], gradients[1])
    assert (gradients[0].movedim(2, 0)[:, :, labels == 255] == 0).all()


def test_nothing_known_makes_no_gradient() -> None:
    logits, labels = sample(0, 1.1)
    leaf = logits.requires_grad_()
    joint_loss(leaf, labels, recipe(member_loss=1)).learned.backward()
    assert (leaf.grad == 0).all()


@pytest.fixture
def holed(tmp_path: Path, draw: Callable[..., tuple[np.ndarray, np.ndarray]], save: Callable[..., Path]) -> Path:
    """Tiles of two sizes with holes, unknown labels and a class that never occurs."""
    for number, size in enumerate((64, 32, 48)):
        pixels, mask = draw(number, size, classes=(0, 1, 3))
        pixels[:, :10, :7] = 0
        pixels[2, 20:25, 20:25] = 0  # deep shadow in one band is data
        mask[5:15, 5:15] = 255
        save(tmp_path / "train" / "images" / f"{number}.tif", pixels)
        save(tmp_path / "train" / "masks" / f"{number}.tif", mask)
    return tmp_path


def test_statistics_are_those_of_pixels_with_data(holed: Path) -> None:
    dataset = open_dataset(holed)
    found = statistics(dataset.tiles, dataset.encoding)
    values, labels = [], []
    for tile in dataset.tiles:
        with_hole = np.ones(({"0": 64, "1": 32, "2": 48}[tile.image.stem],) * 2, bool)
        with_hole[:10, :7] = False
        pixels, truth = read_sample(tile, dataset.encoding)
        values.append(pixels[:, with_hole])
        labels.append(truth[with_hole])
        assert (truth[~with_hole] == 255).all()
    every = np.concatenate(values, 1).astype(np.float64)
    np.testing.assert_allclose(found.mean, every.mean(1))
    np.testing.assert_allclose(found.std, every.std(1), rtol=1e-6)
    lower, median, upper = np.quantile(every, [0.25, 0.5, 0.75], axis=1)
    np.testing.assert_allclose(found.median, median, atol=1.1e-3)
    np.testing.assert_allclose(found.spread, (upper - lower) / 1.349, atol=1.6e-3)
    known = np.concatenate(labels)
    np.testing.assert_array_equal(found.counts, [np.count_nonzero(known == c) for c in range(4)])
    assert found.counts[2] == 0
    assert found.shapes == ((64, 64), (32, 32), (48, 48))


def test_the_fingerprint_is_of_pixels_and_labels(
    holed: Path, draw: Callable[..., tuple[np.ndarray, np.ndarray]], save: Callable[..., Path]
) -> None:
    dataset = open_dataset(holed)
    before = statistics(dataset.tiles, dataset.encoding).fingerprint
    assert before == statistics(dataset.tiles, dataset.encoding).fingerprint
    _, mask = draw(1, 32, classes=(0, 1, 3))
    mask[31, 31] = (mask[31, 31] + 1) % 3
    save(holed / "train" / "masks" / "1.tif", mask)
    assert statistics(dataset.tiles, dataset.encoding).fingerprint != before


def test_tiles_without_a_label_are_bad_input(
    tmp_path: Path, draw: Callable[..., tuple[np.ndarray, np.ndarray]], save: Callable[..., Path]
) -> None:
    pixels, mask = draw(0)
    save(tmp_path / "images" / "a.tif", pixels)
    save(tmp_path / "masks" / "a.tif", np.full_like(mask, 255))
    dataset = open_dataset(tmp_path)
    with pytest.raises(BadInput, match="labelled"):
        statistics(dataset.tiles, dataset.encoding)


def test_a_batch_pads_with_ground_that_is_unknown(holed: Path, tmp_path: Path) -> None:
    dataset = open_dataset(holed)
    decoded = decode_tiles(dataset.tiles, dataset.encoding, tmp_path / "tiles.npy")
    whole = WholeTiles(dataset.tiles, decoded)
    batch = collate([whole[n] for n in range(3)])
    reflectance, labels = assemble([augment(group, decoded.coding, torch.zeros(3, 1, 1)) for group in batch])
    assert reflectance.shape == (3, 6, 64, 64)
    for number, size in enumerate((64, 32, 48)):
        pixels, truth = read_sample(dataset.tiles[number], dataset.encoding)
        assert np.array_equal(reflectance[number, :, :size, :size], pixels)
        assert np.array_equal(labels[number, :size, :size], truth)
        outside = torch.ones(64, 64, dtype=torch.bool)
        outside[:size, :size] = False
        assert (labels[number][outside] == 255).all()
        assert (reflectance[number][:, outside] == 0).all()


@given(st.integers(1, 600), st.integers(1, 600), st.sampled_from([None, 32, 64, 256]))
def test_an_epoch_visits_a_tile_as_often_as_crops_fill_it(height: int, width: int, crop: int | None) -> None:
    count = visits((height, width), crop)
    assert count >= 1
    if crop is not None and height * width >= crop**2:
        assert abs(count * crop**2 - height * width) <= crop**2 / 2


def test_an_epoch_sees_every_tile_and_depends_on_seed_and_epoch_alone(holed: Path, tmp_path: Path) -> None:
    dataset = open_dataset(holed)
    decoded = decode_tiles(dataset.tiles, dataset.encoding, tmp_path / "tiles.npy")
    recipe = make_recipe("quick", ["crop=none", "augmentation.elastic=4"])
    shapes = tuple(decoded.shapes.values())
    task = Task("networks", tuple(dataset.tiles), shapes, (), dataset.encoding, recipe, 0)

    def epoch(seed: int, number: int) -> list[tuple[bytes, int, bytes]]:
        samples = TrainingTiles(task, decoded, find_objects([], ()), (seed, number))
        drawn = [samples[index] for index in range(len(samples))]
        return [(one.planes.tobytes(), one.draw.symmetry, one.draw.nodes.tobytes()) for one in drawn]

    expected = sorted(decoded[dataset.tiles[number]].tobytes() for number in (0, 1, 2))
    assert all(sorted(planes for planes, _, _ in epoch(0, number)) == expected for number in range(3))
    assert epoch(0, 1) == epoch(0, 1)
    assert len({tuple(epoch(0, number)) for number in range(6)}) == 6
    assert len({tuple(epoch(seed, 0)) for seed in range(6)}) == 6
