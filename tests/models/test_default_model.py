"""The word `default` in place of a model's folder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import highwall
from highwall.errors import BadInput
from highwall.models import default, folder
from highwall.models.default import BOX, model_folder
from highwall.models.folder import load_model, save_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the box be a folder that a test may fill, and work in another one."""
    path = tmp_path / "package" / "model"
    monkeypatch.setattr(default, "BOX", path)
    monkeypatch.setattr(folder, "BOX", path)
    monkeypatch.chdir(tmp_path)
    return path


def test_the_word_is_the_model_in_the_box(trained: Any, box: Path) -> None:
    save_model(trained.model, box)
    assert highwall.load_model("default").fingerprint == trained.model.fingerprint


def test_a_folder_of_that_name_is_reached_with_a_slash(trained: Any, box: Path, tmp_path: Path) -> None:
    save_model(trained.model, box)
    other = replace(trained.model, final="networks", temperatures={"networks": 3.0})
    save_model(other, tmp_path / "default")
    assert load_model("default").fingerprint == trained.model.fingerprint
    for name in ("./default/", "./default", "default/", tmp_path / "default", str(tmp_path / "default")):
        assert load_model(model_folder(name)).fingerprint == other.fingerprint, name


def test_without_a_model_in_the_box_the_reason_is_told(box: Path) -> None:
    with pytest.raises(BadInput, match="built without a model in the box"):
        load_model("default")


def test_other_names_are_folders(tmp_path: Path) -> None:
    for name in ("RUN/model", "RUN/default", "Default", "default.d"):
        assert str(model_folder(name)) == name
    assert BOX.parent.name == "box"
    assert BOX.parents[1] == type(tmp_path)(highwall.__file__).parent
