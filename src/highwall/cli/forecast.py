"""`highwall forecast`: the score to expect on tiles without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import highwall
from highwall.cli.forecast_tables import print_errors, print_forecast, print_outside, print_priors
from highwall.cli.options import Bands, Json, ModelFolder, Offset, Scale, Split, names, progress
from highwall.files import write_json


def forecast(
    model: ModelFolder,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="TIFF, folder of TIFFs, split, or dataset (all splits but train).")
    ],
    *,
    split: Split = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    json_file: Json = None,
) -> None:
    """Say beforehand what score to expect on new tiles, and whether they are new ground. No labels are needed."""
    loaded = highwall.load_model(model)
    result = highwall.forecast(
        loaded,
        folder,
        split=split,
        bands=names(bands),
        scale=scale,
        offset=offset,
        track=progress("looking at"),
    )
    document = result.to_json(loaded.legend.names)
    typer.echo(result.sentence)
    if result.scores is not None:
        print_forecast(document)
        print_errors(document["errors"])
    print_priors(document["shift"]["priors"])
    auc = document["shift"]["auc"]
    told = "cannot be told (fewer than two sites on a side)" if auc is None else f"{auc:.2f}"
    typer.echo(f"AUC of a classifier between training and new tiles: {told} (0.5: alike; 1: told apart without fail)")
    print_outside(document["tiles"])
    for note in result.notes:
        typer.echo(f"note: {note}")
    if json_file is not None:
        write_json(json_file, document)
