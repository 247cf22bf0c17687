"""Where sites lie and how each fares: a map in degrees without anything below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np

from highwall.evaluation.scores import mean_iou
from highwall.evaluation.summary import by_site
from highwall.reports.html import section, tag
from highwall.tiles.ground import geographic_ring

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree.ElementTree import Element

    from highwall.reports.judged import Judged

_WIDTH: Final = 980
_TALLEST: Final = 560
_MARGIN: Final = (48, 14, 26, 14)
"""Left, top, below and right of the frame."""

_NAMED: Final = 3
"""The worst sites bear their number."""


@dataclass(frozen=True)
class Site:
    """One site on the map."""

    number: int
    longitude: float
    latitude: float
    miou: float | None
    tiles: int


def sites_section(judged: Judged, trained: Iterable[tuple[float, float]] = ()) -> Element | None:
    """Draw the sites that know where they lie, coloured by their score; None if none does.

    Args:
        judged: the tiles.
        trained: longitude and latitude of further tiles that were learned from.
    """
    found = place_sites(judged)
    if not found:
        return None
    lost = judged.n_sites - len(found)
    return section(
        "Where the sites are",
        tag("figure", _map(found, list(trained)), _scale(bool(trained)), class_="chart"),
        tag("p", f"{lost} more sites have no georeference.", class_="quiet") if lost else None,
        id_="sites",
        lead="Each dot is a site, coloured by the mean IoU of its target classes; point at one for its number and "
        "score. If bad sites lie together, the model lacks ground of that kind.",
    )


def place_sites(judged: Judged) -> list[Site]:
    """Find where sites lie, by the mean of their tiles' centres, best first so that the worst are drawn on top."""
    places: dict[int, list[tuple[float, float]]] = {}
    for tile, site in zip(judged.tiles, judged.sites, strict=True):
        if tile is not None and (ring := geographic_ring(tile)) is not None:
            x, y = np.mean(ring[:-1], axis=0).tolist()
            places.setdefault(site, []).append((x, y))
    counts = by_site(judged.matrices, judged.sites)
    found = []
    for site, points in places.items():
        score = float(mean_iou(counts[site], judged.legend.targets))
        x, y = np.mean(points, axis=0).tolist()
        found.append(Site(site, x, y, score if np.isfinite(score) else None, judged.sites.count(site)))
    return sorted(found, key=lambda one: -2 if one.miou is None else -one.miou)


def _map(sites: list[Site], trained: list[tuple[float, float]]) -> Element:
    points = [(one.longitude, one.latitude) for one in sites] + trained
    west, south, east, north = _frame(points)
    left, top, below, right = _MARGIN
    squeeze = max(0.1, float(np.cos(np.radians((south + north) / 2))))
    scale = min((_WIDTH - left - right) / ((east - west) * squeeze), (_TALLEST - top - below) / (north - south))
    wide, high = (east - west) * squeeze * scale, (north - south) * scale

    def at(x: float, y: float) -> tuple[float, float]:
        return round(left + (x - west) * squeeze * scale, 1), round(top + (north - y) * scale, 1)

    parts = [tag("rect", x=left, y=top, width=round(wide, 1), height=round(high, 1))]
    for x in _ticks(west, east):
        place, _ = at(x, south)
        parts.append(tag("line", x1=place, x2=place, y1=top, y2=round(top + high, 1)))
        parts.append(tag("text", _degrees(x, "EW"), x=place, y=round(top + high + 16, 1), text_anchor="middle"))
    for y in _ticks(south, north):
        _, place = at(west, y)
        parts.append(tag("line", x1=left, x2=round(left + wide, 1), y1=place, y2=place))
        parts.append(tag("text", _degrees(y, "NS"), x=left - 6, y=place + 4, text_anchor="end"))
    for x, y in trained:
        cx, cy = at(x, y)
        parts.append(tag("path", d=f"M{cx - 3} {cy}h6M{cx} {cy - 3}v6", stroke="#8b949a", fill="none"))
    for one in sites:
        cx, cy = at(one.longitude, one.latitude)
        title = f"site {one.number}, {one.tiles} tile{'s' * (one.tiles > 1)}: {_said(one.miou)}"
        fill, edge = ("#fff", "#5c666d") if one.miou is None else (_color(one.miou), "#1d2327")
        parts.append(tag("circle", tag("title", title), cx=cx, cy=cy, r=7, fill=fill, stroke=edge))
    for one in [one for one in sites if one.miou is not None][-_NAMED:]:
        cx, cy = at(one.longitude, one.latitude)
        end = cx > left + wide - 70
        parts.append(
            tag(
                "text",
                f"site {one.number}",
                x=cx - 11 if end else cx + 11,
                y=cy + 4,
                class_="name",
                text_anchor="end" if end else "start",
            )
        )
    worst = ", ".join(f"site {one.number} ({_said(one.miou)})" for one in reversed(sites[-_NAMED:]))
    box = f"0 0 {round(left + wide + right)} {round(top + high + below)}"
    around = f"{_degrees(west, 'EW')} to {_degrees(east, 'EW')}, {_degrees(south, 'NS')} to {_degrees(north, 'NS')}"
    label = f"Map of {len(sites)} sites, {around}; the worst: {worst}"
    return tag("svg", *parts, viewBox=box, width=round(left + wide + right), class_="map", role="img", aria_label=label)


def _frame(points: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Return west, south, east and north around points, with some room and no thinner than it is readable."""
    xs, ys = zip(*points, strict=True)
    middle = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    wide, high = max(max(xs) - min(xs), 0.02) * 1.12, max(max(ys) - min(ys), 0.02) * 1.12
    wide, high = max(wide, high * 0.6), max(high, wide * 0.32)
    return middle[0] - wide / 2, middle[1] - high / 2, middle[0] + wide / 2, middle[1] + high / 2


def _ticks(low: float, high: float) -> list[float]:
    """Choose some round degrees between two."""
    raw = (high - low) / 5
    size = 10.0 ** np.floor(np.log10(raw))
    step = next(size * one for one in (1, 2, 5, 10) if size * one >= raw)
    return [round(float(n * step), 6) for n in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _degrees(value: float, sides: str) -> str:
    return f"{abs(value):.4g}° {sides[value < 0] if value else ''}".strip()


def _color(score: float) -> str:
    return str(mpl.colors.to_hex(mpl.colormaps["viridis"](score)))


def _scale(with_crosses: bool) -> Element:
    """Explain the colours."""
    steps = [
        tag("span", tag("i", style=f"background:{_color(n / 100)}"), f"{n} %", class_="chip") for n in range(0, 101, 20)
    ]
    none = tag("span", tag("i", style="background:#fff"), "no target class there", class_="chip")
    crosses = tag("span", "+ learned from") if with_crosses else None
    return tag("figcaption", tag("div", "mean IoU: ", *steps, none, crosses, class_="legend"))


def _said(score: float | None) -> str:
    return "no target class" if score is None else f"mean IoU {100 * score:.1f} %"
