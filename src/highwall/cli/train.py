"""`highwall train`: labelled tiles in, model out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import highwall
from highwall.cli.forecast_tables import print_errors
from highwall.cli.options import Bands, Json, Offset, Scale, names
from highwall.cli.reports import write_training_report
from highwall.cli.tables import print_scores
from highwall.cli.training_tables import leak_line, print_calibration
from highwall.files import write_json


def train(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Dataset (train/, val/, ...) or one split.")],
    run: Annotated[Path, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run; RUN/model is the model.")],
    *,
    preset: Annotated[str, typer.Option(help="0try (the reference solution), default or quick.")] = "default",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one setting of the preset; repeatable."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Start from the networks of this model (or the word default), whose bands and legend may differ.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="How tiles are shared out to folds: site (the default), or random, which leaks; to compare."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="The same seed on the same machine gives the same model.")
    ] = 0,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    json_file: Json = None,
) -> None:
    """Train both levels of a model: the networks, and the forest that judges their answers pixel by pixel.

    A run that was killed goes on where it was when the same command is given again. RUN/report.html shows what came
    of it, to look at in a browser.

    With --from, the model's networks stand in for the preset's, and --set changes them. Weights that fit are kept, what
    does not fit is made anew, and notes say which.
    """
    settings = (*(changes or ()), *(() if split is None else (f"split={split}",)))
    model = highwall.train(
        folder,
        run,
        preset=preset,
        changes=settings,
        start=start,
        seed=seed,
        bands=names(bands),
        scale=scale,
        offset=offset,
    )
    from highwall.training.facts import report  # noqa: PLC0415 - brings torch, which help need not load

    scores = model.facts["scores"]
    for key, title in (("out_of_fold", "Out of fold, by site"), ("validation", "Validation tiles")):
        if key in scores:
            print_scores(f"{title} (interval: 90 %, by site)", scores[key], model.final)
    told = report(model)
    if told["leak"]:
        typer.echo(leak_line(told["leak"]))
    if told["calibration"]:
        print_calibration(told["calibration"])
    if told["forecast"]:
        print_errors(told["forecast"])
    typer.echo(f"{run / 'model'}: {model.final} is the answer that counts")
    write_training_report(model, run, folder, bands=names(bands), scale=scale, offset=offset)
    if json_file is not None:
        write_json(json_file, {"model": str(run / "model"), **told})
