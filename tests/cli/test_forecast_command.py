"""`highwall forecast`: what it prints, writes and refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import highwall
from highwall.models.folder import save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_sentence_comes_first_and_json_is_what_python_gives(
    highwall_command: Callable[..., Any], trained: Any, tmp_path: Path
) -> None:
    result = tmp_path / "forecast.json"
    done = highwall_command("forecast", trained.folder, trained.dataset, "--split", "open", "--json", result)
    assert done.status == 0, done.err
    expected = highwall.forecast(trained.model, trained.dataset, split="open")
    assert done.out.splitlines()[0] == expected.sentence
    document = expected.to_json(trained.model.legend.names)
    assert json.loads(result.read_text()) == json.loads(json.dumps(document, allow_nan=False))
    for name, value in document["iou"].items():
        assert f"IoU {name}" in done.out
        assert f"{100 * value:.1f}" in done.out
    for estimator in document["errors"]:
        assert estimator in done.out
    assert f"AUC of a classifier between training and new tiles: {document['shift']['auc']:.2f}" in done.out
    for note in document["notes"]:
        assert f"note: {note}" in done.out


def test_without_a_judgement_the_rest_is_told(
    highwall_command: Callable[..., Any], trained: Any, tmp_path: Path
) -> None:
    save_model(replace(trained.model, record=replace(trained.model.record, judgement=None)), tmp_path / "model")
    done = highwall_command("forecast", tmp_path / "model", trained.dataset, "--split", "open")
    assert done.status == 0, done.err
    assert done.out.startswith("Nothing is known of the score to expect: ")
    assert "IoU" not in done.out
    assert "AUC of a classifier" in done.out


@pytest.fixture
def forgetful(trained: Any, tmp_path: Path) -> Path:
    """A model without a record of its training."""
    save_model(replace(trained.model, record=None), tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(("lacks", "says"), [("record", "can't forecast"), ("tiles", "no TIFF")])
def test_bad_input_is_one_line_and_leaves_nothing(
    highwall_command: Callable[..., Any], trained: Any, forgetful: Path, tmp_path: Path, lacks: str, says: str
) -> None:
    (tmp_path / "bare").mkdir()
    model, folder = (forgetful, trained.dataset) if lacks == "record" else (trained.folder, tmp_path / "bare")
    done = highwall_command("forecast", model, folder, "--json", tmp_path / "forecast.json")
    assert done.status == 2, done
    (line,) = done.err.splitlines()
    assert line.startswith("highwall: ")
    assert says in line
    assert done.out == ""
    assert not (tmp_path / "forecast.json").exists()
