"""Where a killed training goes on."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import pytest
import torch
from lightning import Trainer, seed_everything
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.demos.boring_classes import BoringModel

from highwall.training.checkpoint import LastCheckpoint, MovingAverage

if TYPE_CHECKING:
    from pathlib import Path


def fitted(
    last: LastCheckpoint, epochs: int, *, resume: bool = False, plugins: Any = None, ema: float = 0
) -> BoringModel:
    seed_everything(0, verbose=False)
    module = BoringModel()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        limit_train_batches=4,
        limit_val_batches=0,
        callbacks=[*([MovingAverage(decay=ema)] if ema else []), last],
        plugins=plugins,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with torch.random.fork_rng():
        trainer.fit(module, ckpt_path=last.path if resume else None, weights_only=False)
    return module


def test_the_first_validation_is_saved_and_others_when_it_is_time(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    fitted(LastCheckpoint(path, 2), 1)
    assert not path.exists()
    last = LastCheckpoint(path, 2)
    fitted(last, 2)
    assert torch.load(path, weights_only=False)["epoch"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
    last.due = math.inf
    fitted(last, 4)
    assert torch.load(path, weights_only=False)["epoch"] == 1
    last.due = 0
    fitted(last, 4, resume=True)
    assert torch.load(path, weights_only=False)["epoch"] == 3


@pytest.mark.parametrize("ema", [0, 0.9])
@pytest.mark.parametrize("pace", [1, 2, 3])
def test_it_goes_on_as_if_nothing_had_been(tmp_path: Path, pace: int, ema: float) -> None:
    whole = fitted(LastCheckpoint(tmp_path / "whole.ckpt", pace), 6, ema=ema)
    last = LastCheckpoint(tmp_path / "last.ckpt", pace)
    fitted(last, pace, ema=ema)
    resumed = fitted(last, 6, resume=True, ema=ema)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("ema", [0, 0.9])
def test_a_training_that_had_but_to_be_written_ends_as_it_had(tmp_path: Path, ema: float) -> None:
    last = LastCheckpoint(tmp_path / "last.ckpt", 2)
    whole = fitted(last, 2, ema=ema)
    resumed = fitted(last, 2, resume=True, ema=ema)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_a_kill_left_of_a_checkpoint_is_no_checkpoint(tmp_path: Path) -> None:
    last = LastCheckpoint(tmp_path / "last.ckpt", 1)
    fitted(last, 1)
    before, last.due = last.path.read_bytes(), 0

    class Killed(Exception):  # noqa: N818 - a kill is no error
        pass

    class Half(TorchCheckpointIO):
        def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
            super().save_checkpoint(checkpoint, path, storage_options)
            os.truncate(path, 100)
            raise Killed

    with pytest.raises(Killed):
        fitted(last, 1, plugins=[Half()])
    assert last.path.read_bytes() == before
    fitted(last, 2, resume=True)
    assert torch.load(last.path, weights_only=False)["epoch"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
