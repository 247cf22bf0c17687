"""The word `default` in place of MODEL on the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from highwall.cli.main import app
from highwall.errors import BadInput
from highwall.models import default, folder
from highwall.models.folder import save_model

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None:
        raise done.exception
    return done.output


def final(model: str, dataset: Path, out: Path) -> str:
    run("evaluate", model, dataset, "--json", out)
    return str(json.loads(out.read_text())["final"])


@pytest.fixture
def box(trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let another folder be the box, and work beside a folder named default that holds another model."""
    path = tmp_path / "package" / "model"
    for module in (default, folder):
        monkeypatch.setattr(module, "BOX", path)
    monkeypatch.chdir(tmp_path)
    save_model(replace(trained.model, final="networks"), path)
    save_model(replace(trained.model, final="forest"), tmp_path / "default")
    return path


def test_the_word_wins_and_a_slash_reaches_the_folder(trained: Any, box: Path, tmp_path: Path) -> None:
    out = tmp_path / "told.json"
    assert final("default", trained.dataset, out) == "networks"
    assert final("./default/", trained.dataset, out) == "forest"
    assert final("./default", trained.dataset, out) == "forest"


def test_every_verb_takes_it(trained: Any, box: Path, tmp_path: Path) -> None:
    tile = next((trained.dataset / "open" / "images").iterdir())
    run("predict", "default", tile, "-o", tmp_path / "masks")
    assert [path.name for path in (tmp_path / "masks").iterdir()] == [tile.name]
    run("forecast", "default", trained.dataset)
    run("map", "default", tile, "-o", tmp_path / "map", "--json", tmp_path / "map.json")
    assert json.loads((tmp_path / "map.json").read_text())["maps"]


def test_without_a_model_in_the_box_it_says_so(trained: Any, box: Path) -> None:
    (box / "SHA256SUMS").unlink()
    box.rename(box.with_name("gone"))
    with pytest.raises(BadInput, match="built without a model in the box"):
        run("evaluate", "default", trained.dataset)
