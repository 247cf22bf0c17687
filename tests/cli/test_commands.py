"""What the verbs print, write and return when all is well."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import highwall

if TYPE_CHECKING:
    from collections.abc import Callable

VERBS = ("check", "train", "evaluate", "predict", "map", "change", "tiles", "simulate", "demo")


def test_help_names_the_verbs_and_needs_no_library_that_is_slow_to_load() -> None:
    code = (
        "import sys; sys.argv = ['highwall', '--help']\n"
        "from highwall.cli.main import main\n"
        "try: main()\n"
        "finally: print([name for name in ('torch', 'sklearn', 'rasterio', 'pandas', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr
    assert all(verb in done.stdout for verb in VERBS)
    assert done.stdout.rstrip().endswith("[]")


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help(highwall_command: Callable[..., Any], verb: str) -> None:
    done = highwall_command(verb, "--help")
    assert done.status == 0
    assert "--json" in done.out


def test_the_program_says_its_version() -> None:
    program = Path(sys.executable).with_name("highwall")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert (done.returncode, done.stdout, done.stderr) == (0, f"highwall {highwall.__version__}\n", "")


def test_train_writes_what_python_trains(
    highwall_command: Callable[..., Any], trained: Any, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    options = [part for change in tiny for part in ("--set", change)]
    result = tmp_path / "result.json"
    run = tmp_path / "run"
    done = highwall_command(
        "train", trained.dataset, "-o", run, "--preset", "quick", *options, "--json", result, "--seed", 0
    )
    assert done.status == 0, done.err
    assert (run / "model" / "SHA256SUMS").read_text() == (trained.folder / "SHA256SUMS").read_text()
    document = json.loads(result.read_text())
    assert document["final"] == trained.model.final
    assert document["model"] == str(run / "model")
    assert set(document) == {
        *("model", "final", "notes", "leak", "calibration", "forecast", "out_of_fold", "validation"),
        *("agreement", "first_look", "forest", "forests_tried", "starts", "missing_bands"),
    }
    assert "networks  epoch 4 of 4" in done.err
    assert "unet" in done.out


def test_evaluate_writes_the_contract(highwall_command: Callable[..., Any], trained: Any, tmp_path: Path) -> None:
    result = tmp_path / "scores.json"
    done = highwall_command("evaluate", trained.folder, trained.dataset, "--json", result)
    assert done.status == 0, done.err
    document = json.loads(result.read_text())
    assert document["final"] in {"forest", "networks"}
    assert list(document["scores"]) == ["unet", "fpn", "networks", "forest"]
    for score in document["scores"].values():
        assert {"accuracy", "miou", "miou_all", "iou", "interval"} <= set(score)
        low, high = score["interval"]["miou"]
        assert 0 <= low <= high <= 1
        assert set(score["iou"]) == {"background", "waste dump", "quarry pit", "tailings pond"}
    assert set(document["tiles"]) == {"val/tile6.tif", "val/tile7.tif"}  # all labelled splits but train
    assert "2 tiles of 2 sites" in done.out


def test_predict_writes_masks_for_splits_without_masks(
    highwall_command: Callable[..., Any], trained: Any, tmp_path: Path
) -> None:
    result = tmp_path / "masks.json"
    done = highwall_command("predict", trained.folder, trained.dataset, "-o", tmp_path / "out", "--json", result)
    assert done.status == 0, done.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"tile8.tif", "tile9.tif"}
    assert json.loads(result.read_text())["masks"] == [str(tmp_path / "out" / f"tile{n}.tif") for n in (8, 9)]
    assert "2 masks" in done.out
