"""`highwall evaluate`: what a model scores on labelled tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import highwall
from highwall.cli.options import Bands, Json, ModelFolder, Offset, Scale, Split, names, progress
from highwall.cli.tables import print_scores
from highwall.files import write_json


def evaluate(
    model: ModelFolder,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Split, or dataset (all labelled splits but train).")],
    *,
    split: Split = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    json_file: Json = None,
) -> None:
    """Score a model on labelled tiles: each network, their average and the forest, with intervals by site."""
    result = highwall.evaluate(
        model,
        folder,
        split=split,
        bands=names(bands),
        scale=scale,
        offset=offset,
        track=progress("evaluating"),
    )
    document = result.to_json()
    sites = len(set(result.sites))
    print_scores(
        f"{len(result.tiles)} tiles of {sites} sites (interval: 90 %, by site)", document["scores"], result.final
    )
    for note in result.notes:
        typer.echo(f"note: {note}")
    if json_file is not None:
        write_json(json_file, document)
