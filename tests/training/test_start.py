"""Trainings that start from a model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import torch

import highwall
from highwall.errors import BadInput
from highwall.tiles import open_dataset
from highwall.training.config import make_recipe
from highwall.training.plan import make_plan
from highwall.training.stages import Run
from highwall.training.start import base_settings, from_start

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

PROGRAM = Path(sys.executable).with_name("highwall")
RGB = ("B04", "B03", "B02")


@pytest.fixture(scope="module")
def short(tiny: tuple[str, ...]) -> tuple[str, ...]:
    """Changes that make a training short and say nothing of networks."""
    others = tuple(change for change in tiny if not change.startswith("networks."))
    return (*others, "max_steps=2", "forest.trees=2", "compared_folds=0")


@pytest.fixture(scope="module")
def make_other_tiles(save: Callable[..., Path], draw: Callable[..., Any]) -> Callable[..., Path]:
    """Write tiles in red, green and blue whose legend has the union of waste dump and quarry pit."""

    def make(root: Path, east: int, tiles: int = 4) -> Path:
        for number in range(tiles):
            counts, mask = draw(100 + east + number)
            at = (east + 200 * number, 0)
            rgb: NDArray[np.uint16] = counts[[2, 1, 0]]
            ids = np.array([0, 4, 4, 7], np.uint8)[mask]
            save(root / "train" / "images" / f"o{number}.tif", rgb, at, RGB)
            save(root / "train" / "masks" / f"o{number}.tif", ids, at)
        classes = '[legend]\n0 = "background"\n4 = "mine ground"\n7 = "tailings pond"\n'
        (root / "dataset.toml").write_text(classes)
        return root

    return make


@pytest.fixture(scope="module")
def tuned(
    trained: Any,
    short: tuple[str, ...],
    make_other_tiles: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Path]:
    """Start from the small model on other tiles, far away; give dataset and run."""
    root = tmp_path_factory.mktemp("tuned")
    dataset = make_other_tiles(root / "data", 50_000)
    highwall.train(dataset, root / "run", preset="quick", changes=short, start=trained.folder)
    return dataset, root / "run"


def test_other_bands_and_another_legend_keep_what_fits_and_say_which(trained: Any, tuned: tuple[Path, Path]) -> None:
    _, run = tuned
    told = json.loads((run / "training.json").read_text())
    model = highwall.load_model(run / "model")
    assert model.bands == RGB
    assert model.legend.names == ("background", "mine ground", "tailings pond")
    assert {name: config.encoder for name, config in model.configs.items()} == dict.fromkeys(
        ("unet", "fpn"), "tu-test_efficientnet"
    )
    assert model.facts["starts"] == told["starts"]
    for name, start in zip(("unet", "fpn"), told["starts"], strict=True):
        assert start["fingerprint"] == trained.model.fingerprint
        assert start["source"] == f"the network {name} of {trained.model.id}"
        line = start["kept"]["told"]
        assert line in told["notes"]
        assert "first layer: B04 B03 B02 kept, B08 B11 B12 dropped" in line
        assert "head: background, tailings pond kept, mine ground new, waste dump, quarry pit dropped" in line
        assert 0.9 < start["kept"]["kept"] / start["kept"]["parameters"] < 1
    assert [note for note in told["notes"] if "made anew" in note]
    assert not [note for note in told["notes"] if "flatter" in note]
    before = dict(zip(trained.model.bands, trained.model.normalisation.mean, strict=True))
    assert model.normalisation.mean == tuple(before[band] for band in RGB)


def test_the_networks_of_every_training_of_a_run_begin_as_the_model(
    trained: Any, short: tuple[str, ...], tmp_path: Path
) -> None:
    dataset = open_dataset(trained.dataset)
    recipe = make_recipe("quick", (*base_settings(trained.model), *short))
    plan, start = from_start(make_plan(dataset, recipe, 0), dataset.encoding, trained.model)
    run = Run(dataset, plan, recipe, tmp_path, 0, start)
    pixels = torch.rand(1, 6, 64, 64) * 0.3 + 0.01
    with torch.inference_mode():
        for _ in range(2):
            assert torch.equal(run.build().eval()(pixels), trained.model.networks(pixels))
    assert plan.notes[-1] == (
        "the start model has learned from these very training tiles: scores out of fold and on validation tiles flatter"
    )


def test_ground_that_the_start_has_learned_from_is_said_and_remembered(
    trained: Any,
    tuned: tuple[Path, Path],
    make_other_tiles: Callable[..., Path],
    short: tuple[str, ...],
    tmp_path: Path,
) -> None:
    """Tiles are new, but some lie where the start's did: of the start model, and of what that started from."""
    _, run = tuned
    near = open_dataset(make_other_tiles(tmp_path / "near", 0, tiles=8))
    tuned_model = highwall.load_model(run / "model")
    recipe = make_recipe("quick", (*base_settings(tuned_model), *short))
    for model in (trained.model, tuned_model):
        plan, _ = from_start(make_plan(near, recipe, 0), near.encoding, model)
        assert plan.notes[-1].startswith("6 of 8 tiles share ground with tiles that the start model learned from")
    notes = highwall.evaluate(tuned_model, tmp_path / "near").notes
    assert "6 of 8 tiles share ground with training tiles: their scores flatter" in notes


