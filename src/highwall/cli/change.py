"""`highwall change`: what became what between two maps."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from highwall.cli.options import Json
from highwall.files import write_json

if TYPE_CHECKING:
    from highwall.products.change import Change


def change(
    a: Annotated[Path, typer.Argument(metavar="OUT_A", help="Folder of the first map.")],
    b: Annotated[Path, typer.Argument(metavar="OUT_B", help="Folder of the second map, of the same place.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Folder for what changed.")],
    *,
    minimum_ha: Annotated[
        float, typer.Option("--minimum-ha", min=0, help="Minimum mapping unit: smaller polygons are flagged.")
    ] = 0.5,
    json_file: Json = None,
) -> None:
    """Compare two maps of one place: a raster of what became what, polygons of gain and loss, areas by class."""
    from highwall.products import change as products  # noqa: PLC0415 - brings GDAL, which help need not load

    result = products.change(a, b, out, minimum_ha=minimum_ha)
    _show(result, out)
    for note in result.notes:
        typer.echo(note)
    if json_file is not None:
        write_json(json_file, result.to_json())


def _show(result: Change, out: Path) -> None:
    areas = not math.isnan(result.transitions.hectares[0, 0])
    unit = "hectares" if areas else "pixels"
    matrix = result.transitions.hectares if areas else result.transitions.pixels
    typer.echo(f"{out}: {unit}, uncorrected")
    table = Table()
    table.add_column("class")
    for name in (*(str(part.date or part.id) for part in (result.a, result.b)), "difference", "gain", "loss"):
        table.add_column(name, justify="right")
    for index in result.legend.targets:
        before, after, same = matrix[index].sum(), matrix[:, index].sum(), matrix[index, index]
        digits = 1 if areas else 0
        cells = [f"{value:,.{digits}f}" for value in (before, after)]
        cells.append(f"{after - before:+,.{digits}f}")
        cells += [f"{value:,.{digits}f}" for value in (after - same, before - same)]
        table.add_row(result.legend.names[index], *cells)
    console = Console()
    (console if console.is_terminal else Console(width=120)).print(table)
    typer.echo("A change between maps is not yet one of the ground: the errors of both maps are in it.")
