"""Losses against their definitions, written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from highwall.training.config import PRESETS, LossConfig, Recipe
from highwall.training.losses import cross_entropy, joint_loss, loss

seeds = st.integers(0, 10_000)


def sample(seed: int, unknown: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits (n, class, y, x) and labels (n, y, x), a share of them unknown."""
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 4, 5, 6, generator=random, dtype=torch.float64)
    labels = torch.randint(0, 4, (2, 5, 6), generator=random)
    return logits, labels.masked_fill(torch.rand(2, 5, 6, generator=random) < unknown, 255)


@settings(deadline=None)
@given(seeds, st.floats(0, 0.5), st.floats(0, 5))
def test_smoothed_and_edge_weighted_cross_entropy_pixel_by_pixel(seed: int, smoothing: float, edges: float) -> None:
    logits, labels = sample(seed)
    surprise = -logits.log_softmax(1)
    total, weights = 0.0, 0.0
    for n, y, x in np.argwhere((labels != 255).numpy()):
        around = labels[n, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        at_edge = len(set(around.flatten().tolist()) - {255}) > 1
        target = torch.full((4,), smoothing / 4, dtype=torch.float64)
        target[labels[n, y, x]] += 1 - smoothing
        weight = 1 + edges * at_edge
        total += weight * float(target @ surprise[n, :, y, x])
        weights += weight
    assert float(cross_entropy(logits, labels, smoothing, edges)) == pytest.approx(total / weights)


def test_dice_is_one_less_the_soft_coefficient_of_the_targets() -> None:
    logits, labels = sample(0)
    known = labels != 255
    given_to = logits.softmax(1).movedim(1, 0)[:, known]
    coefficients = []
    for index in range(4):
        truth = (labels[known] == index).double()
        coefficients.append(2 * (given_to[index] * truth).sum() / (given_to[index].sum() + truth.sum()))
    config = LossConfig(cross_entropy=0, dice=1)
    for targets in (None, (1, 2, 3), (0, 1, 2, 3)):  # the last has no background among its classes
        counted = torch.stack([coefficients[index] for index in targets or (1, 2, 3)])
        assert float(loss(logits, labels, config, targets)) == pytest.approx(1 - float(counted.mean()), abs=1e-6)


def test_lovasz_of_a_sure_answer_is_one_less_its_iou() -> None:
    _, labels = sample(1)
    answer = sample(2, unknown=0)[1]
    sure = torch.nn.functional.one_hot(answer, 4).movedim(-1, 1).double() * 200
    known = labels != 255
    ious = [
        ((answer == index) & (labels == index)).sum() / (((answer == index) | (labels == index)) & known).sum()
        for index in labels[known].unique()
    ]
    found = loss(sure, labels, LossConfig(cross_entropy=0, lovasz=1))
    assert float(found) == pytest.approx(1 - float(torch.stack(ious).mean()), abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(
    seeds,
    st.sampled_from([LossConfig(), LossConfig(dice=1), LossConfig(lovasz=1), LossConfig(smoothing=0.1, edges=2)]),
)
def test_unknown_pixels_leave_every_loss_and_its_gradient_alone(seed: int, config: LossConfig) -> None:
    logits, labels = sample(seed, 0.5)
    other = torch.where((labels == 255)[:, None], torch.randn(logits.shape, dtype=torch.float64) * 5, logits)
    gradients = []
    for values in (logits, other):
        leaf = values.clone().requires_grad_()
        loss(leaf, labels, config).backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(loss(logits, labels, config), loss(other, labels, config))
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize("config", [LossConfig(dice=1, lovasz=1), LossConfig(edges=1, smoothing=0.1)])
def test_nothing_known_teaches_nothing(config: LossConfig) -> None:
    logits, labels = sample(0, 1.1)
    leaf = logits.requires_grad_()
    loss(leaf, labels, config).backward()
    assert (leaf.grad == 0).all()


@settings(deadline=None, max_examples=20)
@given(seeds, st.floats(0, 2), st.floats(0, 2))
def test_joint_loss_weighs_average_and_members(seed: int, together: float, alone: float) -> None:
    one, labels = sample(seed)
    logits = torch.stack([one, sample(seed + 1)[0]])
    config = LossConfig(dice=0.5, smoothing=0.1)
    recipe = PRESETS["quick"].model_copy(update={"loss": config, "joint_loss": together, "member_loss": alone})
    members = [loss(member, labels, config) for member in logits]
    expected = together * loss(logits.mean(0), labels, config) + alone * torch.stack(members).mean()
    found = joint_loss(logits, labels, recipe)
    torch.testing.assert_close(found.learned, expected)
    torch.testing.assert_close(found.average, cross_entropy(logits.mean(0), labels))


def test_a_loss_without_weights_is_refused() -> None:
    with pytest.raises(ValidationError, match="all weights of the loss are 0"):
        LossConfig(cross_entropy=0)
    with pytest.raises(ValidationError, match="nothing is learned"):
        Recipe(networks=PRESETS["quick"].networks, joint_loss=0, member_loss=0)
