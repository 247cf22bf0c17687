"""`highwall check`: what a person should know before training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from highwall.cli.options import Bands, Json, Offset, Scale, names, progress
from highwall.files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Dataset, split, folder of TIFFs, or one TIFF.")],
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    json_file: Json = None,
) -> None:
    """Show what a person should know of tiles before training, and name what is wrong with them.

    Pairs of tiles of different splits that overlap or touch are named as leaks. Exit status 2 if there are errors.
    """
    from highwall.tiles import check as check_dataset  # noqa: PLC0415 - brings GDAL, which help need not load
    from highwall.tiles.report import render  # noqa: PLC0415

    report = check_dataset(folder, bands=names(bands), scale=scale, offset=offset, track=_track)
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)  # one line stays one line in a file
    console.print(render(report), highlight=False)
    if json_file is not None:
        write_json(json_file, report.to_json())
    if report.errors:
        more = len(report.errors) - 1
        typer.echo(report.errors[0] + (f" (and {more} more errors)" if more else ""), err=True)
        raise typer.Exit(2)


def _track(items: Sequence[Any], what: str) -> Iterable[Any]:
    return progress(what)(items)
