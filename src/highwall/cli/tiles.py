"""`highwall tiles`: labelled tiles from a scene and polygons."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from highwall.cli.options import Bands, Json, Offset, Scale, Seed, names, progress, scene_path
from highwall.errors import BadInput
from highwall.files import write_json


def tiles(
    scene: Annotated[
        str,
        typer.Argument(
            metavar="SCENE",
            help="GeoTIFF or COG; folder of single-band files, or such files joined with commas; SAFE folder or zip; "
            "STAC item (file or URL); EOPF Zarr.",
        ),
    ],
    polygons: Annotated[
        str, typer.Argument(metavar="POLYGONS", help="GeoPackage, Shapefile (zipped or not), GeoJSON, FlatGeobuf, ...")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to make; must not exist or be empty.")
    ],
    *,
    layer: Annotated[str | None, typer.Option(help="Layer to take, where the file has several.")] = None,
    column: Annotated[str | None, typer.Option(help="Column that names the class; `class` by default.")] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="VALUE=CLASS",
            help="What a value of the column means: a class's name or id, or `unknown`. Names and ids mean themselves.",
        ),
    ] = None,
    others: Annotated[
        str, typer.Option(help="What becomes of polygons with other values: error, unknown or background.")
    ] = "error",
    overlaps: Annotated[
        str, typer.Option(help="Where polygons of different classes overlap: unknown, or the later one.")
    ] = "unknown",
    take: Annotated[
        str | None, typer.Option(metavar="B02,B03,...", help="Bands of the tiles; the usual six by default.")
    ] = None,
    size: Annotated[int, typer.Option(help="Height and width of a tile in pixels.")] = 256,
    empty: Annotated[float, typer.Option(help="Tiles without polygons for each tile with some.")] = 0.25,
    val: Annotated[float, typer.Option(help="Share of the tiles to validate with, in whole sites.")] = 0.2,
    seed: Seed = 0,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    json_file: Json = None,
) -> None:
    """Cut labelled tiles from a scene and polygons, as `highwall train` reads them.

    Ground outside all polygons is background: draw all mines of the scene, and `unknown` where nobody looked.
    """
    from highwall.cutting import cut  # noqa: PLC0415 - brings geopandas, which the other verbs' help need not load
    from highwall.scenes import open_scene  # noqa: PLC0415 - brings GDAL

    if others not in ("error", "unknown", "background"):
        raise BadInput(f"--others {others}: must be error, unknown or background")
    if overlaps not in ("unknown", "later"):
        raise BadInput(f"--overlaps {overlaps}: must be unknown or later")
    source = open_scene(scene_path(scene), bands=names(bands), scale=scale, offset=offset)
    made = cut(
        source,
        polygons,
        out,
        layer=layer,
        column=column,
        classes=_meanings(classes or []),
        others=others,  # type: ignore[arg-type]  # looked at above
        overlaps=overlaps,  # type: ignore[arg-type]  # looked at above
        bands=names(take),
        size=size,
        empty=empty,
        val=val,
        seed=seed,
        track=progress("cutting"),
    )
    for note in made.notes:
        typer.echo(note)
    counts = ", ".join(f"{count} {split}" for split, count in made.tiles.items() if count)
    typer.echo(f"{out}: {counts} tiles of {size} x {size} pixels, {made.empty} of them empty, at {made.sites} sites")
    typer.echo("pixels: " + ", ".join(f"{count} {name}" for name, count in made.pixels.items() if count))
    if json_file is not None:
        write_json(json_file, made.to_json())


def _meanings(classes: list[str]) -> dict[str, str]:
    pairs = [text.rpartition("=") for text in classes]
    if wrong := [text for text, (_, sign, name) in zip(classes, pairs, strict=True) if not sign or not name]:
        raise BadInput(f"--class {wrong[0]}: must be VALUE=CLASS")
    return {value.strip(): name for value, _, name in pairs}
