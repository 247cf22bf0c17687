"""What is known of the data: what the tiles hold, and what `highwall check` warns of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from highwall.reports.html import NONE, Child, items, section, table, tag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from highwall.tiles import CheckReport

MOST_TILES: Final = 500
"""Most tiles that are checked for a report: checking reads them all."""

_LONGEST: Final = 12
"""Warnings of one kind that are listed."""


def data_section(report: CheckReport | None, folder: str, notes: Sequence[str] = ()) -> Element:
    """Tell what was found; `report` is None where there are too many tiles to check on the way."""
    if report is None:
        told: list[Child] = [
            tag("p", "There are many tiles: run ", tag("code", f"highwall check {folder}"), " to check them.")
        ]
    else:
        leaks = [f"{leak.a} and {leak.b}: {leak.why}" for leak in report.leaks]
        told = [
            _splits(report),
            *_lines("Errors", report.errors),
            *_lines("Leaks between splits (scores of these tiles flatter)", leaks),
            *_lines("Warnings", report.warnings),
        ]
        if not (report.errors or leaks or report.warnings):
            told.append(tag("p", "No errors, no leaks between splits, no warnings."))
    return section("The data", *_lines("Notes", notes), *told, id_="data")


def _splits(report: CheckReport) -> Element:
    names = report.dataset.encoding.legend.names
    rows: list[list[Child]] = []
    for split, summary in report.splits.items():
        sites = {number for key, number in report.sites.items() if key.startswith(f"{split}/")}
        shares = [f"{100 * summary.labels[name]:.2f}" if summary.labels else NONE for name in names]
        unknown = f"{100 * summary.unknown:.2f}" if summary.labels else NONE
        facts: list[Any] = [summary.tiles, len(sites), f"{100 * summary.void:.1f}", *shares, unknown]
        rows.append([split, *(str(fact) for fact in facts)])
    head: list[Child] = ["split", "tiles", "sites", "no data", *names, "unknown"]
    shown = table(head, rows, "Pixels in per cent: without data, of each class among those with known labels, unknown")
    shown.set("class", "short")
    return tag("div", shown, class_="wide")


def _lines(title: str, lines: Sequence[str]) -> list[Element]:
    if not lines:
        return []
    more = len(lines) - _LONGEST
    shown: list[Child] = [*lines[:_LONGEST], *([f"… and {more} more; highwall check has them all"] if more > 0 else [])]
    return [tag("h3", f"{title} ({len(lines)})"), items(shown, "warnings")]
