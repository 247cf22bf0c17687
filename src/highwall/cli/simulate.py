"""`highwall simulate`: labelled tiles of landscapes that no satellite has seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from highwall.cli.options import Json, Seed
from highwall.files import write_json


def simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; must not exist or be empty.")],
    *,
    train: Annotated[int, typer.Option(min=0, help="Tiles to train on.")] = 24,
    val: Annotated[int, typer.Option(min=0, help="Tiles of other sites, to validate with.")] = 8,
    open_: Annotated[int, typer.Option("--open", min=0, help="Tiles of further sites of that kind.")] = 6,
    closed: Annotated[int, typer.Option(min=0, help="Tiles of another region, rock and season.")] = 6,
    size: Annotated[int, typer.Option(help="Height and width of a tile in pixels of 10 m.")] = 256,
    seed: Seed = 0,
    json_file: Json = None,
) -> None:
    """Make labelled six-band tiles of mine landscapes, for a first try without any data."""
    from highwall.simulation import simulate as write_tiles  # noqa: PLC0415 - brings numba, which help need not load

    tiles = {"train": train, "val": val, "open": open_, "closed": closed}
    console = Console(stderr=True)
    if not console.is_terminal:
        typer.echo(f"simulating {sum(tiles.values())} tiles", err=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("simulating tiles", total=None)
        write_tiles(
            folder,
            tiles=tiles,
            size=size,
            seed=seed,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    made = ", ".join(f"{count} {split}" for split, count in tiles.items() if count)
    typer.echo(f"{folder}: {made} tiles of {size} x {size} pixels from seed {seed}")
    if json_file is not None:
        summary = {"folder": str(folder), "tiles": tiles, "size": size, "seed": seed}
        write_json(json_file, summary)
