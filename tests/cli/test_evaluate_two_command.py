"""`highwall evaluate` with two sets of tiles: why the second scores otherwise."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]


@pytest.fixture(scope="module")
def dark(make_tiles: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiles of the same classes that a model has never seen: two as it knows them, four in little light."""
    root = make_tiles(tmp_path_factory.mktemp("dark"), {"train": 2, "val": 4}, seed=50)
    for path in (root / "val" / "images").iterdir():
        with rasterio.open(path, "r+") as image:
            image.write((image.read() * 0.4).astype(np.uint16))
    return root


def test_the_difference_is_printed_and_written(
    highwall_command: Command, trained: Any, dark: Path, tmp_path: Path
) -> None:
    done = highwall_command("evaluate", trained.folder, trained.dataset, dark, "--json", tmp_path / "two.json")
    assert done.status == 0, done.err
    document = json.loads((tmp_path / "two.json").read_text())
    for side, folder in (("a", trained.dataset), ("b", dark)):
        one = highwall_command("evaluate", trained.folder, folder, "--json", tmp_path / "one.json")
        assert one.status == 0
        assert document[side] == json.loads((tmp_path / "one.json").read_text())
    found = document["difference"]
    assert done.out.splitlines()[0] == found["sentence"]
    final = document["a"]["final"]
    score_a, score_b = (document[side]["scores"][final]["miou"] for side in "ab")
    assert found["value"] == pytest.approx(score_b - score_a, abs=1e-9)
    assert sum(part["value"] for part in found["parts"].values()) == pytest.approx(found["value"], abs=1e-9)
    assert max(found["parts"], key=lambda name: abs(found["parts"][name]["value"])) == "appearance"
    assert set(found["parts"]) == {"metric", "class_mixture", "edges", "appearance"}
    for part in (found, *found["parts"].values()):
        low, high = part["interval"]
        assert low <= high
        assert part["within_chance"] == (low <= 0 <= high)
    assert f"{100 * found['parts']['appearance']['value']:+.1f}" in done.out
    assert "A: 2 tiles of 2 sites" in done.out
    assert "B: 4 tiles of 4 sites" in done.out
    for metric in ("miou", "miou_all", "accuracy", "f1"):
        assert f" {metric} " in done.out
        assert f"{100 * found['metrics'][metric]['b']:.1f}" in done.out
    assert "note: A has 2 sites" in done.out


def test_two_splits_of_one_dataset_each_by_its_metric(
    highwall_command: Command, trained: Any, dark: Path, tmp_path: Path
) -> None:
    options = ("--split", "train", "--split-b", "val", "--metric", "f1", "--metric-a", "accuracy")
    documents = []
    for other in ((), (dark,)):  # OTHER may be left out
        result = tmp_path / "result.json"
        done = highwall_command("evaluate", trained.folder, dark, *other, *options, "--json", result)
        assert done.status == 0, done.err
        assert "in mean F1 than A in accuracy" in done.out.splitlines()[0]
        documents.append(json.loads(result.read_text()))
    assert documents[0] == documents[1]
    (document, _) = documents
    assert [set(document[side]["splits"]) for side in "ab"] == [{"train"}, {"val"}]
    assert document["difference"]["metric"] == {"a": "accuracy", "b": "f1"}
    score = document["b"]["scores"][document["b"]["final"]]
    targets = [score["f1"][name] for name in ("waste dump", "quarry pit", "tailings pond")]
    accuracy = document["a"]["scores"][document["a"]["final"]]["accuracy"]
    assert document["difference"]["value"] == pytest.approx(np.mean(targets) - accuracy)


def test_the_same_set_twice(highwall_command: Command, trained: Any) -> None:
    done = highwall_command("evaluate", trained.folder, trained.dataset, trained.dataset)
    assert done.status == 0, done.err
    assert done.out.startswith("B scores as much as A in mIoU (interval +0.0 to +0.0)")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--metric", "miou"), "name a second folder"),
        (("--metric-b", "miou"), "name a second folder"),
        (("DIR", "--metric", "kappa"), "no metric 'kappa' (there are miou, miou_all, accuracy, f1)"),
        (("DIR", "--split-b", "closed"), "no split 'closed'"),
        (("--split-b", "open"), "no masks"),
        (("/no/such/folder",), "/no/such/folder"),
    ],
)
def test_bad_input_is_one_line(
    highwall_command: Command, trained: Any, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    given = [trained.dataset if part == "DIR" else part for part in arguments]
    done = highwall_command("evaluate", trained.folder, trained.dataset, *given, "--json", tmp_path / "result.json")
    assert done.status == 2
    assert done.out == ""
    line = done.err.splitlines()[-1]
    assert line.startswith("highwall: ")
    assert says in line
    assert "Traceback" not in done.err
    assert not any(tmp_path.iterdir())


def test_a_second_set_that_is_broken_is_said(
    highwall_command: Command, trained: Any, dark: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(dark, tmp_path / "other")
    (other / "val" / "images" / "tile0.tif").write_text("no TIFF at all")
    done = highwall_command("evaluate", trained.folder, trained.dataset, other, "--json", tmp_path / "result.json")
    assert done.status == 2
    assert "tile0.tif" in done.err
    assert not (tmp_path / "result.json").exists()
