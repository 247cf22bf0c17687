"""Where a training that was killed goes on, and the moving average of its weights."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from lightning.pytorch.callbacks import Checkpoint, EMAWeightAveraging

if TYPE_CHECKING:
    from pathlib import Path

    from lightning import LightningModule, Trainer

MOST: Final = 0.02
"""Share of the time that may go into saving."""


class LastCheckpoint(Checkpoint):
    """Saves the whole state at the end of epochs, so seldom that it costs little: on a fast device epochs are short.

    What a training makes does not depend on when it was saved.
    """

    def __init__(self, path: Path, pace: int) -> None:
        self.path = path
        self.pace = pace
        self.due = 0.0

    def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
        """Save if it is time; Lightning calls this after the other callbacks, whose state is saved with it."""
        now = time.monotonic()
        at_a_validation = (trainer.current_epoch + 1) % self.pace == 0
        if not at_a_validation or not trainer.strategy.broadcast(now >= self.due):
            return
        part = self.path.with_name(f".{self.path.stem}.part{self.path.suffix}")
        trainer.save_checkpoint(part, weights_only=False)  # copies from another folder: a kill may leave half of it
        if trainer.is_global_zero:
            part.replace(self.path)
        taken = time.monotonic() - now
        self.due = now + taken / MOST


class MovingAverage(EMAWeightAveraging):
    """Lightning's moving average of the weights, which are the networks' own when training is over."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make the average where the networks will be: Lightning moves them there later, and would leave it behind."""
        super().setup(trainer, pl_module.to(trainer.strategy.root_device), stage)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the average, too, where a killed training had but to be written: then no training ends here."""
        self.on_train_end(trainer, pl_module)
