"""`highwall tiles`: labelled tiles from a scene and polygons."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
        str,
        typer.Argument(
            metavar="POLYGONS",
            help="GeoPackage, Shapefile (zipped or not), GeoJSON, FlatGeobuf, ...; or the folder of a reviewed map.",
        ),
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
        str | None,
        typer.Option(help="What becomes of polygons with other values: error (default), unknown or background."),
    ] = None,
    overlaps: Annotated[
        str | None,
        typer.Option(help="Where polygons of different classes overlap: unknown (default), or the later one."),
    ] = None,
    take: Annotated[
        str | None, typer.Option(metavar="B02,B03,...", help="Bands of the tiles; the usual six by default.")
    ] = None,
    size: Annotated[int, typer.Option(help="Height and width of a tile in pixels.")] = 256,
    empty: Annotated[
        float | None,
        typer.Option(help="Tiles without polygons for each tile with some; 0.25 by default, 0 from a reviewed map."),
    ] = None,
    val: Annotated[float, typer.Option(help="Share of the tiles to validate with, in whole sites.")] = 0.2,
    seed: Seed = 0,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    json_file: Json = None,
) -> None:
    """Cut labelled tiles from a scene and polygons, as `highwall train` reads them.

    Ground outside all polygons is background: draw all mines of the scene, and `unknown` where nobody looked. From a
    map that people have reviewed (`highwall view`), tiles are cut around the polygons that they decided about:
    rejected ones are background, and those that nobody decided about are unknown.
    """
    from highwall.cutting import cut  # noqa: PLC0415 - brings geopandas, which the other verbs' help need not load
    from highwall.cutting.cut import EMPTY  # noqa: PLC0415 - likewise
    from highwall.scenes import open_scene  # noqa: PLC0415 - brings GDAL

    if others not in (None, "error", "unknown", "background"):
        raise BadInput(f"--others {others}: must be error, unknown or background")
    if overlaps not in (None, "unknown", "later"):
        raise BadInput(f"--overlaps {overlaps}: must be unknown or later")
    from_map = _is_map(polygons)
    if from_map and any(value is not None for value in (layer, column, classes, others, overlaps)):
        raise BadInput(f"{polygons} is a map: its review says what its polygons are, and no option")
    source = open_scene(scene_path(scene), bands=names(bands), scale=scale, offset=offset)
    how: dict[str, Any] = {"bands": names(take), "size": size, "val": val, "seed": seed, "track": progress("cutting")}
    if from_map:
        from highwall.products.review_tiles import cut_reviewed  # noqa: PLC0415 - likewise

        made = cut_reviewed(source, Path(polygons), out, empty=empty or 0, **how)
    else:
        made = cut(
            source,
            polygons,
            out,
            layer=layer,
            column=column,
            classes=_meanings(classes or []),
            others=others or "error",  # type: ignore[arg-type]  # looked at above
            overlaps=overlaps or "unknown",  # type: ignore[arg-type]  # looked at above
            empty=EMPTY if empty is None else empty,
            **how,
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


def _is_map(polygons: str) -> bool:
    return (Path(polygons) / "item.json").is_file()
