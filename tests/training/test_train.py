"""Whole trainings, small ones."""

from __future__ import annotations

import csv
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
from lightning import Trainer

import highwall
from highwall.errors import BadInput
from highwall.models.networks import build_networks
from highwall.tiles import open_dataset
from highwall.training.config import make_recipe
from highwall.training.decoded import decode_tiles
from highwall.training.module import JointTraining
from highwall.training.plan import make_plan
from highwall.training.stages import Run, fit_level2_on_validation
from highwall.training.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROGRAM = Path(sys.executable).with_name("highwall")


def sums(run: Path) -> str:
    return (run / "model" / "SHA256SUMS").read_text()


def command(dataset: Path, run: Path, changes: Sequence[str], seed: int = 0) -> list[str]:
    options = [part for change in changes for part in ("--set", change)]
    return [str(PROGRAM), "train", str(dataset), "-o", str(run), "--preset", "quick", "--seed", str(seed), *options]


def test_a_run_leaves_model_scores_curves_and_history(trained: Any) -> None:
    run = trained.run
    assert {path.name for path in run.iterdir()} == {
        "model",
        "run.json",
        "training.json",
        "curves.png",
        "held_out.npz",
        "stages",
    }
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads((run / "training.json").read_text())
    assert document["final"] in {"forest", "networks"}
    assert document["forest"]["trees"] == 5
    assert document["forests_tried"] == []
    assert set(document["validation"]) == {"unet", "fpn", "networks"}
    assert set(document["out_of_fold"]) == {"unet", "fpn", "networks", "forest"}
    with (run / "stages" / "networks" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(float(row["step"])) for row in rows] == [3, 6, 9, 12]  # six tiles in batches of two
    last = float(rows[-1]["val_miou"])
    assert document["validation"]["networks"]["miou"] == pytest.approx(last, abs=1e-6)
    assert not list(run.rglob("*.ckpt"))
    assert not list(run.rglob("*.part*"))


def test_it_learns(trained: Any) -> None:
    with (trained.run / "stages" / "networks" / "history.csv").open() as file:
        losses = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.6 * losses[0]
    scores = json.loads((trained.run / "training.json").read_text())
    assert scores["out_of_fold"]["forest"]["accuracy"] > 0.95  # brightness tells the classes apart


def test_validation_scores_are_those_that_evaluate_gives(trained: Any) -> None:
    told = json.loads((trained.run / "training.json").read_text())["validation"]
    found = highwall.evaluate(trained.model, trained.dataset, split="val").to_json()["scores"]
    for level in ("unet", "fpn", "networks"):
        assert told[level]["miou"] == pytest.approx(found[level]["miou"], abs=1e-9)


def test_what_is_unknown_is_not_counted(trained: Any) -> None:
    facts = trained.model.facts["training"]
    assert facts["tiles"] == facts["sites"] == 6
    assert sum(facts["pixels"].values()) == 6 * 64 * 64 - 2 * 20 * 30  # a hole, and labels unknown


def test_the_same_seed_gives_the_same_model_and_another_another(
    trained: Any, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    short = (*tiny, "max_steps=3", "forest.trees=2")
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        highwall.train(trained.dataset, tmp_path / name, preset="quick", changes=short, seed=seed)
    assert sums(tmp_path / "a") == sums(tmp_path / "b")
    different = set(sums(tmp_path / "c").splitlines()) - set(sums(tmp_path / "a").splitlines())
    assert {line.split()[1] for line in different} == {
        "README.md",
        "model.json",
        "networks.safetensors",
        "forest.safetensors",
        "record.safetensors",
    }


def test_a_finished_run_is_left_as_it_is(trained: Any, tiny: tuple[str, ...]) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.run.rglob("*")}
    again = highwall.train(trained.dataset, trained.run, preset="quick", changes=tiny)
    assert {path: path.stat().st_mtime_ns for path in trained.run.rglob("*")} == before
    assert again.final == trained.model.final


