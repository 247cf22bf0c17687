"""`highwall predict`: masks for tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import highwall
from highwall.cli.options import Bands, Json, ModelFolder, Offset, Scale, Split, names, progress
from highwall.files import write_json


def predict(
    model: ModelFolder,
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR|FILE", help="TIFF, folder of TIFFs, split, or dataset (the splits without masks)."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Folder for the masks.")],
    *,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Write class probabilities too.")] = False,
    split: Split = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    json_file: Json = None,
) -> None:
    """Write one mask TIFF for each tile, with the tile's name, size and georeference, and a colour table."""
    loaded = highwall.load_model(model)
    masks = highwall.predict(
        loaded,
        folder,
        out,
        split=split,
        probabilities=probabilities,
        bands=names(bands),
        scale=scale,
        offset=offset,
        track=progress("predicting"),
    )
    typer.echo(f"{out}: {len(masks)} masks")
    if json_file is not None:
        from highwall.tiles import open_dataset  # noqa: PLC0415 - brings GDAL

        dataset = open_dataset(folder, bands=names(bands), scale=scale, offset=offset, legend=loaded.legend)
        missing = loaded.for_bands(dataset.encoding.bands).missing
        document = {"masks": [str(mask) for mask in masks], "missing_bands": missing and missing.to_json()}
        write_json(json_file, document)
