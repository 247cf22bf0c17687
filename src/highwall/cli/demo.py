"""`highwall demo`: the whole workflow on simulated tiles."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from highwall.cli.options import Json
from highwall.cli.reports import demo_reports
from highwall.cli.tables import print_scores
from highwall.files import write_json


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder for all that the demo leaves.")] = Path(
        "demo"
    ),
    *,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same tiles and the same model.")
    ] = 0,
    json_file: Json = None,
) -> None:
    """See the whole workflow on simulated tiles: check, train, forecast, evaluate, predict, and pictures to look at."""
    from highwall.demo import demo as run_demo  # noqa: PLC0415 - brings torch, which the other verbs' help need not load
    from highwall.tiles.report import render  # noqa: PLC0415 - brings GDAL

    started = time.monotonic()
    result = run_demo(folder, seed=seed)
    Console(stderr=True).print(render(result.report), highlight=False)
    documents = {split: evaluation.to_json() for split, evaluation in result.evaluations.items()}
    titles = {"open": "open: sites like those trained on", "closed": "closed: another region, rock and season"}
    for split, document in documents.items():
        typer.echo(f"Forecast without labels: {result.forecasts[split].sentence}")
        print_scores(titles[split], document["scores"], document["final"])
    reports = demo_reports(folder, result)
    typer.echo(f"Done in {(time.monotonic() - started) / 60:.1f} minutes. To look at:")
    shown = {
        "what the model is good and bad at": reports,
        "image, truth, answer": result.sheets,
        "course of the training": {"": folder / "curves.png"},
    }
    for what, paths in shown.items():
        for path in paths.values():
            typer.echo(f"  {path}  ({what})")
    typer.echo(f"  highwall view {result.map}  (its map of a scene, in the browser)")
    typer.echo(f"  {folder / 'masks'}  (one mask TIFF a tile)\n  {folder / 'run' / 'model'}  (the model)")
    if json_file is not None:
        write_json(json_file, documents)
