"""How the networks of level 1 learn together."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning import LightningModule
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from highwall.evaluation.confusion import confusion
from highwall.evaluation.scores import scores
from highwall.training.augment import assemble, augment
from highwall.training.data import Ahead, TrainingTiles, WholeTiles, collate
from highwall.training.losses import cross_entropy, joint_loss
from highwall.training.objects import find_objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from torch.utils.data import Dataset

    from highwall.models.networks import Networks
    from highwall.training.augment import Group, Pair
    from highwall.training.config import Recipe
    from highwall.training.data import Drawn
    from highwall.training.decoded import DecodedTiles
    from highwall.training.objects import Objects
    from highwall.training.task import Task


class JointTraining(LightningModule):
    """Trains all networks at once on the loss of their average, and validates the average."""

    def __init__(self, networks: Networks, task: Task, tiles: DecodedTiles) -> None:
        super().__init__()
        self.networks = networks
        self.task = task
        self.tiles = tiles
        self.matrix = np.zeros((len(task.encoding.legend),) * 2, np.int64)

    @property
    def recipe(self) -> Recipe:
        """What training does."""
        return self.task.recipe

    @cached_property
    def objects(self) -> Objects:
        """What lies where in the training tiles, for a recipe that asks."""
        needed = self.recipe.rare > 0 or self.recipe.paste > 0
        labels = (self.tiles[tile][-1] for tile in self.task.tiles if needed)
        return find_objects(labels, self.task.encoding.legend.targets)

    def train_dataloader(self) -> Ahead:
        """Make the loader of one epoch; Lightning asks again each epoch."""
        seeds = (self.task.seed, self.current_epoch)
        return self._loader(TrainingTiles(self.task, self.tiles, self.objects, seeds), self.task.batch)

    def val_dataloader(self) -> Ahead:
        """Make the loader of the validation tiles."""
        return self._loader(WholeTiles(self.task.validation, self.tiles), 1)

    def on_after_batch_transfer(self, batch: Sequence[Group], _: int) -> Pair:
        """Change the samples where the networks are."""
        return assemble([augment(group, self.tiles.coding, self.networks.mean) for group in batch])

    def training_step(self, batch: Pair, _: int) -> Tensor:
        """Return the loss of one batch."""
        # Dropout depends on seed and step alone, so that a resumed training goes on as if nothing had been.
        # (`torch.manual_seed` would keep a note, stack trace and all, for a GPU that isn't in use yet.)
        seed = self.task.seed * 1_000_003 + self.global_step
        torch.default_generator.manual_seed(seed)
        if self.device.type != "cpu":
            torch.get_device_module(self.device).manual_seed(seed)
        reflectance, labels = batch
        loss = joint_loss(self.networks(reflectance), labels, self.recipe, self.task.encoding.legend.targets)
        told = loss.average.detach()
        self.log("train_loss", told, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(labels))
        return loss.learned

    def on_validation_epoch_start(self) -> None:
        """Start a new confusion matrix."""
        self.matrix = np.zeros_like(self.matrix)

    def validation_step(self, batch: Pair, _: int) -> None:
        """Compare the average's answer with the truth, and take down its loss."""
        reflectance, labels = batch
        logits = self.networks(reflectance)
        self.log("val_loss", cross_entropy(logits.mean(0), labels), batch_size=1, sync_dist=True)
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

    def _loader(self, samples: Dataset[Drawn], batch: int) -> Ahead:
        return Ahead(samples, batch, collate_fn=collate, pin_memory=self.device.type == "cuda")
