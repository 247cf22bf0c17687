"""One training of the networks, run by Lightning: it can be killed and started again."""

from __future__ import annotations

import logging
import shutil
import sys
import warnings
from typing import TYPE_CHECKING, Any, Final

import torch
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar
from safetensors.torch import load_file, save_file

from highwall.files import new_file
from highwall.training.history import History
from highwall.training.module import JointTraining

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.models.networks import Networks
    from highwall.training.task import Task

WEIGHTS: Final = "networks.safetensors"
HISTORY: Final = "history.csv"

log = logging.getLogger("highwall")


def fit(build: Callable[[], Networks], task: Task, folder: Path) -> Networks:
    """Train the networks of a task, go on where a killed run was, or take what a finished run left.

    Args:
        build: makes the networks as they are before training.
        task: what to train on.
        folder: where the checkpoints are, `history.csv`, and in the end the weights.

    Returns:
        The networks with their best weights, by validation score (the last ones without validation).
    """
    weights = folder / WEIGHTS
    if weights.exists():
        networks = build()
        networks.load_state_dict(load_file(weights))
        return networks.eval()
    seed_everything(task.seed, verbose=False)
    module = JointTraining(build(), task)
    checkpoints = folder / "checkpoints"
    best, trainer = _trainer(task, folder, checkpoints)
    last = checkpoints / "last.ckpt"
    if last.exists():
        log.info("%s  continues from the last complete epoch", task.name)
    with warnings.catch_warnings():
        # The loaders have no workers, since tiles are small, and epochs are short; Lightning advises otherwise.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        warnings.filterwarnings("ignore", ".*smaller than the logging interval.*")
        warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists.*")
        trainer.fit(module, ckpt_path=last if last.exists() else None, weights_only=False)
    if task.validation:
        state = torch.load(best.best_model_path, map_location="cpu", weights_only=False)["state_dict"]
        module.load_state_dict(state)
    networks = module.networks.cpu().eval()
    if trainer.is_global_zero:
        with new_file(weights) as part:
            save_file({name: value.contiguous() for name, value in networks.state_dict().items()}, part)
        shutil.rmtree(checkpoints, ignore_errors=True)
    trainer.strategy.barrier()
    return networks


def _trainer(task: Task, folder: Path, checkpoints: Path) -> tuple[ModelCheckpoint, Trainer]:
    recipe = task.recipe
    rule: dict[str, Any] = {"monitor": "val_miou", "mode": "max"} if task.validation else {}
    best = ModelCheckpoint(checkpoints, "best", save_last=True, enable_version_counter=False, **rule)
    callbacks = [best, History(folder / HISTORY, task.name)]
    if task.validation and recipe.patience is not None:
        callbacks.append(EarlyStopping("val_loss", patience=recipe.patience))
    if sys.stderr.isatty():
        callbacks.append(RichProgressBar())
    trainer = Trainer(
        max_epochs=task.epochs,
        limit_train_batches=task.steps_per_epoch,
        precision=recipe.precision,
        callbacks=callbacks,
        logger=False,
        enable_model_summary=False,
        enable_progress_bar=sys.stderr.isatty(),
        num_sanity_val_steps=0,
        limit_val_batches=len(task.validation),
        reload_dataloaders_every_n_epochs=1,
        default_root_dir=folder,
    )
    return best, trainer
