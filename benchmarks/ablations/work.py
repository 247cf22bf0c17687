"""One fold of one trial: train on the other folds, and answer for its tiles."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ablations.trials import STARTS, all_trials, recipe_of

from highwall.files import new_file, write_json
from highwall.models.answers import ask_networks
from highwall.models.backends import in_torch
from highwall.models.folder import load_model
from highwall.training.data import read_sample
from highwall.training.stages import _answer_for
from highwall.training.start import from_start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ablations.ground import Ground
    from ablations.trials import Trial

    from highwall.models.networks import Networks


@dataclass(frozen=True)
class Unit:
    """A fold of a trial, and where its result goes."""

    trial: Trial
    fold: int
    changes: tuple[str, ...]
    """Of the trial's preset, all of them."""

    fingerprint: str
    """Of the tiles."""

    out: Path
    """Folder of the dataset's results."""

    folders: Mapping[str, str]
    """What stands for `WEIGHTS` and `STARTS`; where they lie does not change the result."""

    keep: bool = False
    """Whether what the networks said of every pixel is kept."""

    @property
    def name(self) -> str:
        """Name of trial and fold."""
        return f"{self.trial.name} {self.fold}"

    @property
    def asked(self) -> dict[str, Any]:
        """All that decides the result, as JSON has it."""
        return {
            "preset": self.trial.preset,
            "changes": list(self.changes),
            "seed": self.trial.seed,
            "start": self.trial.start,
            "tiles": self.fingerprint,
        }

    @property
    def path(self) -> Path:
        """File of the result."""
        return self.out / "units" / self.trial.name / f"{self.fold}.json"

    @property
    def folder(self) -> Path:
        """Folder of the training, another for other settings."""
        return self.out / "runs" / f"{self.trial.name}-{sha256(json.dumps(self.asked).encode()).hexdigest()[:8]}"

    @property
    def said(self) -> Path:
        """Folder of what the networks said of every pixel."""
        return self.out / "said" / self.trial.name

    @property
    def done(self) -> bool:
        """Whether the result of just this is there."""
        try:
            document = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return False
        kept = all((self.said / f"{tile}.npz").exists() for tile in document["tiles"]) if self.keep else True
        return document["asked"] == self.asked and kept


def train_fold(ground: Ground, unit: Unit, networks_of: Unit | None) -> None:
    """Do it, and write the result: confusion matrices by level, `(tile, truth, answer)`.

    Args:
        ground: the tiles.
        unit: trial and fold.
        networks_of: the unit whose networks answer; they were kept. None to train.
    """
    begun = time.monotonic()
    torch.set_num_threads(1)
    recipe = recipe_of(unit.trial, unit.changes, unit.folders)
    run = ground.run(recipe, (networks_of or unit).folder, unit.trial.seed)
    if (start := unit.trial.start) is not None:
        model = load_model(start if start == "default" else Path(unit.folders[STARTS]) / start / "model")
        plan, started = from_start(run.plan, ground.dataset.encoding, model)
        run = replace(run, plan=plan, start=started)
        vars(run)["tiles"] = ground.tiles
    fold, evidence = _answer_for(run, run.plan.folds, unit.fold, "fold")
    if unit.keep:
        _keep(ground, fold.networks, fold.held_out.tolist(), unit.said)
    wanted = {trial.networks_of for trial in all_trials()}
    if networks_of is None and unit.trial.name not in wanted:
        shutil.rmtree(run.stage(f"fold-{unit.fold}"), ignore_errors=True)
    device = next(fold.networks.parameters()).device
    document = {
        "trial": unit.trial.name,
        "fold": unit.fold,
        "asked": unit.asked,
        "tiles": fold.held_out.tolist(),
        "sites": [ground.roles.sites[tile] for tile in fold.held_out],
        "matrices": {level: counts.tolist() for level, counts in evidence.matrices.items()},
        "parameters": sum(values.numel() for values in fold.networks.parameters()),
        "seconds": round(time.monotonic() - begun, 1),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
    }
    write_json(unit.path, document)


def _keep(ground: Ground, networks: Networks, tiles: list[int], folder: Path) -> None:
    """Keep the networks' probabilities of every pixel, in 255ths, `(member, class, y, x)`."""
    compute = in_torch(networks, torch.float32)
    for number in tiles:
        pixels, _ = read_sample(ground.roles.train[number], ground.dataset.encoding)
        members = ask_networks(compute, pixels[None]).members[:, 0]
        with new_file(folder / f"{number}.npz") as part:
            np.savez_compressed(part, members=np.rint(members * 255).astype(np.uint8))
