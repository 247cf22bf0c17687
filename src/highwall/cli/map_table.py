"""A map as people read it first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.table import Table

from highwall.cli.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from highwall.products.job import Outcome


def print_map(outcome: Outcome, number: int, count: int) -> None:
    """Print what became of a scene, number so and so of so many: polygons and areas, or why there is no map."""
    if outcome.map is None:
        if count > 1:  # of a single one it is the last line
            typer.echo(f"{outcome.scene}: no map: {outcome.reason}", err=True)
        return
    manifest = outcome.map.manifest
    typer.echo(f"{outcome.map.folder}" + (f" ({number} of {count})" if count > 1 else ""))
    minimum = manifest["claim"]["options"]["minimum_ha"]
    table = Table()
    table.add_column("class")
    for name in ("polygons", f"of them below {minimum:g} ha", "hectares, uncorrected"):
        table.add_column(name, justify="right")
    for row in manifest["classes"]:
        area = row["uncorrected_area_ha"]
        numbers = (f"{row['polygons']:,}", "-" if area is None else f"{row['below_minimum']:,}")
        table.add_row(row["class"], *numbers, "-" if area is None else f"{area:,.1f}")
    print_table(table)
    typer.echo(f"unknown: {manifest['unknown_share']:.1%} of the scene; clouds by {manifest['clouds']}")
    if (skipped := manifest.get("skipped")) is not None and skipped["out_of_fold"] is not None:
        typer.echo(first_look_line(skipped))
    if (share := manifest.get("outside_share")) is not None:
        outside, polygons = (sum(row[key] for row in manifest["classes"]) for key in ("polygons_outside", "polygons"))
        typer.echo(
            f"outside the training experience: {share:.1%} of the known ground, {outside:,} of {polygons:,} polygons"
        )
    if (forecast := manifest.get("forecast")) is not None and forecast["miou"] is not None:
        miou, low, high = (100 * value for value in (forecast["miou"], *forecast["interval"]["miou"]))
        unlike = f"{forecast['outside']:.0%} of {forecast['windows']} windows looked at are unlike the training tiles"
        typer.echo(f"mIoU to expect: {miou:.0f} ({low:.0f} to {high:.0f}); {unlike}")


def first_look_line(skipped: Mapping[str, Any]) -> str:
    """Say how much a first look left out, and at what cost."""
    look, windows = skipped["out_of_fold"], skipped["windows"]
    kept, low, high = (f"{100 * look[name]:.1f}" for name in ("recall", "low", "high"))
    left_out = f"skipped {skipped['first_look'] / windows:.0%} of {windows:,} windows"
    return (
        f"first look: {left_out}; it keeps {kept} % ({low} to {high}) of mine pixels at {look['sites']} unknown sites"
    )
