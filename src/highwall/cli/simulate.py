"""`highwall simulate`: labelled tiles of landscapes that no satellite has seen, or of real ones with mines laid on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from highwall.cli.options import Json, Seed, scene_path
from highwall.cores import usable_cores
from highwall.errors import BadInput
from highwall.files import write_json

if TYPE_CHECKING:
    from highwall.simulation import Backdrop


def simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; must not exist or be empty.")],
    *,
    over: Annotated[
        list[str] | None,
        typer.Option(metavar="SCENE", help="Real scene of six bands to lay mines over; more than one may be given."),
    ] = None,
    unknown: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCENE:ROW0:ROW1:COL0:COL1",
            help="Part of such a scene that holds real mines: unknown in the masks.",
        ),
    ] = None,
    train: Annotated[int, typer.Option(min=0, help="Tiles to train on.")] = 24,
    val: Annotated[int, typer.Option(min=0, help="Tiles of other sites, to validate with.")] = 8,
    open_: Annotated[int, typer.Option("--open", min=0, help="Tiles of further sites of that kind.")] = 6,
    closed: Annotated[int, typer.Option(min=0, help="Tiles of another region, rock and season.")] = 6,
    size: Annotated[int, typer.Option(help="Height and width of a tile in pixels of 10 m.")] = 256,
    seed: Seed = 0,
    json_file: Json = None,
) -> None:
    """Make labelled six-band tiles of mine landscapes, for a first try without any data, or over real ground."""
    from highwall.simulation import simulate as write_tiles  # noqa: PLC0415 - brings numba, which help need not load
    from highwall.simulation import simulate_over  # noqa: PLC0415

    tiles = {"train": train, "val": val, "open": open_, "closed": closed}
    backdrops = _backdrops(over or [], unknown or [])
    console = Console(stderr=True)
    if not console.is_terminal:
        typer.echo(f"simulating {sum(tiles.values())} tiles", err=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("simulating tiles", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        if backdrops:
            jobs = usable_cores()
            simulate_over(folder, backdrops, tiles=tiles, size=size, seed=seed, jobs=jobs, progress=progress)
        else:
            write_tiles(folder, tiles=tiles, size=size, seed=seed, progress=progress)
    made = ", ".join(f"{count} {split}" for split, count in tiles.items() if count)
    typer.echo(f"{folder}: {made} tiles of {size} x {size} pixels from seed {seed}")
    if json_file is not None:
        summary = {"folder": str(folder), "tiles": tiles, "size": size, "seed": seed, "over": over or []}
        write_json(json_file, summary)


def _backdrops(over: list[str], unknown: list[str]) -> list[Backdrop]:
    """Open the scenes, and find the one that each unknown part belongs to."""
    from highwall.scenes.open import open_scene  # noqa: PLC0415 - help needs no GDAL
    from highwall.simulation import Backdrop  # noqa: PLC0415

    parts: dict[str, list[tuple[slice, slice]]] = {name: [] for name in over}
    for told in unknown:
        scene, *edges = told.rsplit(":", 4)
        if len(edges) != 4 or not all(edge.isascii() and edge.isdigit() for edge in edges):
            raise BadInput(f"--unknown {told}: not of the form SCENE:ROW0:ROW1:COL0:COL1")
        if scene not in parts:
            raise BadInput(f"--unknown {told}: {scene} is not among the scenes of --over")
        top, bottom, left, right = map(int, edges)
        parts[scene].append((slice(top, bottom), slice(left, right)))
    return [Backdrop(open_scene(scene_path(name)), tuple(windows)) for name, windows in parts.items()]
