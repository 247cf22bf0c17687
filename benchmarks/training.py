"""Samples a second of a training, beside plain steps of the same networks on tensors that lie in memory.

    python benchmarks/training.py [--encoder tu-tf_efficientnet_lite0 mit_b0] [--rounds 3] [--steps 24] [--json FILE]

Trains the networks of the preset `quick` on simulated tiles, as `highwall train` does: tiles from files, augmentation,
loss, log, checkpoints. The plain steps (forward, loss, backward, AdamW; same batch, same precision) come before and
after each training in the same process, since shared machines change from minute to minute. Where others compute
beside, the ratio of CPU seconds is the steadier one (on a CPU, with OMP_NUM_THREADS=1). Validation is not counted, nor
are the first steps, in which everything warms up.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning.fabric import Fabric
from torch.optim import AdamW

from highwall.models.networks import build_networks
from highwall.simulation import simulate
from highwall.tiles import open_dataset
from highwall.training import fit as fitting
from highwall.training.config import Recipe, make_recipe
from highwall.training.losses import joint_loss
from highwall.training.module import JointTraining
from highwall.training.plan import make_plan
from highwall.training.stages import Run, fit_networks

WARM = 4
"""Steps that count nowhere, in every training and before plain steps are timed."""


class Clock(NamedTuple):
    """Seconds since some time."""

    wall: float
    cpu: float
    """Of all threads of this process."""

    @classmethod
    def now(cls) -> Clock:
        """Read both clocks when a GPU has done what it was given."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return cls(time.perf_counter(), time.process_time())

    def since(self, other: Clock) -> Clock:
        """Return the time from another reading to this one."""
        return Clock(self.wall - other.wall, self.cpu - other.cpu)


class Timed(JointTraining):
    """The training as it is, with a clock that stands still while it warms up and while it validates."""

    last: Timed
    """The training that was begun last."""

    def on_fit_start(self) -> None:
        """Set the clock to zero."""
        Timed.last = self
        self.steps, self.spent, self.begun = 0, Clock(0, 0), None

    def on_train_batch_end(self, *_: Any) -> None:
        """Count, and start the clock when all is warm."""
        self.steps += 1
        if self.steps == WARM:
            self.begun = Clock.now()

    def on_validation_start(self) -> None:
        """Stop the clock."""
        self.stop()

    def on_validation_end(self) -> None:
        """Let the clock go on."""
        self.begun = Clock.now() if self.steps >= WARM else None

    def on_train_end(self) -> None:
        """Stop the clock."""
        self.stop()

    def stop(self) -> None:
        """Add up the time."""
        if self.begun is not None:
            passed = Clock.now().since(self.begun)
            self.spent = Clock(self.spent.wall + passed.wall, self.spent.cpu + passed.cpu)
            self.begun = None


class Plain:
    """Steps of the same networks on one batch that lies in memory."""

    def __init__(self, run: Run) -> None:
        recipe, plan = run.recipe, run.plan
        self.recipe = recipe
        self.fabric = Fabric(accelerator=recipe.accelerator, devices=1, precision=fitting.precision(recipe))
        networks = build_networks(plan.networks, run.dataset.encoding.bands, run.classes, plan.normalisation).train()
        optimizer = AdamW(networks.parameters(), recipe.rate, weight_decay=recipe.weight_decay)
        self.networks, self.optimizer = self.fabric.setup(networks, optimizer)
        rng = np.random.default_rng(0)
        shape = (recipe.batch, len(run.dataset.encoding.bands), recipe.crop, recipe.crop)
        self.pixels = self.fabric.to_device(torch.from_numpy(rng.uniform(0.05, 0.3, shape).astype(np.float32)))
        self.labels = self.fabric.to_device(torch.from_numpy(rng.integers(0, run.classes, (shape[0], *shape[2:]))))
        self.steps(WARM)

    def steps(self, steps: int) -> Clock:
        """Return the time that so many steps take."""
        begun = Clock.now()
        for _ in range(steps):
            self.optimizer.zero_grad()
            loss = joint_loss(self.networks(self.pixels), self.labels, self.recipe)
            self.fabric.backward(loss.learned)
            self.optimizer.step()
        return Clock.now().since(begun)


