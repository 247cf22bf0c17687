"""Options that several verbs share, and how they show progress."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from highwall.models.default import model_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Bands = Annotated[
    str | None,
    typer.Option("--bands", metavar="B02,B03,...", help="Channels in file order, where the files don't tell."),
]
Scale = Annotated[float | None, typer.Option("--scale", help="Reflectance = value * scale + offset.")]
Offset = Annotated[float | None, typer.Option("--offset", help="Reflectance at value 0.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON.")]
ModelFolder = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        parser=model_folder,
        help="Model folder, such as RUN/model, or the word default: the model in the box.",
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, max=2**31 - 1, help="The same seed on the same machine gives the same result.")
]
Split = Annotated[str | None, typer.Option("--split", help="The one split of a dataset to take.")]


def scene_path(name: str) -> str | list[str]:
    """Split `a.tif,b.tif` at its commas, unless there is a file of this name, and make paths on disk absolute.

    Other processes may work in another folder, and a map's STAC item tells where its scene was.
    """
    if "," in name and not _is_there(name):
        return [_absolute(part) for part in name.split(",")]
    return _absolute(name)


def _absolute(path: str) -> str:
    return str(Path(path).absolute()) if _is_there(path) else path


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # too long for a path: many files with commas between them, or a signed address
        return False


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
