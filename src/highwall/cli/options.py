"""Options that several verbs share, and how they show progress."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Bands = Annotated[
    str | None,
    typer.Option("--bands", metavar="B02,B03,...", help="Channels in file order, where the files don't tell."),
]
Scale = Annotated[float | None, typer.Option("--scale", help="Reflectance = value * scale + offset.")]
Offset = Annotated[float | None, typer.Option("--offset", help="Reflectance at value 0.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON.")]
ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL", help="Model folder, such as RUN/model.")]
Seed = Annotated[
    int, typer.Option("--seed", min=0, max=2**31 - 1, help="The same seed on the same machine gives the same result.")
]
Split = Annotated[str | None, typer.Option("--split", help="The one split of a dataset to take.")]


def names(bands: str | None) -> tuple[str, ...] | None:
    """Split `B02,B03` at its commas."""
    return None if bands is None else tuple(bands.split(","))


def progress(what: str) -> Callable[[Sequence[Any]], Iterable[Any]]:
    """Make what shows how far a loop is: a bar on a terminal, one plain line elsewhere."""

    def show(items: Sequence[Any]) -> Iterable[Any]:
        console = Console(stderr=True)
        if console.is_terminal:
            return track(items, what, console=console)
        typer.echo(f"{what} {len(items)} tiles", err=True)
        return items

    return show
