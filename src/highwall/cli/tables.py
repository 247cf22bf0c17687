"""Scores as people read them."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table


def print_scores(title: str, by_level: dict[str, Any], final: str) -> None:
    """Print a table of scores in per cent, one row a level; the level that counts is marked."""
    table = Table(title=title, title_justify="left", title_style="bold")
    classes = list(next(iter(by_level.values()))["iou"])
    table.add_column("level")
    for name in ("mIoU", "interval", "mIoU all", "accuracy", *(f"IoU {name}" for name in classes)):
        table.add_column(name, justify="right")
    for level, score in by_level.items():
        cells = [percent(score[key]) for key in ("miou_all", "accuracy")]
        ious = [percent(score["iou"][name]) for name in classes]
        mark = " *" if level == final else ""
        table.add_row(level + mark, percent(score["miou"]), interval(score["interval"]["miou"]), *cells, *ious)
    print_table(table)
    Console(width=160).print(
        "mIoU: mean over target classes; mIoU all: with background; *: the answer that counts", style="dim"
    )


def print_metrics(metrics: dict[str, Any]) -> None:
    """Print the scores of sets A and B in per cent, one row a metric: what seems better is often another metric."""
    _print_sides("metric", {name: {"": sides} for name, sides in metrics.items()})


def print_classes(classes: dict[str, Any]) -> None:
    """Print what sets A and B hold in per cent, one row a class."""
    titles = {
        "share": "share",
        "edge_share": "edges",
        "recall_interior": "right inside",
        "recall_edges": "right at edges",
    }
    _print_sides(
        "class", {name: {title: facts[key] for key, title in titles.items()} for name, facts in classes.items()}
    )


def _print_sides(what: str, rows: dict[str, dict[str, dict[str, float | None]]]) -> None:
    """Print a table with two columns for each fact, one of A and one of B."""
    table = Table()
    table.add_column(what)
    for fact in next(iter(rows.values())):
        for side in "AB":
            table.add_column(f"{fact} {side}".strip(), justify="right")
    for name, facts in rows.items():
        table.add_row(name, *(percent(sides[side]) for sides in facts.values() for side in "ab"))
    print_table(table)


def print_difference(difference: dict[str, Any]) -> None:
    """Print a difference and its parts in points, with intervals."""
    table = Table(title="B less A", title_justify="left", title_style="bold")
    table.add_column("part")
    for name in ("points", "interval (90 %, by site)", "more than chance"):
        table.add_column(name, justify="right")
    rows = {name.replace("_", " "): part for name, part in difference["parts"].items()}
    for name, part in (rows | {"all": difference}).items():
        chance = {None: "-", True: "no", False: "yes"}[part["within_chance"]]
        table.add_row(name, _points(part["value"]), _points_range(part["interval"]), chance)
    print_table(table)


def print_table(table: Table) -> None:
    """Print a table, wide enough for its columns where there is no terminal."""
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)


def _points(value: float | None) -> str:
    return "-" if value is None else f"{round(100 * value, 1) + 0.0:+.1f}"  # + 0.0 makes -0.0 positive


def _points_range(bounds: tuple[float, float] | None) -> str:
    return "-" if bounds is None else f"{_points(bounds[0])} to {_points(bounds[1])}"


def percent(value: float | None) -> str:
    """Write a share in per cent."""
    return "-" if value is None else f"{100 * value:.1f}"


def interval(bounds: tuple[float, float] | None) -> str:
    """Write an interval of shares in per cent."""
    return "-" if bounds is None else f"{100 * bounds[0]:.0f} to {100 * bounds[1]:.0f}"