def test_a_start_of_settings_wins_over_the_preset_and_changes_over_both(trained: Any) -> None:
    recipe = make_recipe("default", base_settings(trained.model))
    assert {(c.encoder, c.weights) for c in recipe.networks.values()} == {("tu-test_efficientnet", None)}
    changed = make_recipe("default", (*base_settings(trained.model), "networks.fpn.encoder=tu-resnet18"))
    assert changed.networks["unet"] == recipe.networks["unet"]
    assert changed.networks["fpn"].encoder == "tu-resnet18"


def test_nothing_that_fits_is_bad_input_and_leaves_no_run(trained: Any, short: tuple[str, ...], tmp_path: Path) -> None:
    alone = 'networks={"unet": {"architecture": "unet", "encoder": "tu-resnet18"}}'
    with pytest.raises(BadInput, match=r"nothing can start from the model highwall-.*unet: nothing kept \(it is unet"):
        highwall.train(trained.dataset, tmp_path / "run", preset="quick", changes=(*short, alone), start=trained.model)
    with pytest.raises(BadInput, match="no model folder"):
        highwall.train(trained.dataset, tmp_path / "run", preset="quick", changes=short, start=tmp_path / "none")
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_from_its_own_start_alone(trained: Any, tuned: tuple[Path, Path], short: tuple[str, ...]) -> None:
    dataset, run = tuned
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    again = highwall.train(dataset, run, preset="quick", changes=short, start=trained.model)
    assert again.bands == RGB
    with pytest.raises(BadInput, match=r"another training \((.*, )?start differ"):
        highwall.train(dataset, run, preset="quick", changes=short, start=run / "model")
    with pytest.raises(BadInput, match="start"):
        highwall.train(dataset, run, preset="quick", changes=(*base_settings(trained.model), *short))
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def command(dataset: Path, run: Path, start: Path, changes: Sequence[str]) -> list[str]:
    options = [part for change in changes for part in ("--set", change)]
    return [str(PROGRAM), "train", str(dataset), "-o", str(run), "--preset", "quick", "--from", str(start), *options]


def test_a_killed_training_with_a_start_ends_as_if_nothing_had_been(
    trained: Any, tuned: tuple[Path, Path], short: tuple[str, ...], tmp_path: Path
) -> None:
    """The command line continues; its model is the one that Python made in one go."""
    dataset, finished = tuned
    run, result = tmp_path / "run", tmp_path / "result.json"
    arguments = command(dataset, run, trained.folder, short)
    first = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - ours
    fold = run / "stages" / "fold-0"
    deadline = time.monotonic() + 300
    while not fold.exists() and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert not (run / "model").exists()
    second = subprocess.run([*arguments, "--json", str(result)], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert second.returncode == 0, second.stderr
    sums = [(one / "model" / "SHA256SUMS").read_text() for one in (run, finished)]
    assert sums[0] == sums[1]
    line = json.loads(result.read_text())["starts"][0]["kept"]["told"]
    assert f"note: {line}" in second.stderr


def test_simulated_tiles_start_from_a_model_of_other_tiles(
    trained: Any, short: tuple[str, ...], tmp_path: Path
) -> None:
    from highwall.simulation import simulate  # noqa: PLC0415 - brings numba, which the other tests need not load

    simulate(tmp_path / "data", tiles={"train": 3, "val": 0, "open": 0, "closed": 0}, size=64, seed=0)
    model = highwall.train(tmp_path / "data", tmp_path / "run", preset="quick", changes=short, start=trained.folder)
    told = [start["kept"]["told"].partition(" of the")[0] for start in model.facts["starts"]]
    assert told == ["unet: 100 %", "fpn: 100 %"]
    with rasterio.open(next((tmp_path / "data" / "train" / "images").iterdir())) as file:
        assert file.count == len(model.bands)
