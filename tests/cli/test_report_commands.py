"""Reports that verbs write."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_train_writes_a_report_also_for_a_run_that_is_complete(
    highwall_command: Callable[..., Any], trained: Any, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    run = shutil.copytree(trained.run, tmp_path / "run")
    (run / "report.html").unlink(missing_ok=True)
    options = [part for change in tiny for part in ("--set", change)]
    done = highwall_command("train", trained.dataset, "-o", run, "--preset", "quick", *options)
    assert done.status == 0, done.err
    assert f"{run / 'report.html'}: " in done.out
    html = (run / "report.html").read_text("utf-8")
    assert f"highwall train {trained.dataset} -o {run} --preset quick" in html


def test_evaluate_writes_the_report_that_is_asked_for(
    highwall_command: Callable[..., Any], trained: Any, tmp_path: Path
) -> None:
    result, report = tmp_path / "a.json", tmp_path / "deep" / "a.html"
    done = highwall_command("evaluate", trained.folder, trained.dataset, "--json", result, "--report", report)
    assert done.status == 0, done.err
    html, document = report.read_text("utf-8"), json.loads(result.read_text())
    for score in document["scores"].values():
        assert f'value="{score["miou"]!r}"' in html


def test_a_report_is_of_one_set(highwall_command: Callable[..., Any], trained: Any, tmp_path: Path) -> None:
    more = (trained.dataset, "--report", tmp_path / "a.html")
    done = highwall_command("evaluate", trained.folder, trained.dataset, *more)
    assert done.status == 2
    assert "a report is of one set of tiles" in done.err
    assert not any(tmp_path.iterdir())
