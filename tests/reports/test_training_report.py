"""The report of a training, and what a training leaves for it."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pages import read_page

from highwall.cli.reports import write_training_report
from highwall.evaluation.scores import scores
from highwall.reports import FILE, report_training
from highwall.training.held_out import HeldOut

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(trained: Any, tmp_path: Path) -> Path:
    """Copy a run, to write to."""
    return shutil.copytree(trained.run, tmp_path / "run")


def test_held_out_answers_make_up_the_scores(trained: Any) -> None:
    held_out = HeldOut.load(trained.run / "held_out.npz")
    told = json.loads((trained.run / "training.json").read_text())
    assert (held_out.kind, held_out.level) == ("out_of_fold", trained.model.final)
    assert list(held_out.keys) == trained.model.facts["training"]["keys"]
    again = scores(held_out.matrices.sum(0), trained.model.legend).to_json()
    score = told["out_of_fold"][held_out.level]
    assert again == {key: score[key] for key in again}
    assert set(held_out.answers) <= set(range(len(held_out.keys)))
    for n, answer in held_out.answers.items():
        assert answer.labels.shape == answer.doubt.shape == (64, 64)
        if held_out.level == "networks":  # whose matrices are over all pixels that are known
            given = np.bincount(answer.labels.ravel(), minlength=4)
            assert (held_out.matrices[n].sum(0) <= given).all()


def test_it_comes_back_as_it_was_saved(trained: Any, tmp_path: Path) -> None:
    held_out = HeldOut.load(trained.run / "held_out.npz")
    held_out.save(tmp_path / "a.npz")
    again = HeldOut.load(tmp_path / "a.npz")
    assert (again.keys, again.sites) == (held_out.keys, held_out.sites)
    assert (again.matrices == held_out.matrices).all()
    assert again.answers.keys() == held_out.answers.keys()


def test_its_numbers_are_those_of_the_json(trained: Any, run: Path) -> None:
    html = report_training(trained.model, run, trained.dataset, command="highwall train <&>").read_text("utf-8")
    found, told = read_page(html), json.loads((run / "training.json").read_text())
    values = set(found.values)
    for kind in ("out_of_fold", "validation"):
        for score in told[kind].values():
            assert {score["miou"], score["accuracy"], *score["iou"].values()} - {None} <= values
    matrices = HeldOut.load(run / "held_out.npz").matrices.sum(0)
    assert set(matrices.ravel().tolist()) <= values
    for when in ("before", "after"):
        assert {one["error"] for one in told["calibration"][trained.model.final][when].values()} <= values
    assert told["leak"]["site"]["miou"] in values
    assert {"tiles", "scores", "confusion", "sites", "reliability", "curves", "leak", "data", "next", "repeat"} <= set(
        found.ids
    )
    assert "highwall train <&>" in found.text
    assert trained.model.facts["training"]["fingerprint"] in found.text


def test_a_run_without_answers_still_has_a_report(trained: Any, run: Path) -> None:
    (run / "held_out.npz").unlink()
    shutil.rmtree(run / "stages")
    found = read_page(report_training(trained.model, run, trained.dataset).read_text("utf-8"))
    assert "Answers were not kept" in found.text
    told = json.loads((run / "training.json").read_text())
    assert told["out_of_fold"][trained.model.final]["miou"] in found.values
    assert "curves" not in found.ids


def test_it_is_written_once_and_when_it_is_missing(trained: Any, run: Path) -> None:
    (run / FILE).unlink(missing_ok=True)
    assert write_training_report(trained.model, run, trained.dataset) == run / FILE
    (run / FILE).write_text("mine")
    assert write_training_report(trained.model, run, trained.dataset) == run / FILE
    assert (run / FILE).read_text() == "mine"
    (run / FILE).unlink()
    write_training_report(trained.model, run, trained.dataset)
    assert "Mean IoU" in (run / FILE).read_text()


@pytest.mark.parametrize("harm", ["no json", "in the way", "no tiles", "broken answers"])
def test_a_report_that_fails_costs_a_line(
    trained: Any, run: Path, tmp_path: Path, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = trained.dataset
    (run / FILE).unlink(missing_ok=True)
    if harm == "no json":
        (run / "training.json").unlink()
    elif harm == "in the way":
        (run / FILE / "x").mkdir(parents=True)
        os.utime(run / FILE, (0, 0))
    elif harm == "no tiles":
        folder = tmp_path / "gone"
    else:
        (run / "held_out.npz").write_bytes(b"no archive")
    assert write_training_report(trained.model, run, folder) is None
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("note: no report could be written: ")
    assert told.err.count("\n") == 1
    assert not (run / FILE).is_file()
