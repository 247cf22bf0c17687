"""`highwall area`: how much ground of each class there is, corrected for the errors of a map."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from highwall.cli.options import Json, Seed
from highwall.cli.tables import print_table
from highwall.errors import BadInput
from highwall.files import write_json

if TYPE_CHECKING:
    from highwall.sampling.area import Areas
    from highwall.sampling.draw import Draw
    from highwall.sampling.reviewed_map import ReviewedMap


def area(
    folder: Annotated[Path, typer.Argument(metavar="MAP", help="Folder of the map.")],
    samples: Annotated[
        Path,
        typer.Argument(
            metavar="SAMPLES",
            help="Points with a column reference, the class that is there: any vector file, or a CSV with x and y (the "
            "map's) or longitude and latitude. With --draw: the GeoPackage to make.",
        ),
    ],
    *,
    draw: Annotated[
        int | None, typer.Option("--draw", min=1, metavar="N", help="Propose N points to label in QGIS.")
    ] = None,
    spacing: Annotated[
        float | None,
        typer.Option("--spacing", metavar="M", help="Metres between proposed points; by default two pixels."),
    ] = None,
    minimum: Annotated[
        int | None,
        typer.Option(
            "--minimum", metavar="N", help="Proposed points in each class; by default 50, of few points half in all."
        ),
    ] = None,
    level: Annotated[float, typer.Option("--level", help="Confidence level of the intervals.")] = 0.95,
    seed: Seed = 0,
    json_file: Json = None,
) -> None:
    """Estimate areas of the classes and accuracies from points that people have looked at, with intervals.

    Areas counted in a map are wrong by what the map gets wrong. First --draw a sample, label it, then estimate. A
    review of the map (`highwall view`) changes neither a sample nor the estimated areas; how right the reviewed map is,
    is told beside them.
    """
    from highwall.sampling.area import estimate_areas  # noqa: PLC0415 - brings GDAL, which help need not load
    from highwall.sampling.draw import draw_sample  # noqa: PLC0415 - likewise

    result: Areas | Draw
    if draw is not None:
        result = draw_sample(folder, samples, draw, minimum=minimum, spacing=spacing, seed=seed)
        _show_draw(result, samples)
    elif minimum is not None or spacing is not None:
        raise BadInput("--minimum and --spacing belong to --draw")
    else:
        result = estimate_areas(folder, samples, level=level)
        _show_areas(result)
    for note in result.notes:
        typer.echo(f"note: {note}")
    if draw is not None:
        typer.echo(f"next: open {samples} in QGIS over an image of that day, choose a reference for each point, then")
        typer.echo(f"      highwall area {folder} {samples}")
    if json_file is not None:
        write_json(json_file, result.to_json())


def _show_draw(drawn: Draw, path: Path) -> None:
    table = _table("class", "pixels", "share", "points")
    pixels = drawn.strata.pixels
    for name, count, points in zip(drawn.strata.map.legend.names, pixels.tolist(), drawn.placed.tolist(), strict=True):
        table.add_row(name, f"{count:,}", f"{count / pixels.sum():.2%}", f"{points:,}")
    _print(f"{path}: {len(drawn.classes)} points, {drawn.apart} apart or more", table)


def _show_areas(areas: Areas) -> None:
    document = areas.to_json()
    on_earth = areas.strata.map.geobox.crs is not None
    keys = ("mapped_ha", "area_ha", "interval_ha") if on_earth else ("mapped_share", "share", "share_interval")
    unit, form = ("ha", _hectares) if on_earth else ("share", _percent)
    table = _table(
        "class",
        f"mapped {unit}, uncorrected",
        f"estimated {unit}",
        "interval",
        "user's accuracy",
        "producer's accuracy",
    )
    for name, row in document["classes"].items():
        low, high = row[keys[2]]
        cells = (form(row[keys[0]]), form(row[keys[1]]), f"{form(low)} to {form(high)}")
        table.add_row(name, *cells, _accuracy(row["users_accuracy"]), _accuracy(row["producers_accuracy"]))
    _print(f"{document['points']} points; intervals of {100 * areas.level:.4g} % confidence", table)
    typer.echo(f"overall accuracy: {_accuracy(document['accuracy'])}")
    names = document["names"]
    matrix = _table("points: map \\ ground", *names)
    for name, counts in zip(names, document["confusion"], strict=True):
        matrix.add_row(name, *map(str, counts))
    _print(None, matrix)
    if areas.review is not None:
        _show_review(areas.review, on_earth=on_earth)


def _show_review(review: ReviewedMap, *, on_earth: bool) -> None:
    document = review.to_json()
    key, unit, form = ("mapped_ha", "ha", _hectares) if on_earth else ("mapped_share", "share", _percent)
    table = _table("class", f"mapped {unit}, uncorrected", "user's accuracy", "producer's accuracy")
    for name, row in document["classes"].items():
        accuracies = (_with_error(row[f"{whose}_accuracy"]) for whose in ("users", "producers"))
        table.add_row(name, form(row[key]), *accuracies)
    _print(f"the map after its review ({review.summary}); standard errors", table)
    typer.echo(f"overall accuracy after the review: {_with_error(document['accuracy'])}")


def _table(first: str, *others: str) -> Table:
    table = Table()
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _print(title: str | None, table: Table) -> None:
    if title is not None:
        typer.echo(title)
    print_table(table)


def _hectares(value: float) -> str:
    return f"{value:,.1f}"


def _percent(value: float) -> str:
    return f"{value:.2%}"


def _accuracy(figure: dict[str, Any]) -> str:
    if math.isnan(figure["value"]):
        return "-"
    low, high = figure["interval"]
    return f"{figure['value']:.0%} ({low:.0%} to {high:.0%})"


def _with_error(figure: dict[str, Any]) -> str:
    if math.isnan(figure["value"]):
        return "-"
    return f"{figure['value']:.0%} ± {figure['standard_error']:.1%}"
