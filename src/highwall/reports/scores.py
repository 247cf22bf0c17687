"""Scores of each level and class, as a chart and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from highwall.reports.figure import INK, QUIET, chart, chip, line_color
from highwall.reports.html import Child, interval, percent, section, table, tag

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    from matplotlib.figure import Figure

    from highwall.legend import Legend, LegendClass
    from highwall.reports.judged import Judged

_LEAD = (
    "IoU is the overlap of answer and truth as a share of what either covers: 100 % is perfect. Mean IoU is over the "
    "target classes. Intervals hold the score of other sites like these in 9 of 10 cases; with few sites they are too "
    "narrow."
)


def scores_section(judged: Judged, others: Mapping[str, Mapping[str, Any]]) -> Element:
    """Show what each level scored.

    Args:
        judged: the tiles that the report is about.
        others: scores by level on further tiles, by their title.
    """
    tables = [
        tag("div", score_table(scores, judged.legend, judged.level, title), class_="wide")
        for title, scores in others.items()
    ]
    return section(
        "Scores by level and class",
        tag(
            "div",
            score_table(judged.scores, judged.legend, judged.level, f"Per cent, on {_where(judged)}"),
            class_="wide",
        ),
        *tables,
        id_="scores",
        lead=_LEAD,
    )


def _where(judged: Judged) -> str:
    return f"{len(judged.keys)} tiles of {judged.n_sites} sites {judged.what}".rstrip()


def score_table(scores: Mapping[str, Any], legend: Legend, counts: str, caption: str) -> Element:
    """Make a column for each level, with the interval below each score; `counts` is the level whose answer counts."""
    names = {"mean IoU": "miou", "mean IoU with background": "miou_all", "accuracy": "accuracy"}
    rows: list[list[Child]] = [
        [title, *(_cell(one[key], one["interval"][key]) for one in scores.values())] for title, key in names.items()
    ]
    rows[1:1] = [
        [chip(of), *(_cell(one["iou"][of.name], one["interval"]["iou"][of.name]) for one in scores.values())]
        for of in (*(legend.classes[n] for n in legend.targets), *(c for c in legend.classes if c.id == 0))
    ]
    head: list[Child] = ["score", *(level + (" (counts)" if level == counts else "") for level in scores)]
    result = table(head, rows, caption)
    if counts in scores:
        for row in result.iter("tr"):
            row[1 + list(scores).index(counts)].set("class", "counts")
    result.set("class", "scores short")
    return result


def _cell(value: float | None, bounds: Any) -> Element:
    return tag("span", percent(value), tag("br"), tag("span", interval(bounds), class_="quiet"))


def scores_chart(judged: Judged) -> Element:
    """Draw a dot and an interval for each class: large for the level that counts, small for the others."""
    rows: list[tuple[str, LegendClass | None]] = [("mean IoU", None), *((c.name, c) for c in judged.targets)]

    def value(level: str, of: LegendClass | None) -> tuple[float | None, Any]:
        score = judged.scores[level]
        bounds = score["interval"]
        return (score["miou"], bounds["miou"]) if of is None else (score["iou"][of.name], bounds["iou"][of.name])

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        small = [level for level in judged.scores if level != judged.level]
        for place, (_, of) in enumerate(rows):
            color = INK if of is None else line_color(of)
            for number, level in enumerate((judged.level, *small)):
                point, bounds = value(level, of)
                if point is None:
                    continue
                y = place if number == 0 else place + 0.22 + 0.14 * (number - 1)
                if bounds is not None:
                    share = [100 * bound for bound in bounds]
                    axes.plot(share, [y, y], color=color if number == 0 else QUIET, lw=3.5 if number == 0 else 1)
                axes.plot(
                    100 * point,
                    y,
                    "o" if number == 0 else ".",
                    color=color if number == 0 else QUIET,
                    ms=9 if number == 0 else 5,
                )
                if number == 0:
                    text = f"{100 * point:.1f}"
                    axes.annotate(text, (100 * point, y), (0, 7), textcoords="offset points", ha="center", fontsize=9)
                elif place == 0:
                    right = max(100 * point, *(100 * bound for bound in bounds or (point,)))
                    axes.annotate(
                        level, (right, y), (5, 0), textcoords="offset points", va="center", fontsize=7.5, color=QUIET
                    )
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set_ylim(len(rows) - 0.25, -0.55)
        axes.set_xlim(0, 100)
        axes.set_xlabel(
            f"IoU in per cent and its 90 % interval: large {judged.level}, which is judged here; small the others"
        )
        axes.grid(axis="x", alpha=0.3)
        axes.tick_params(axis="y", length=0)

    told = "; ".join(f"{name} {_said(*value(judged.level, of))}" for name, of in rows)
    return chart(
        (8.6, 0.75 + 0.72 * len(rows)), f"Score and 90 % interval of {judged.level}, in per cent: {told}", paint
    )


def _said(value: float | None, bounds: Any) -> str:
    if value is None:
        return "undefined"
    return f"{100 * value:.1f}" + (f" ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})" if bounds else "")
