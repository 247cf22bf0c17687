"""How many samples to learn from in a step, found out by trying."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from lightning.fabric import Fabric
from torch.optim import AdamW

from highwall.files import write_json
from highwall.training.losses import joint_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from lightning.fabric.plugins.precision.precision import _PRECISION_INPUT

    from highwall.models.networks import Networks
    from highwall.training.config import Recipe

log = logging.getLogger("highwall")

LEAST: Final = 2
"""Samples that the statistics of batch normalisation need at least."""

MOST: Final = {"cuda": 64, "cpu": 16}
"""Most samples tried: larger batches learn less from each sample, and keep the device no busier."""

STEPS_PER_EPOCH: Final = 8
"""Steps that an epoch should have at least."""

SHARE: Final = 0.85
"""Share of the free memory that may be taken."""

WITHIN: Final = 0.95
"""On a CPU, a smaller batch is preferred that reaches this share of the best rate."""

ROUNDS: Final = 3


class Trial:
    """Steps of the networks on made-up samples, on the device and in the precision of the training."""

    def __init__(
        self, networks: Networks, shape: tuple[int, int, int], recipe: Recipe, precision: _PRECISION_INPUT
    ) -> None:
        self.shape = shape
        self.recipe = recipe
        self.seconds: dict[int, list[float]] = {}
        self.fabric = Fabric(accelerator=recipe.accelerator, devices=1, precision=precision)
        self.device = self.fabric.device
        self.free, self.base = _free_memory(self.device), _used_memory(self.device)
        optimizer = AdamW(networks.train().parameters(), recipe.rate)
        self.networks, self.optimizer = self.fabric.setup(networks, optimizer)

    def step(self, batch: int) -> None:
        """Take one step and time it."""
        self.optimizer.zero_grad()
        pixels = torch.rand((batch, *self.shape), device=self.device)
        labels = torch.zeros((batch, *self.shape[1:]), dtype=torch.long, device=self.device)
        _wait(self.device)
        begun = time.perf_counter()
        self.fabric.backward(joint_loss(self.networks(pixels), labels, self.recipe).learned)
        self.optimizer.step()
        _wait(self.device)
        self.seconds.setdefault(batch, []).append(time.perf_counter() - begun)

    @property
    def has_room(self) -> bool:
        """Whether a batch twice as large as the largest so far is sure to fit in memory."""
        return 2 * (_used_memory(self.device) - self.base) <= SHARE * self.free

    def rate(self, batch: int) -> float:
        """Samples per second at best: what others do on the machine only slows steps down."""
        return batch / min(self.seconds[batch])


def settle_batch(
    recipe: Recipe,
    precision: _PRECISION_INPUT,
    build: Callable[[], Networks],
    shape: tuple[int, int, int],
    samples: int,
    path: Path,
) -> Recipe:
    """Replace the batch size `auto` by a number: the one found before, or one found now.

    On a GPU it is the largest power of two that fits in the free memory, up to `MOST`; on a CPU the smallest whose
    samples per second come near the best. An epoch keeps `STEPS_PER_EPOCH` steps where it has the samples.

    Args:
        recipe: what training does.
        precision: number format of the networks' arithmetic.
        build: makes the networks.
        shape: bands, height and width of the samples.
        samples: number of samples in an epoch.
        path: JSON where the number is kept, so that a training that was killed goes on with it.
    """
    if recipe.batch != "auto":
        return recipe
    if not path.exists():
        trial = Trial(build(), shape, recipe, precision)
        batch = find_batch(trial, max(samples // STEPS_PER_EPOCH, LEAST))
        rates = {str(size): round(trial.rate(size), 3) for size in sorted(trial.seconds)}
        write_json(path, {"batch": batch, "device": str(trial.device), "samples_per_s": rates})
        told = ", ".join(f"{rate:.3g} a second by {size}" for size, rate in rates.items())
        log.info("batch size %d, found by trying on %s: samples %s", batch, trial.device, told)
    return recipe.model_copy(update={"batch": int(json.loads(path.read_text("utf-8"))["batch"])})


def find_batch(trial: Trial, most: int) -> int:
    """Try powers of two up to `most`, and choose one as `settle_batch` says."""
    on_gpu = trial.device.type == "cuda"
    fits: list[int] = []
    size = LEAST
    while size <= min(most, MOST["cuda" if on_gpu else "cpu"]) and (not fits or trial.has_room):
        try:
            for _ in range(2):  # the first step of a size also prepares for it
                trial.step(size)
        except torch.OutOfMemoryError:
            break
        fits.append(size)
        size *= 2
    if on_gpu:
        torch.cuda.empty_cache()
        return fits[-1] if fits else 1
    for _ in range(ROUNDS):  # in turns, since machines change from minute to minute
        for size in fits:
            trial.step(size)
    best = max(trial.rate(size) for size in fits)
    return next(size for size in fits if trial.rate(size) >= WITHIN * best)


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _used_memory(device: torch.device) -> int:
    """Return the most bytes that this process has held on a device so far; 0 where nothing tells."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if sys.platform != "linux":
        return 0
    status = Path("/proc/self/status").read_text("ascii")
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def _free_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if sys.platform == "linux" else 0
