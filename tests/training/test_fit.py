"""What a training of the networks keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from highwall.tiles import open_dataset
from highwall.training.config import make_recipe
from highwall.training.data import read_sample
from highwall.training.fit import HISTORY
from highwall.training.history import read_rows
from highwall.training.losses import cross_entropy
from highwall.training.plan import make_plan
from highwall.training.stages import Run, fit_networks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("ema", [0, 0.8])
@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_weights_that_are_kept_are_those_that_were_validated(
    make_tiles: Callable[..., Path], tiny: tuple[str, ...], tmp_path: Path, keep: str, ema: float
) -> None:
    dataset = open_dataset(make_tiles(tmp_path / "data", {"train": 4, "val": 2}))
    recipe = make_recipe("quick", (*tiny, "max_steps=8", f"keep={keep}", f"ema={ema}"))
    run = Run(dataset, make_plan(dataset, recipe, 0), recipe, tmp_path / "run", 0)
    networks = fit_networks(run)
    rows = read_rows(run.stage("networks") / HISTORY)
    row = max(rows, key=lambda one: one["val_miou"]) if keep == "best" else rows[-1]
    losses = []
    with torch.inference_mode():
        for tile in run.plan.roles.validation:
            pixels, labels = read_sample(tile, dataset.encoding)
            logits = networks(torch.from_numpy(pixels[None]).to(networks.mean.device)).mean(0).cpu()
            losses.append(float(cross_entropy(logits, torch.from_numpy(labels[None]).long())))
    assert np.mean(losses) == pytest.approx(row["val_loss"], rel=1e-4)
