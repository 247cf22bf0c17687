"""A check report to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from highwall.tiles.check import CheckReport

_LONGEST: Final = 40  # lines of one kind that a person still reads; the JSON has all


def render(report: CheckReport) -> RenderableType:
    """Lay out a report for the console."""
    leaks = [f"{leak.a} and {leak.b}: {leak.why}" for leak in report.leaks]
    return Group(
        _tiles(report),
        _reflectance(report),
        *([_labels(report)] if any(summary.labels for summary in report.splits.values()) else []),
        *_lines("leak", leaks, "red"),
        *_lines("warning", report.warnings, "yellow"),
        *_lines("error", report.errors, "bold red"),
        Text(
            f"{len(report.sites)} tiles, {len(set(report.sites.values()))} sites, {len(report.leaks)} leaks between "
            f"splits, {len(report.warnings)} warnings, {len(report.errors)} errors"
        ),
    )


def _tiles(report: CheckReport) -> Table:
    table = Table("split", "tiles", "sites", "size", "type", "georeferenced", "no data", title="Tiles")
    for split, summary in report.splits.items():
        sites = {number for key, number in report.sites.items() if key.startswith(f"{split}/")}
        table.add_row(
            split,
            str(summary.tiles),
            str(len(sites)),
            _counts(summary.sizes),
            _counts(summary.types),
            str(summary.georeferenced),
            f"{summary.void:.1%}",
        )
    return table


def _reflectance(report: CheckReport) -> Table:
    encoding = report.dataset.encoding
    title = f"Reflectance = value x {encoding.scale:.6g} + {encoding.offset:.6g}: 1st, 50th and 99th percentile"
    table = Table("split", *encoding.bands, title=title)
    for split, summary in report.splits.items():
        table.add_row(split, *(" ".join(f"{v:.3f}" for v in summary.reflectance[band]) for band in encoding.bands))
    return table


def _labels(report: CheckReport) -> Table:
    names = report.dataset.encoding.legend.names
    table = Table("split", *names, "unknown", title="Labels: share of the known pixels; unknown: share of all")
    for split, summary in report.splits.items():
        if summary.labels:
            table.add_row(split, *(f"{summary.labels[name]:.2%}" for name in names), f"{summary.unknown:.2%}")
    return table


def _counts(counts: dict[str, int]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{what} ({number})" for what, number in counts.items())


def _lines(kind: str, lines: Sequence[str], style: str) -> list[Text]:
    shown = [Text.assemble((f"{kind}: ", style), line) for line in lines[:_LONGEST]]
    if (more := len(lines) - _LONGEST) > 0:
        shown.append(Text(f"... and {more} more of this kind; --json FILE has them all"))
    return shown
