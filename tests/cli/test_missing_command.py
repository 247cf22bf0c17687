"""What the verbs say where images lack bands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from highwall.models.folder import save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.models.model import Model

LINE = "B08, B11, B12 are missing: expect mIoU about 31 instead of 40 (on held-out sites of the training)"


@pytest.fixture
def files(lenient: Model, trained: Any, keep_bands: Callable[..., Path], tmp_path: Path) -> dict[str, Path]:
    """The lenient model in a folder, and a labelled tile in red, green and blue alone."""
    save_model(lenient, tmp_path / "model")
    for kind in ("images", "masks"):
        (tmp_path / "tiles" / kind).mkdir(parents=True)
    keep_bands(
        trained.dataset / "val" / "images" / "tile6.tif", tmp_path / "tiles/images/tile6.tif", ("B04", "B03", "B02")
    )
    (tmp_path / "tiles/masks/tile6.tif").write_bytes((trained.dataset / "val/masks/tile6.tif").read_bytes())
    return {"model": tmp_path / "model", "tiles": tmp_path / "tiles", "image": tmp_path / "tiles/images/tile6.tif"}


def test_each_verb_says_once_what_it_costs(
    highwall_command: Callable[..., Any], files: dict[str, Path], tmp_path: Path
) -> None:
    commands = {
        "evaluate": (files["tiles"],),
        "predict": (files["tiles"], "-o", tmp_path / "masks"),
        "map": (files["image"], "-o", tmp_path / "map"),
    }
    for verb, arguments in commands.items():
        result = tmp_path / f"{verb}.json"
        done = highwall_command(verb, files["model"], *arguments, "--json", result)
        assert done.status == 0, done.err
        lines = [line for line in (done.out + done.err).splitlines() if LINE in line]
        assert len(lines) == 1, verb
        assert lines[0].startswith("note: ")
        document = json.loads(result.read_text())
        told = document["maps"][0]["missing_bands"] if verb == "map" else document["missing_bands"]
        assert told["bands"] == ["B08", "B11", "B12"]
        assert (told["miou"], told["miou_with_all"], told["measured_with"]) == (0.31, 0.4, ["B02", "B03", "B04"])
        assert LINE in told["sentence"]


def test_without_band_dropout_each_verb_refuses_in_one_line(
    highwall_command: Callable[..., Any], trained: Any, files: dict[str, Path], tmp_path: Path
) -> None:
    commands = {
        "evaluate": (files["tiles"],),
        "forecast": (files["tiles"],),
        "predict": (files["tiles"], "-o", tmp_path / "out"),
        "map": (files["image"], "-o", tmp_path / "out"),
    }
    for verb, arguments in commands.items():
        done = highwall_command(verb, trained.folder, *arguments)
        assert done.status == 2
        assert "band B08 B11 B12 is missing" in done.err.splitlines()[-1]
        assert done.err.splitlines()[-1].endswith("the model was not trained with band dropout")
        assert not (tmp_path / "out").exists()


def test_the_card_tells(files: dict[str, Path]) -> None:
    text = (files["model"] / "README.md").read_text()
    assert "with B02 B03 B04 alone expect mIoU about 31 instead of 40" in text
