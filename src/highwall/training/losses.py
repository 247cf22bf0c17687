"""What the networks learn by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from segmentation_models_pytorch.losses import DiceLoss, LovaszLoss
from torch.nn import functional

from highwall.legend import UNKNOWN
from highwall.training.config import LossConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from highwall.training.config import Recipe


class JointLoss(NamedTuple):
    """Losses over the pixels with a label; 0 where there is none."""

    learned: Tensor
    """What the networks learn by."""

    average: Tensor
    """Cross-entropy of their average alone, which compares with the validation loss."""


def joint_loss(logits: Tensor, labels: Tensor, recipe: Recipe, targets: Sequence[int] | None = None) -> JointLoss:
    """Loss of the networks' average, and of each network alone.

    Args:
        logits: `(member, n, class, y, x)`.
        labels: class indices `(n, y, x)`, 255 where unknown.
        recipe: has the weights of the average, of the members' mean, and of each kind of loss.
        targets: indices of the target classes; all but the first if None.
    """
    together = logits.mean(0)
    average = cross_entropy(together, labels)
    learned = recipe.joint_loss * (
        average if recipe.loss == LossConfig() else loss(together, labels, recipe.loss, targets)
    )
    if recipe.member_loss:
        alone = torch.stack([loss(member, labels, recipe.loss, targets) for member in logits])
        learned = learned + recipe.member_loss * alone.mean()
    return JointLoss(learned, average)


def loss(logits: Tensor, labels: Tensor, config: LossConfig, targets: Sequence[int] | None = None) -> Tensor:
    """Sum of the losses that a recipe names.

    Args:
        logits: `(n, class, y, x)`.
        labels: class indices `(n, y, x)`, 255 where unknown.
        config: their weights.
        targets: indices of the classes whose Dice coefficient counts; all but the first if None.
    """
    total = logits.sum() * 0
    if config.cross_entropy:
        total = total + config.cross_entropy * cross_entropy(logits, labels, config.smoothing, config.edges)
    if not (config.dice or config.lovasz) or not (labels != UNKNOWN).any():  # the latter makes a GPU wait
        return total
    if config.dice:
        counted = list(range(1, logits.shape[1]) if targets is None else targets)
        total = total + config.dice * DiceLoss("multiclass", classes=counted, ignore_index=UNKNOWN)(logits, labels)
    if config.lovasz:
        total = total + config.lovasz * LovaszLoss("multiclass", ignore_index=UNKNOWN)(logits.float(), labels)
    return total


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0, edges: float = 0) -> Tensor:
    """Mean cross-entropy over the pixels with a label.

    Args:
        logits: `(n, class, y, x)`.
        labels: class indices `(n, y, x)`, 255 where unknown.
        smoothing: share of each label that is spread over all classes (Szegedy et al. 2016).
        edges: how much more a pixel counts that has another class among its eight neighbours.
    """
    known = labels != UNKNOWN
    if not edges:
        total = functional.cross_entropy(
            logits, labels, ignore_index=UNKNOWN, reduction="sum", label_smoothing=smoothing
        )
        return total / known.sum().clamp(min=1)
    weight = known * (1 + edges * _beside_another(labels, known))
    pixels = functional.cross_entropy(logits, labels, ignore_index=UNKNOWN, reduction="none", label_smoothing=smoothing)
    return (pixels * weight).sum() / weight.sum().clamp(min=1)


def _beside_another(labels: Tensor, known: Tensor) -> Tensor:
    """Tell the pixels with another known class among their neighbours, `(n, y, x)`."""
    highest = functional.max_pool2d(labels.masked_fill(~known, -1)[:, None].float(), 3, 1, 1)
    lowest = -functional.max_pool2d(-labels.masked_fill(~known, UNKNOWN)[:, None].float(), 3, 1, 1)
    return (known & (highest > lowest)[:, 0]).float()