def test_a_run_of_another_training_is_bad_input(trained: Any, tiny: tuple[str, ...], tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.run.rglob("*")}
    with pytest.raises(BadInput, match=r"another training \(seed"):
        highwall.train(trained.dataset, trained.run, preset="quick", changes=tiny, seed=1)
    with pytest.raises(BadInput, match=r"another training \(recipe"):
        highwall.train(trained.dataset, trained.run, preset="quick", changes=(*tiny, "rate=1e-5"))
    assert {path: path.stat().st_mtime_ns for path in trained.run.rglob("*")} == before
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        highwall.train(trained.dataset, tmp_path, preset="quick", changes=tiny)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_killed_training_goes_on_and_ends_as_if_nothing_had_been(
    trained: Any, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    arguments = command(trained.dataset, run, tiny)
    first = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - ours
    checkpoint = run / "stages" / "networks" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 300
    while not checkpoint.exists() and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert not (run / "model").exists()
    second = subprocess.run(arguments, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert second.returncode == 0, second.stderr
    assert "networks  continues from its last checkpoint" in second.stderr
    assert "networks  epoch 1 of 4" not in second.stderr
    assert sums(run) == sums(trained.run)
    histories = [folder / "stages" / "networks" / "history.csv" for folder in (run, trained.run)]
    assert histories[0].read_text() == histories[1].read_text()


def test_two_processes_train_one_model(trained: Any, tiny: tuple[str, ...], tmp_path: Path) -> None:
    run = tmp_path / "run"
    changes = (*tiny, "devices=2", "strategy=ddp", "max_steps=2", "batch=1", "forest.trees=2")
    done = subprocess.run(  # noqa: S603 - ours
        command(trained.dataset, run, changes), capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stderr
    model = highwall.load_model(run / "model")
    assert model.forest is not None
    assert not list(run.rglob("*.part*"))


def test_a_class_that_never_occurs_is_no_error_and_is_said(
    make_tiles: Callable[..., Path], tiny: tuple[str, ...], tmp_path: Path
) -> None:
    dataset = make_tiles(tmp_path / "data", {"train": 4, "val": 1}, classes=(0, 1, 3))
    model = highwall.train(dataset, tmp_path / "run", preset="quick", changes=(*tiny, "max_steps=2", "forest.trees=2"))
    notes = json.loads((tmp_path / "run" / "training.json").read_text())["notes"]
    assert notes == ["class 'quarry pit' never occurs in the training tiles: it cannot be learned"]
    answer = model.levels(np.full((1, 6, 32, 32), 0.2, np.float32))["forest"]
    assert answer.shape == (1, 4, 32, 32)
    assert (answer[:, 2] == 0).all()


def test_a_compact_forest_is_told_with_all_that_were_tried(
    make_tiles: Callable[..., Path], tiny: tuple[str, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = make_tiles(tmp_path / "data", {"train": 4, "val": 1})
    changes = (*tiny, "max_steps=2", "forest.trees=9", "compact=true")
    with caplog.at_level("INFO", "highwall"):
        model = highwall.train(dataset, tmp_path / "run", preset="quick", changes=changes)
    told = json.loads((tmp_path / "run" / "training.json").read_text())
    tried = [{key: trial[key] for key in ("trees", "max_depth", "min_leaf")} for trial in told["forests_tried"]]
    assert {key: told["forest"][key] for key in tried[0]} in tried
    assert model.forest is not None
    assert len(model.forest.roots) == told["forest"]["trees"]
    assert f"compact forest: {told['forest']['trees']} trees" in caplog.text


def test_without_network_training_starts_from_random_numbers_and_says_so(
    trained: Any, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))  # nothing kept from earlier
    recipe = make_recipe("quick", (*tiny, "networks.unet.weights=imagenet"))
    plan = make_plan(open_dataset(trained.dataset), recipe, 0)
    assert plan.networks["unet"].weights is None
    assert plan.starts == ()
    assert [note for note in plan.notes if "tu-test_efficientnet" in note and "random numbers" in note]


def test_one_site_trains_networks_alone(make_tiles: Callable[..., Path], tiny: tuple[str, ...], tmp_path: Path) -> None:
    dataset = make_tiles(tmp_path / "data", {"train": 1}, referenced=False)
    model = highwall.train(dataset, tmp_path / "run", preset="quick", changes=(*tiny, "max_steps=1"))
    assert model.forest is None
    assert model.final == "networks"
    assert "bbox" not in json.loads((tmp_path / "run" / "model" / "model.json").read_text())


def test_the_reference_preset_fits_its_forest_on_validation_tiles(
    trained: Any, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    changes = [change for change in tiny if not change.startswith(("max_pixels", "fold"))]
    model = highwall.train(
        trained.dataset, tmp_path / "run", preset="0try", changes=(*changes, "max_steps=9", "patience=3")
    )
    assert model.final == "forest"
    assert model.answers == "masks"
    assert model.forest is not None
    assert model.forest.features == ("B02", "B03", "B04", "B08", "B11", "B12", "unet", "fpn")
    assert model.normalisation.mean == (-1,) * 6
    assert model.normalisation.std == (2,) * 6
    scores = json.loads((tmp_path / "run" / "training.json").read_text())
    assert "out_of_fold" not in scores
    with (tmp_path / "run" / "stages" / "networks" / "history.csv").open() as file:
        best = max(float(row["val_miou"]) for row in csv.DictReader(file))
    assert scores["validation"]["networks"]["miou"] == pytest.approx(best, abs=1e-6)


def test_0try_builds_and_learns(make_tiles: Callable[..., Path], tmp_path: Path) -> None:
    dataset = open_dataset(make_tiles(tmp_path / "data", {"train": 2, "val": 1}))
    recipe = make_recipe(
        "0try", ["networks.unet.weights=none", "networks.fpn.weights=none", "batch=2", "forest.trees=2"]
    )
    assert [(n.architecture, n.encoder) for n in recipe.networks.values()] == [("unet", "mit_b5"), ("fpn", "mit_b5")]
    plan = make_plan(dataset, recipe, 0)
    networks = build_networks(plan.networks, dataset.encoding.bands, 4, plan.normalisation)
    seen = []
    networks.members["unet"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    pixels = torch.rand(1, 6, 64, 64) + 0.01
    with torch.inference_mode():
        networks.eval()(pixels)
    torch.testing.assert_close(seen[0], (pixels + 1) / 2)
    before = {name: value.clone() for name, value in networks.named_parameters()}
    roles, shapes = plan.roles, plan.statistics.shapes
    task = Task("networks", roles.train, shapes, roles.validation, dataset.encoding, recipe, 0)
    trainer = Trainer(fast_dev_run=1, accelerator="cpu", enable_progress_bar=False, enable_model_summary=False)
    tiles = decode_tiles((*roles.train, *roles.validation), dataset.encoding, tmp_path / "tiles.npy")
    trainer.fit(JointTraining(networks, task, tiles))
    for member in ("unet", "fpn"):
        for part in ("encoder", "decoder", "segmentation_head"):
            names = [name for name in before if name.startswith(f"members.{member}.{part}.")]
            changed = [name for name in names if not torch.equal(before[name], networks.get_parameter(name).detach())]
            assert len(changed) > len(names) / 2
    run = Run(dataset, plan, recipe, tmp_path / "run", 0)
    level2 = fit_level2_on_validation(run, networks)
    assert level2.forest is not None
    assert level2.forest.features == ("B02", "B03", "B04", "B08", "B11", "B12", "unet", "fpn")


def test_tiles_that_cannot_be_read_leave_no_run_behind(
    make_tiles: Callable[..., Path], tiny: tuple[str, ...], tmp_path: Path
) -> None:
    dataset = make_tiles(tmp_path / "data", {"train": 2, "val": 1})
    with rasterio.open(dataset / "val" / "masks" / "tile2.tif", "r+") as mask:
        mask.write(np.full((1, 64, 64), 9, np.uint8))
    with pytest.raises(BadInput, match=r"tile2.tif: labels outside the legend: 9"):
        highwall.train(dataset, tmp_path / "run", preset="quick", changes=tiny)
    assert not (tmp_path / "run").exists()
