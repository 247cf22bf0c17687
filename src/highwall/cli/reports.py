"""Reports at the end of a verb."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from highwall.demo import Demo
    from highwall.evaluation.evaluate import Evaluation
    from highwall.models.model import Model


def write_training_report(
    model: Model,
    run: Path,
    folder: Path,
    *,
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
) -> Path | None:
    """Write a run's report unless it is there and of this training; one that fails costs a note, not the training."""
    from torch import distributed  # noqa: PLC0415 - slow to load, which help need not wait for

    from highwall.reports import FILE, report_training  # noqa: PLC0415 - likewise

    if distributed.is_available() and distributed.is_initialized() and distributed.get_rank() != 0:
        return None  # the first process writes it
    path, made_with = run / FILE, run / "training.json"
    try:
        if not path.exists() or path.stat().st_mtime < made_with.stat().st_mtime:
            report_training(model, run, folder, command=_command(), bands=bands, scale=scale, offset=offset)
    except Exception as error:  # noqa: BLE001 - whatever it is, the model is there and its scores are told
        typer.echo(
            f"note: no report could be written: {' '.join(str(error).split()) or type(error).__name__}", err=True
        )
        return None
    typer.echo(f"{path}: what it is good and bad at, to look at in a browser")
    return path


def write_evaluation_report(
    model: Model,
    evaluation: Evaluation,
    folder: Path,
    file: Path,
    *,
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
) -> None:
    """Write the report of an evaluation."""
    from highwall.reports import report_evaluation  # noqa: PLC0415 - brings torch, which help need not load

    report_evaluation(model, evaluation, folder, file, command=_command(), bands=bands, scale=scale, offset=offset)
    typer.echo(f"{file}: to look at in a browser")


def demo_reports(folder: Path, demo: Demo) -> dict[str, Path]:
    """Write the reports of a demo: of its training, and of each evaluation by split."""
    reports = {"training": write_training_report(demo.model, folder / "run", folder / "tiles")}
    for split, evaluation in demo.evaluations.items():
        reports[split] = folder / f"{split}.html"
        write_evaluation_report(demo.model, evaluation, folder / "tiles", folder / f"{split}.html")
    return {name: path for name, path in reports.items() if path is not None}


def _command() -> str:
    return shlex.join(["highwall", *sys.argv[1:]])
