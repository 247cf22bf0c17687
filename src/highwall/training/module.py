"""How the networks of level 1 learn together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning import LightningModule
from torch.nn import functional
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from highwall.evaluation.confusion import confusion
from highwall.evaluation.scores import scores
from highwall.legend import UNKNOWN
from highwall.training.data import TrainingTiles, WholeTiles, collate, visits

if TYPE_CHECKING:
    from torch import Tensor

    from highwall.models.networks import Networks
    from highwall.training.config import Recipe
    from highwall.training.data import Pair
    from highwall.training.task import Task


def joint_loss(logits: Tensor, labels: Tensor, member_loss: float) -> Tensor:
    """Cross-entropy of the networks' average, and of each network alone.

    Args:
        logits: `(member, n, class, y, x)`.
        labels: class indices `(n, y, x)`, 255 where unknown.
        member_loss: weight of the members' mean loss beside that of their average.

    Returns:
        The loss; 0 where no pixel is labelled.
    """

    def loss(logit: Tensor) -> Tensor:
        total = functional.cross_entropy(logit, labels, ignore_index=UNKNOWN, reduction="sum")
        return total / (labels != UNKNOWN).sum().clamp(min=1)

    together = loss(logits.mean(0))
    if not member_loss:
        return together
    return together + member_loss * torch.stack([loss(member) for member in logits]).mean()


class JointTraining(LightningModule):
    """Trains all networks at once on the loss of their average, and validates the average."""

    def __init__(self, networks: Networks, task: Task) -> None:
        super().__init__()
        self.networks = networks
        self.task = task
        self.matrix = np.zeros((len(task.encoding.legend),) * 2, np.int64)

    @property
    def recipe(self) -> Recipe:
        """What training does."""
        return self.task.recipe

    def train_dataloader(self) -> DataLoader[Pair]:
        """Make the loader of one epoch; Lightning asks again each epoch."""
        counts = [visits(shape, self.recipe.crop) for shape in self.task.shapes]
        seeds = (self.task.seed, self.current_epoch)
        tiles = TrainingTiles(self.task.tiles, counts, self.task.encoding, self.recipe, seeds)
        return DataLoader(tiles, self.recipe.batch, collate_fn=collate)

    def val_dataloader(self) -> DataLoader[Pair]:
        """Make the loader of the validation tiles."""
        return DataLoader(WholeTiles(self.task.validation, self.task.encoding), 1, collate_fn=collate)

    def training_step(self, batch: Pair, _: int) -> Tensor:
        """Return the loss of one batch."""
        # Dropout depends on seed and step alone, so that a resumed training goes on as if nothing had been.
        torch.manual_seed(self.task.seed * 1_000_003 + self.global_step)
        reflectance, labels = batch
        logits = self.networks(reflectance)
        of_average = joint_loss(logits.detach(), labels, 0)  # told, since it compares with the validation loss
        self.log("train_loss", of_average, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(labels))
        return joint_loss(logits, labels, self.recipe.member_loss)

    def on_validation_epoch_start(self) -> None:
        """Start a new confusion matrix."""
        self.matrix = np.zeros_like(self.matrix)

    def validation_step(self, batch: Pair, _: int) -> None:
        """Compare the average's answer with the truth, and take down its loss."""
        reflectance, labels = batch
        logits = self.networks(reflectance)
        self.log("val_loss", joint_loss(logits, labels, 0), batch_size=1, sync_dist=True)
        answer = logits.mean(0).argmax(1)
        self.matrix += confusion(labels.cpu().numpy(), answer.cpu().numpy(), len(self.matrix))

    def on_validation_epoch_end(self) -> None:
        """Derive the validation score from the confusion matrix of all tiles, on all processes."""
        matrix = torch.as_tensor(self.matrix, device=self.device)
        total = self.trainer.strategy.reduce(matrix, reduce_op="sum").cpu().numpy()
        miou = scores(total, self.task.encoding.legend).miou
        self.log("val_miou", float(np.nan_to_num(miou)), prog_bar=True)

    def configure_optimizers(self) -> Any:
        """AdamW, with a constant learning rate or a cosine after a warm-up (Loshchilov and Hutter 2017)."""
        optimizer = AdamW(self.networks.parameters(), self.recipe.rate, weight_decay=self.recipe.weight_decay)
        if self.recipe.schedule == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        warm = max(steps // 20, 1)

        def factor(step: int) -> float:
            if step < warm:
                return (step + 1) / warm
            return 0.5 * (1 + math.cos(math.pi * min((step - warm) / max(steps - warm, 1), 1)))

        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": LambdaLR(optimizer, factor), "interval": "step"}}
