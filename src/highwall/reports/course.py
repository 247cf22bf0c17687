"""What a training left beside its scores: its course, what leaks, and what missing bands cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from highwall.models.missing import measurements
from highwall.reports.figure import BLUE, ORANGE, chart
from highwall.reports.html import Child, interval, percent, section, table, tag
from highwall.training.curves import plot_curves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element

    from matplotlib.figure import Figure

    from highwall.training.history import Row


def curves_section(rows: Sequence[Row]) -> Element:
    """Draw loss and validation score by step."""
    last = rows[-1]
    told = ", ".join(
        f"{key.replace('_', ' ')} {value:.3f}" for key, value in last.items() if key not in {"epoch", "step"}
    )
    alt = f"Loss and mean IoU on validation tiles by step; in the end, at step {last['step']:.0f}: {told}"
    return section(
        "Course of the training",
        chart((9, 3.2), alt, lambda figure: plot_curves(figure, rows)),
        id_="curves",
        lead="The training loss should fall and level out. A validation loss that rises again while it falls means "
        "that the networks learn tiles by heart: more sites help, more steps don't. The score here is that of the "
        "networks' average after an epoch.",
    )


def leak_section(leak: Mapping[str, Any]) -> Element:
    """Hold the score by random folds against that by site: what leaks between tiles of a site."""
    kinds = [kind for kind in ("site", "random") if kind in leak]
    titles = {"site": "whole sites held out", "random": "tiles held out at random"}
    rows: list[list[Child]] = [
        [titles[kind], percent(leak[kind]["miou"]), interval(leak[kind]["interval"]["miou"])] for kind in kinds
    ]
    shown = table(["folds", "mean IoU (%)", "90 % interval"], rows)
    shown.set("class", "short")
    return section(
        "Random folds against site folds",
        tag("p", _verdict(leak)),
        _leak_chart(leak, kinds, titles) if len(kinds) == 2 else None,
        shown,
        id_="leak",
        lead=f"The networks' average on the same {leak['tiles']} tiles, held out with their whole site and without it. "
        "Neighbouring tiles look alike, so that a score by random tiles flatters.",
    )


def _verdict(leak: Mapping[str, Any]) -> str:
    if leak["difference"] is None:
        return "There are no folds of the other kind to compare with."
    points = 100 * leak["difference"]
    if points <= 0:
        return f"Random folds score {points:+.1f} points: nothing seems to leak between tiles of a site here."
    return (
        f"A random split would have promised {100 * leak['random']['miou']:.1f} % where new sites give "
        f"{100 * leak['site']['miou']:.1f} %: {points:.1f} points of it are tiles recognised by their neighbours. "
        "Quote the score by site."
    )


def _leak_chart(leak: Mapping[str, Any], kinds: Sequence[str], titles: Mapping[str, str]) -> Element:
    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for y, kind in enumerate(kinds):
            score, color = leak[kind], BLUE if kind == "site" else ORANGE
            if (bounds := score["interval"]["miou"]) is not None:
                axes.plot([100 * bound for bound in bounds], [y, y], color=color, lw=3.5)
            if score["miou"] is not None:
                axes.plot(100 * score["miou"], y, "o", color=color, ms=9)
        axes.set_yticks(range(len(kinds)), [titles[kind] for kind in kinds])
        axes.set_ylim(len(kinds) - 0.5, -0.5)
        axes.set_xlim(0, 100)
        axes.set_xlabel("mean IoU in per cent and its 90 % interval")
        axes.grid(axis="x", alpha=0.3)

    return chart((7.6, 1.6), _verdict(leak), paint)


def missing_section(facts: Mapping[str, Any]) -> Element | None:
    """Tell what the networks score where images lack bands; None where that was not measured."""
    known = measurements(facts)
    if not known:
        return None
    names = list(known[0].iou)
    rows: list[list[Child]] = [
        [
            " ".join(one.bands),
            percent(one.miou),
            percent(one.miou_with_all),
            interval(one.interval),
            *(percent(one.iou[name]) for name in names),
        ]
        for one in known
    ]
    head = [
        "bands that are there",
        "mean IoU",
        "with all bands",
        "difference, 90 %",
        *(f"IoU {name}" for name in names),
    ]
    shown = table(head, rows, "Per cent")
    shown.set("class", "short")
    return section(
        "If images lack bands",
        tag("div", shown, class_="wide"),
        id_="bands",
        lead=f"What the networks' average scores with some bands alone, on {known[0].measured_on} of the training.",
    )
