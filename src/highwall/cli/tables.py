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
        cells = [_percent(score[key]) for key in ("miou_all", "accuracy")]
        ious = [_percent(score["iou"][name]) for name in classes]
        mark = " *" if level == final else ""
        table.add_row(level + mark, _percent(score["miou"]), _interval(score["interval"]["miou"]), *cells, *ious)
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)
    Console(width=160).print(
        "mIoU: mean over target classes; mIoU all: with background; *: the answer that counts", style="dim"
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _interval(bounds: tuple[float, float] | None) -> str:
    return "-" if bounds is None else f"{100 * bounds[0]:.0f} to {100 * bounds[1]:.0f}"