def measure(encoder: str, rounds: int, steps: int, changes: list[str], data: Path) -> dict[str, Any]:
    """Train so many times, and before and after each time take as many plain steps."""
    weights = "package" if "efficientnet_lite0" in encoder else "none"
    named = [f"networks.{n}.{key}" for n in ("unet", "fpn") for key in (f"encoder={encoder}", f"weights={weights}")]
    recipe: Recipe = make_recipe("quick", [*named, f"max_steps={steps}", *changes])
    dataset = open_dataset(data)
    plan = make_plan(dataset, recipe, 0)
    plain = Plain(Run(dataset, plan, recipe, data, 0))
    alone, trained = [plain.steps(steps - WARM)], []
    fitting.JointTraining = Timed  # type: ignore[misc]
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            fit_networks(Run(dataset, plan, recipe, Path(folder), 0))
        trained.append(Timed.last.spent)
        alone.append(plain.steps(steps - WARM))
    if Timed.last.steps != steps:
        raise SystemExit(f"{Timed.last.steps} steps are whole epochs, not {steps}: choose other --steps, or more tiles")
    beside = [Clock(*np.mean(pair, axis=0)) for pair in itertools.pairwise(alone)]
    wall, cpu = ([one[n] / other[n] for one, other in zip(beside, trained, strict=True)] for n in (0, 1))
    samples = recipe.batch * (steps - WARM)
    return {
        "encoder": encoder,
        "device": str(plain.pixels.device),
        "precision": str(fitting.precision(recipe)),
        "batch": recipe.batch,
        "crop": recipe.crop,
        "plain_per_s": round(samples / float(np.median([one.wall for one in beside])), 2),
        "training_per_s": round(samples / float(np.median([one.wall for one in trained])), 2),
        "plain_cpu_s_a_sample": round(float(np.median([one.cpu for one in beside])) / samples, 4),
        "training_cpu_s_a_sample": round(float(np.median([one.cpu for one in trained])) / samples, 4),
        "ratio": round(float(np.median(wall)), 3),
        "cpu_ratio": round(float(np.median(cpu)), 3),
        "ratios": [round(one, 3) for one in wall],
        "cpu_ratios": [round(one, 3) for one in cpu],
    }


def main() -> None:
    """Measure each encoder, and print a table."""
    options = argparse.ArgumentParser()
    options.add_argument("--encoder", nargs="+", default=["tu-tf_efficientnet_lite0", "mit_b0"])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--steps", type=int, default=24)
    options.add_argument("--tiles", type=int, default=24)
    options.add_argument("--size", type=int, default=512)
    options.add_argument("--data", type=Path, help="tiles to train on, instead of simulated ones")
    options.add_argument("--set", nargs="*", default=[], help="changes of the recipe, as highwall train has them")
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    results = []
    print(f"{'encoder':26} {'device':8} {'batch':>5} {'plain/s':>9} {'training/s':>10} {'ratio':>6} {'CPU ratio':>9}")
    with tempfile.TemporaryDirectory() as folder:
        data = given.data or Path(folder) / "tiles"
        if not given.data:
            simulate(data, tiles={"train": given.tiles, "val": 2}, size=given.size, seed=0)
        for encoder in given.encoder:
            row = measure(encoder, given.rounds, given.steps, given.set, data)
            results.append(row)
            print(
                f"{encoder:26} {row['device']:8} {row['batch']:5} {row['plain_per_s']:9} {row['training_per_s']:10} "
                f"{row['ratio']:6} {row['cpu_ratio']:9}",
                flush=True,
            )
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
