"""One training of the networks, run by Lightning: it can be killed and started again."""

from __future__ import annotations

import logging
import shutil
import sys
import warnings
from typing import TYPE_CHECKING, Any, Final

import torch
from lightning import Trainer, seed_everything
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar
from safetensors.torch import load_file, save_file

from highwall.errors import BadInput
from highwall.files import new_file
from highwall.models.backends import has_bfloat16
from highwall.models.networks import default_device
from highwall.training.checkpoint import LastCheckpoint, MovingAverage
from highwall.training.history import History
from highwall.training.module import JointTraining

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.models.networks import Networks
    from highwall.training.config import Recipe
    from highwall.training.decoded import DecodedTiles
    from highwall.training.task import Task

WEIGHTS: Final = "networks.safetensors"
HISTORY: Final = "history.csv"

log = logging.getLogger("highwall")


def fit(build: Callable[[], Networks], task: Task, tiles: DecodedTiles, folder: Path) -> Networks:
    """Train the networks of a task, go on where a killed run was, or take what a finished run left.

    Args:
        build: makes the networks as they are before training.
        task: what to train on.
        tiles: the tiles of the task, and perhaps others.
        folder: where the checkpoints are, `history.csv`, and in the end the weights.

    Returns:
        The networks with the weights that the recipe keeps: the best by validation score, or the last.
    """
    weights = folder / WEIGHTS
    if weights.exists():
        networks = build()
        networks.load_state_dict(load_file(weights))
        return networks.eval().to(default_device())
    seed_everything(task.seed, verbose=False)
    module = JointTraining(build(), task, tiles)
    checkpoints = folder / "checkpoints"
    trainer = _trainer(task, folder, checkpoints)
    best, last = checkpoints / "best.ckpt", checkpoints / "last.ckpt"
    if last.exists():
        log.info("%s  continues from its last checkpoint", task.name)
    with warnings.catch_warnings():
        # The loaders have no workers but a thread, and epochs are short; Lightning advises otherwise.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        warnings.filterwarnings("ignore", ".*smaller than the logging interval.*")
        warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists.*")
        trainer.fit(module, ckpt_path=last if last.exists() else None, weights_only=False)
    if task.keeps_best:
        module.load_state_dict(torch.load(best, map_location="cpu", weights_only=False)["state_dict"])
    networks = module.networks.eval()
    trainer.strategy.barrier()  # all processes have read their checkpoint
    if trainer.is_global_zero:
        with new_file(weights) as part:
            save_file({name: value.cpu().contiguous() for name, value in networks.state_dict().items()}, part)
        shutil.rmtree(checkpoints, ignore_errors=True)
    return networks.to(default_device())


def check_devices(recipe: Recipe) -> None:
    """Make sure that Lightning can use the devices that the recipe names.

    Raises:
        BadInput: there are no such devices, or no such strategy.
    """
    try:
        Trainer(
            accelerator=recipe.accelerator,
            devices=recipe.devices,
            strategy=recipe.strategy,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (MisconfigurationException, ImportError, ValueError, RuntimeError) as error:
        raise BadInput(f"accelerator, devices or strategy: {str(error).splitlines()[0]}") from None


def _trainer(task: Task, folder: Path, checkpoints: Path) -> Trainer:
    recipe = task.recipe
    callbacks: list[Callback] = [History(folder / HISTORY, task.name)]
    if recipe.ema:
        callbacks.append(MovingAverage(decay=recipe.ema))
    if task.keeps_best:
        best: dict[str, Any] = {"monitor": "val_miou", "mode": "max", "every_n_epochs": task.pace}
        files: dict[str, Any] = {"dirpath": checkpoints, "filename": "best", "enable_version_counter": False}
        # Callbacks, of which one has the moving average, add to whole checkpoints alone.
        callbacks.append(ModelCheckpoint(save_weights_only=not recipe.ema, **best, **files))
    if task.validation and recipe.patience is not None:
        callbacks.append(EarlyStopping("val_loss", patience=recipe.patience))
    if sys.stderr.isatty():
        callbacks.append(RichProgressBar())
    callbacks.append(LastCheckpoint(checkpoints / "last.ckpt", task.pace))  # with the others' state
    return Trainer(
        max_epochs=task.epochs,
        limit_train_batches=task.steps_per_epoch,
        precision=precision(recipe),
        accelerator=recipe.accelerator,
        devices=recipe.devices,
        strategy=recipe.strategy,
        deterministic="warn" if torch.cuda.is_available() else None,  # a CPU is so by itself
        callbacks=callbacks,
        logger=False,
        enable_model_summary=False,
        enable_progress_bar=sys.stderr.isatty(),
        num_sanity_val_steps=0,
        check_val_every_n_epoch=task.pace,
        limit_val_batches=len(task.validation),
        reload_dataloaders_every_n_epochs=1,
        default_root_dir=folder,
    )


def precision(recipe: Recipe) -> Any:
    """Choose bfloat16 where the machine has instructions for it: elsewhere it is slower than float32."""
    if recipe.precision != "auto":
        return recipe.precision
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    return "bf16-mixed" if has_bfloat16() else "32-true"
