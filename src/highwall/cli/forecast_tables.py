"""A forecast as people read it."""

from __future__ import annotations

import math
from typing import Any, Final

import typer
from rich.table import Table

from highwall.cli.tables import interval, percent, print_table

_MOST: Final = 5
"""Most tiles that are named."""


def print_forecast(document: dict[str, Any]) -> None:
    """Print the scores to expect, in per cent."""
    table = Table(title="To expect", title_justify="left", title_style="bold")
    for name in ("score", "forecast", "90 % interval"):
        table.add_column(name, justify="left" if name == "score" else "right")
    bounds = document["interval"]
    for title, key in (("mIoU", "miou"), ("accuracy", "accuracy")):
        table.add_row(title, percent(document[key]), interval(bounds[key]))
    for name, value in document["iou"].items():
        table.add_row(f"IoU {name}", percent(value), interval(bounds["iou"][name]))
    print_table(table)


def print_errors(errors: dict[str, Any]) -> None:
    """Print how far each estimator was off on sites held out in training; the best one, which is used, is marked."""
    best = min(errors, key=lambda name: math.inf if errors[name]["all"] is None else errors[name]["all"])
    table = Table(title="Error of mIoU forecasts on held-out sites, in points", title_justify="left")
    table.add_column("estimator")
    for name in ("as they are", "altered", "mean"):
        table.add_column(name, justify="right")
    for name, error in errors.items():
        mark = " *" if name == best else ""
        table.add_row(name + mark, *(percent(error[key]) for key in ("natural", "altered", "all")))
    print_table(table)


def print_priors(priors: dict[str, Any]) -> None:
    """Print class shares in training, as answered, and as estimated, in per cent."""
    titles = {"training": "training", "answered": "as answered", "em": "estimated (EM)", "bbse": "estimated (BBSE)"}
    known = {way: shares for way, shares in priors.items() if shares is not None}
    table = Table(title="Class shares", title_justify="left")
    table.add_column("class")
    for way in known:
        table.add_column(titles[way], justify="right")
    for name in priors["training"]:
        table.add_row(name, *(percent(shares[name]) for shares in known.values()))
    print_table(table)


def print_outside(tiles: dict[str, Any]) -> None:
    """Name the tiles that are farthest outside the training experience."""
    outside = sorted((key for key in tiles if tiles[key]["outside"]), key=lambda key: -tiles[key]["strangeness"])
    if not outside:
        return
    more = f" and {len(outside) - _MOST} more" if len(outside) > _MOST else ""
    typer.echo(f"outside the training experience, the strangest first: {', '.join(outside[:_MOST])}{more}")
