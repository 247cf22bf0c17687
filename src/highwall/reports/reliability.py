"""Whether probabilities mean what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.reports.figure import QUIET, chart, chip, line_color
from highwall.reports.html import percent, section, table, tag

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    from matplotlib.figure import Figure

    from highwall.legend import Legend

_COLUMNS: Final = 4

_LEAD: Final = (
    "Of the pixels to which a class was given with a probability of 30 %, three in ten should be of it: dots on the "
    "dashed line. Below it the model is too sure, above it not sure enough. Bars: number of pixels (logarithmic)."
)


def reliability_section(
    tables: Mapping[str, Any], legend: Legend, before: Mapping[str, Any] | None = None, temperature: float | None = None
) -> Element:
    """Show stated probability against what is there, by class.

    Args:
        tables: by class name, as `Reliability.to_json` gives them.
        legend: the classes.
        before: the same before probabilities were mended, if they were.
        temperature: what mended them.
    """
    head: list[Any] = ["class", "expected calibration error (%)", *(["before mending (%)"] if before else [])]
    rows = [
        [chip(of), percent(tables[of.name]["error"]), *([percent(before[of.name]["error"])] if before else [])]
        for of in legend.classes
    ]
    mended = None
    if temperature is not None:
        way = "less sure" if temperature > 1 else "surer"
        mended = tag("p", f"Probabilities are mended by a temperature of {temperature:.2f}, which makes them {way}.")
    summary = table(head, rows)
    summary.set("class", "short")
    return section(
        "Do probabilities mean what they say?",
        _chart(tables, legend, before),
        mended,
        summary,
        id_="reliability",
        lead=_LEAD + (" Hollow dots: before mending." if before else ""),
    )


def _chart(tables: Mapping[str, Any], legend: Legend, before: Mapping[str, Any] | None) -> Element:
    columns = min(_COLUMNS, len(legend))
    lines = -(-len(legend) // columns)

    def paint(figure: Figure) -> None:
        grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
        for axes in grid.flat[len(legend) :]:
            axes.axis("off")
        for axes, of in zip(grid.flat, legend.classes, strict=False):
            count = np.array(tables[of.name]["count"], float)
            middles = (np.arange(len(count)) + 0.5) * 100 / len(count)
            height = np.log1p(count) / max(np.log1p(count).max(), 1)
            axes.bar(middles, 22 * height, 100 / len(count) * 0.9, color="#e6e9ea", zorder=0)
            axes.plot([0, 100], [0, 100], "--", color=QUIET, lw=1)
            if before is not None:
                axes.plot(*_points(before[of.name]), "o", mfc="white", mec=QUIET, ms=4)
            axes.plot(*_points(tables[of.name]), "o-", color=line_color(of), ms=4, lw=1.5)
            axes.set_title(of.name, fontsize=10)
            axes.set_xlim(0, 100)
            axes.set_ylim(0, 100)
            axes.set_aspect("equal")
            axes.set_xticks([0, 50, 100])
            axes.set_yticks([0, 50, 100])
        figure.supxlabel("stated probability (%)", fontsize=10)
        figure.supylabel("share that is of the class (%)", fontsize=10)

    told = "; ".join(f"{of.name} {_error(tables[of.name]['error'])}" for of in legend.classes)
    alt = f"Reliability diagram of each class; mean distance of stated and true share in per cent: {told}"
    return chart((0.4 + 2.35 * columns, 0.4 + 2.4 * lines), alt, paint)


def _points(one: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    pairs = [(100 * x, 100 * y) for x, y in zip(one["stated"], one["observed"], strict=True) if x is not None]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _error(value: float | None) -> str:
    return "undefined" if value is None else f"{100 * value:.1f}"
