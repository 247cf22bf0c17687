"""`highwall map`: from Sentinel-2 products to maps that open in any GIS."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from highwall.cli.bars import windows_bar
from highwall.cli.options import Bands, Json, ModelFolder, Offset, Scale, names
from highwall.errors import BadInput
from highwall.files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from highwall.products.job import Job, Outcome


def map_(
    model: ModelFolder,
    scenes: Annotated[
        list[str],
        typer.Argument(
            metavar="SCENE...",
            help="GeoTIFF or COG; folder of single-band files, or such files joined with commas; SAFE folder or zip; "
            "STAC item (file or URL); EOPF Zarr.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="OUT", help="Folder of the map; of several, a folder for each in it.")
    ],
    *,
    window: Annotated[int, typer.Option(min=1, help="Height and width of a window in pixels.")] = 256,
    overlap: Annotated[int, typer.Option(min=0, help="Pixels that neighbouring windows share.")] = 64,
    batch: Annotated[int, typer.Option(min=1, help="Windows at once; more is faster on a GPU.")] = 8,
    clouds: Annotated[
        str, typer.Option(help="auto (the product's mask if it has one), product, network (an extra) or none.")
    ] = "auto",
    minimum_ha: Annotated[
        float, typer.Option("--minimum-ha", min=0, help="Minimum mapping unit: smaller polygons are flagged.")
    ] = 0.5,
    resampling: Annotated[
        str, typer.Option(help="How bands of 20 m get onto the grid of 10 m: nearest, bilinear or cubic.")
    ] = "bilinear",
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Write the polygons as GeoParquet too (an extra).")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Scenes to map side by side on this machine.")] = 1,
    ray: Annotated[
        str | None, typer.Option("--ray", metavar="ADDRESS", help="Map on this Ray cluster: auto, or host:port.")
    ] = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    json_file: Json = None,
) -> None:
    """Map whole scenes: classes and probabilities as COGs, polygons with areas, styled for QGIS.

    A map that was killed goes on where it was when the same command is given again.
    """
    from highwall.products.job import Job  # noqa: PLC0415 - brings torch, which the other verbs' help need not load
    from highwall.scenes import open_scene  # noqa: PLC0415 - brings GDAL

    _check_choice("--clouds", clouds, ("auto", "product", "network", "none"))
    _check_choice("--resampling", resampling, ("nearest", "bilinear", "cubic"))
    reading: dict[str, Any] = {"bands": names(bands), "scale": scale, "offset": offset, "resampling": resampling}
    opened = [open_scene(name.split(",") if "," in name else name, **reading) for name in scenes]
    if len({scene.id for scene in opened}) < len(opened):
        raise BadInput("two scenes have the same name, and so would their maps")
    options = {
        "window": window,
        "overlap": overlap,
        "batch": batch,
        "clouds": clouds,
        "minimum_ha": minimum_ha,
        "parquet": parquet,
        "command": ["highwall", *sys.argv[1:]],
    }
    folders = [out] if len(opened) == 1 else [out / scene.id for scene in opened]
    todo = [
        Job(scene, model.absolute(), folder.absolute(), options) for scene, folder in zip(opened, folders, strict=True)
    ]
    outcomes = []
    for outcome in _outcomes(todo, jobs, ray):
        outcomes.append(outcome)
        _show(outcome, len(outcomes), len(todo))
    if json_file is not None:
        write_json(json_file, _document(outcomes))
    if failed := [outcome for outcome in outcomes if outcome.map is None]:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise BadInput(failed[0].reason + more)


def _outcomes(todo: Sequence[Job], jobs: int, ray: str | None) -> Iterator[Outcome]:
    if ray is not None:
        from highwall.products.cluster import map_on_ray  # noqa: PLC0415 - an extra

        yield from map_on_ray(todo, ray)
    elif jobs > 1 and len(todo) > 1:
        from highwall.products.pool import map_on_pool  # noqa: PLC0415 - brings torch

        yield from map_on_pool(todo, jobs)
    else:
        from highwall.products.job import do  # noqa: PLC0415 - brings torch

        for job in todo:
            with windows_bar(f"mapping {job.scene.id}") as progress:
                outcome = do(job, progress=progress)
            yield outcome


def _show(outcome: Outcome, number: int, count: int) -> None:
    if outcome.map is None:
        if count > 1:
            typer.echo(f"{outcome.scene}: no map: {outcome.reason}", err=True)
        return
    manifest = outcome.map.manifest
    part = f" ({number} of {count})" if count > 1 else ""
    table = Table(title=f"{outcome.map.folder}{part}", title_justify="left", title_style="bold")
    table.add_column("class")
    for name in ("polygons", "hectares, uncorrected"):
        table.add_column(name, justify="right")
    for row in manifest["classes"]:
        area = row["uncorrected_area_ha"]
        table.add_row(row["class"], f"{row['polygons']:,}", "-" if area is None else f"{area:,.1f}")
    console = Console()
    (console if console.is_terminal else Console(width=120)).print(table)


def _document(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "maps": [outcome.map.to_json() for outcome in outcomes if outcome.map],
        "failed": [{"scene": outcome.scene, "reason": outcome.reason} for outcome in outcomes if not outcome.map],
    }


def _check_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BadInput(f"{option} is {', '.join(choices[:-1])} or {choices[-1]}, not {value!r}")
