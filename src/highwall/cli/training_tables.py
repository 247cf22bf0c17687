"""What a training found, as people read it."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from highwall.cli.tables import interval, percent, print_table


def leak_line(leak: dict[str, Any]) -> str:
    """Say how much a score by random folds flatters."""
    told = [f"{kind} folds {percent(leak[kind]['miou'])}" for kind in ("random", "site") if kind in leak]
    ranges = [interval(leak[kind]["interval"]["miou"]) for kind in ("random", "site") if kind in leak]
    parts = " and ".join(f"{what} ({bounds})" for what, bounds in zip(told, ranges, strict=True))
    line = f"mIoU of the networks, the same tiles held out: {parts}"
    if leak["difference"] is None:
        return f"{line}; no other folds to compare with"
    points = 100 * leak["difference"]
    verdict = "that is what leaks between tiles of a site" if points > 0 else "nothing seems to leak"
    return f"{line}: a random split scores {points:+.1f} points, {verdict}"


def print_calibration(calibration: dict[str, Any]) -> None:
    """Print by level the temperature and each class's expected calibration error, before and after, in per cent."""
    names = list(next(iter(calibration.values()))["after"])
    table = Table(title="Calibration, out of fold (expected calibration error, before > after)", title_justify="left")
    for column in ("level", "temperature", *names):
        table.add_column(column, justify="left" if column == "level" else "right")
    for level, found in calibration.items():
        errors = [[percent(found[when][name]["error"]) for when in ("before", "after")] for name in names]
        table.add_row(level, f"{found['temperature']:.2f}", *(" > ".join(pair) for pair in errors))
    print_table(table)
