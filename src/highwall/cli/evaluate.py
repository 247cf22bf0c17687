"""`highwall evaluate`: what a model scores on labelled tiles, and why it scores otherwise on others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import highwall
from highwall.cli.options import Bands, Json, ModelFolder, Offset, Scale, Split, names, progress
from highwall.cli.reports import write_evaluation_report
from highwall.cli.tables import print_classes, print_difference, print_metrics, print_scores
from highwall.errors import BadInput
from highwall.files import write_json

if TYPE_CHECKING:
    from highwall.evaluation.comparison import Comparison
    from highwall.evaluation.evaluate import Evaluation

_METRICS = "miou, miou_all, accuracy or f1"


def evaluate(
    model: ModelFolder,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Split, or dataset (all labelled splits but train).")],
    other: Annotated[
        Path | None, typer.Argument(metavar="OTHER", help="A second one, to explain the difference to the first.")
    ] = None,
    *,
    split: Split = None,
    split_b: Annotated[
        str | None, typer.Option("--split-b", help="The one split of OTHER to take; without OTHER, of DIR.")
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", help=f"What to explain: {_METRICS}. Default: miou.")] = None,
    metric_a: Annotated[str | None, typer.Option("--metric-a", help="What DIR is scored by, if by another.")] = None,
    metric_b: Annotated[str | None, typer.Option("--metric-b", help="What OTHER is scored by, if by another.")] = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    json_file: Json = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE.html", help="Write a page to look at: scores, mistakes, tiles, map."),
    ] = None,
) -> None:
    """Score a model on labelled tiles: each network, their average and the forest, with intervals by site.

    With a second set of tiles, explain why its score differs: another metric, another mixture of classes, more or
    fewer edge pixels, another appearance, or chance.
    """
    reading: dict[str, Any] = {"bands": names(bands), "scale": scale, "offset": offset, "track": progress("evaluating")}
    result: Evaluation | Comparison
    if other is None and split_b is None:
        if metric or metric_a or metric_b:
            raise BadInput("a metric is for comparing: name a second folder, or --split-b")
        loaded = highwall.load_model(model)
        result = highwall.evaluate(loaded, folder, split=split, **reading)
        _show("", result)
        if report is not None:
            write_evaluation_report(loaded, result, folder, report, bands=reading["bands"], scale=scale, offset=offset)
    else:
        if report is not None:
            raise BadInput("a report is of one set of tiles: leave OTHER and --split-b out")
        from highwall.api import explain  # noqa: PLC0415 - brings torch, which help need not load

        result = explain(
            model,
            folder,
            other or folder,
            split_a=split,
            split_b=split_b,
            metric_a=metric_a or metric or "miou",
            metric_b=metric_b or metric or "miou",
            **reading,
        )
        _show_comparison(result)
    if json_file is not None:
        write_json(json_file, result.to_json())


def _show(name: str, result: Evaluation) -> None:
    document = result.to_json()
    sites = len(set(result.sites))
    title = f"{name}{len(result.tiles)} tiles of {sites} sites (interval: 90 %, by site)"
    print_scores(title, document["scores"], result.final)
    for note in result.notes:
        typer.echo(f"note: {name}{note}")


def _show_comparison(result: Comparison) -> None:
    difference = result.difference.to_json()
    typer.echo(difference["sentence"])
    for name, one in (("A: ", result.a), ("B: ", result.b)):
        _show(name, one)
    print_metrics(result.metrics())
    print_classes(result.classes())
    print_difference(difference)
    for note in result.notes:
        typer.echo(f"note: {note}")
