"""Worst, typical and best tiles: image, truth, answer and doubt side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np

from highwall.evaluation.examples import SURE, choose, ranked
from highwall.evaluation.sheet import SWIR, composite
from highwall.legend import UNKNOWN
from highwall.reports.figure import chip, drawing, photo
from highwall.reports.html import Child, percent, section, table, tag
from highwall.reports.judged import largest_mistake
from highwall.sentinel2 import RGB
from highwall.tiles import read_image, read_labels

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from numpy.typing import NDArray

    from highwall.evaluation.examples import Answer
    from highwall.image import Image
    from highwall.legend import Legend
    from highwall.reports.judged import Judged
    from highwall.tiles import Encoding, Tile

_TITLES: Final = {"worst": "Worst", "typical": "Typical (near the median)", "best": "Best"}

_LARGEST: Final = 360
"""Most pixels on a side of a picture; larger tiles are thinned out."""

_MOST: Final = 200
"""Most rows of the table of all tiles."""

_DOUBT: Final = 0.7
"""Doubt that is drawn brightest."""


def tiles_section(judged: Judged, encoding: Encoding) -> Element:
    """Show some tiles, and a table of all.

    Raises:
        BadInput: a tile cannot be read.
    """
    chosen = choose(judged.matrices, judged.sites, judged.legend)
    shown: list[Element] = []
    for kind, title in _TITLES.items():
        figures = [figure for n in chosen[kind] if (figure := _figure(judged, n, encoding)) is not None]
        if figures:
            figures[0].insert(0, tag("h3", title))  # so that no page ends with the heading
            shown += figures
    swir = "; short-wave infrared: B12, B08, B04 as red, green, blue" if set(SWIR) <= set(encoding.bands) else ""
    return section(
        "Worst, typical and best tiles",
        _legend(judged.legend) if shown else tag("p", "There is nothing to show: the answers were not kept."),
        *shown,
        _all(judged),
        id_="tiles",
        lead="By the mean IoU of each tile's target classes, of different sites where there are. Doubt is one minus "
        f"the probability of the likeliest class. True colour: B04, B03, B02{swir}; each picture is stretched alone.",
    )


def _figure(judged: Judged, n: int, encoding: Encoding) -> Element | None:
    """Show one tile; None where its image or the answer is not there."""
    tile = judged.tiles[n]
    if tile is None or n not in judged.answers:
        return None
    image = read_image(tile.image, encoding)
    matrix, score = judged.matrices[n], judged.miou[n]
    caption = tag(
        "figcaption",
        tag("strong", judged.keys[n]),
        f", site {judged.sites[n]}: mean IoU ",
        percent(float(score) if np.isfinite(score) else None),
        f" %. {_mistake(matrix, judged.legend)}",
    )
    panels = tag("div", *_panels(judged, tile, image, judged.answers[n], encoding), class_="panels")
    return tag("figure", caption, panels, class_="tile")


def _panels(judged: Judged, tile: Tile, image: Image, answer: Answer, encoding: Encoding) -> list[Element]:
    step = -(-max(image.shape) // _LARGEST)
    thin = (slice(None, None, step), slice(None, None, step))
    truth = _translated(read_labels(tile, encoding), encoding.legend, judged.legend)
    labels = np.where(image.valid, answer.labels, np.uint8(UNKNOWN))
    doubt = np.where(image.valid, answer.doubt / SURE, np.nan)
    pictures = {"true colour": photo(composite(image, RGB)[thin], f"{tile.key} in true colour")}
    if set(SWIR) <= set(image.bands):
        false = photo(composite(image, SWIR)[thin], f"{tile.key} in short-wave infrared false colour")
        pictures["short-wave infrared"] = false
    pictures["truth"] = drawing(_colors(truth, judged.legend)[thin], f"truth: {_shares(truth, judged.legend)}")
    pictures["answer"] = drawing(_colors(labels, judged.legend)[thin], f"answer: {_shares(labels, judged.legend)}")
    mean = 100 * float(np.nanmean(doubt))
    pictures["doubt"] = photo(_glow(doubt)[thin], f"doubt, {mean:.0f} % on average")
    return [tag("div", picture, title) for title, picture in pictures.items()]


def _legend(legend: Legend) -> Element:
    ramp = drawing(
        np.repeat((_glow(np.linspace(0, _DOUBT, 120))[None] * 255).astype(np.uint8), 8, 0), "from dark to light"
    )
    doubt = tag("span", "doubt: 0 ", ramp, f" {100 * _DOUBT:.0f} % or more")
    unknown = tag("span", tag("i", style="background:#fff"), "unknown or no data", class_="chip")
    return tag("div", *(chip(of) for of in legend.classes), unknown, doubt, class_="legend")


def _all(judged: Judged) -> Element:
    """List all tiles, worst first."""
    order = ranked(judged.matrices, judged.legend)
    rows: list[list[Child]] = []
    for n in order[:_MOST]:
        matrix, score = judged.matrices[n], judged.miou[n]
        total = int(matrix.sum())
        rows.append(
            [
                judged.keys[n],
                str(judged.sites[n]),
                percent(float(score) if np.isfinite(score) else None),
                percent(float(np.trace(matrix)) / total if total else None),
                tag("span", _mistake(matrix, judged.legend)),
            ]
        )
    head = ["tile", "site", "mean IoU", "right pixels", "largest mistake"]
    shown = table(head, rows, "Per cent, worst first")
    more = len(order) - len(rows)
    note = tag("p", f"… and {more} more; --json of highwall evaluate has them all.") if more else None
    return tag("details", tag("summary", f"All {len(order)} tiles"), tag("div", shown, class_="wide"), note)


def _mistake(matrix: NDArray[np.int64], legend: Legend) -> str:
    if (found := largest_mistake(matrix)) is None:
        return "All right."
    truth, answer, count = found
    share = 100 * count / max(int(matrix.sum()), 1)
    return f"Largest mistake: {legend.names[truth]} taken for {legend.names[answer]}, {share:.1f} % of the tile."


def _translated(labels: NDArray[np.uint8], theirs: Legend, ours: Legend) -> NDArray[np.uint8]:
    """Turn their class indices into ours, by name."""
    to_ours = np.full(256, UNKNOWN, np.uint8)
    to_ours[: len(theirs)] = [ours.names.index(name) for name in theirs.names]
    return to_ours[labels]


def _colors(labels: NDArray[np.uint8], legend: Legend) -> NDArray[np.uint8]:
    """Paint labels `(y, x)` in the legend's colours, `(y, x, 3)`; white where unknown."""
    colors = np.full((256, 3), 255, np.uint8)
    colors[: len(legend)] = [of.color for of in legend.classes]
    return colors[labels]


def _glow(doubt: NDArray[np.float64]) -> NDArray[np.float32]:
    """Paint doubt `(...)` from dark to light, `(..., 3)`, 0 to 1; white where it is NaN."""
    colors = mpl.colormaps["magma"].with_extremes(bad="white")(np.ma.masked_invalid(doubt / _DOUBT))
    return np.asarray(colors[..., :3], np.float32)


def _shares(labels: NDArray[np.uint8], legend: Legend) -> str:
    """Say which classes cover how much of the labels that are known."""
    counts = np.bincount(labels.ravel(), minlength=UNKNOWN + 1)[: len(legend)]
    total = max(int(counts.sum()), 1)
    there = [f"{name} {100 * count / total:.1f} %" for name, count in zip(legend.names, counts, strict=True) if count]
    return ", ".join(there) or "nothing is known"
