"""The course of a training: a CSV beside it, and a line an epoch where there is no terminal."""

from __future__ import annotations

import csv
import logging
import sys
from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import Callback

from highwall.files import new_file

if TYPE_CHECKING:
    from pathlib import Path

    from lightning import LightningModule, Trainer

log = logging.getLogger("highwall")
Row = dict[str, float]


class History(Callback):
    """Keeps one row an epoch; saved in checkpoints, so that a resumed training goes on with its rows."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self.rows: list[Row] = []

    def state_dict(self) -> dict[str, Any]:
        """Hand the rows to the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the rows back from a checkpoint."""
        self.rows = list(state_dict["rows"])

    def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
        """Take down the epoch's numbers, and say them where no progress bar does."""
        validated = (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0
        numbers = {
            key: round(float(value), 6)
            for key, value in sorted(trainer.callback_metrics.items())
            if validated or not key.startswith("val_")  # else it is that of an epoch before
        }
        row = {"epoch": trainer.current_epoch + 1, "step": trainer.global_step, **numbers}
        self.rows = [*self.rows, row]
        if trainer.is_global_zero:
            write_rows(self.path, self.rows)
            if not sys.stderr.isatty():
                told = "  ".join(f"{key} {value:.4f}" for key, value in numbers.items())
                log.info(
                    "%s  epoch %d of %s  step %d  %s", self.name, row["epoch"], trainer.max_epochs, row["step"], told
                )


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write rows as CSV, whole or not at all; a row may lack numbers."""
    with new_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path: Path) -> list[Row]:
    """Read what `write_rows` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
