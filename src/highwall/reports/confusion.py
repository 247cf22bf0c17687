"""What is taken for what, as a table of confusion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from highwall.reports.figure import chip
from highwall.reports.findings import class_findings
from highwall.reports.html import items, percent, section, tag

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from highwall.reports.judged import Judged

_RIGHT: Final = (0, 114, 178)
_WRONG: Final = (213, 94, 0)
"""What cells are tinted with, the more the larger the share: Okabe and Ito's blue and vermilion."""


def confusion_section(judged: Judged) -> Element:
    """Show the confusion matrix, each row adding up to 100 %, and say the same of each class."""
    legend, matrix = judged.legend, judged.matrix
    rows = []
    for truth, of in enumerate(legend.classes):
        total = int(matrix[truth].sum())
        cells = [_cell(int(count), total, right=truth == answer) for answer, count in enumerate(matrix[truth])]
        rows.append(tag("tr", tag("th", chip(of), scope="row"), *cells))
    head = tag("tr", tag("th", "truth ↓   answer →"), *(tag("th", chip(of), scope="col") for of in legend.classes))
    caption = f"Share of the truth's pixels in per cent, and pixels; answers of {judged.level}"
    shown = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *rows), class_="confusion")
    said = [f"{one.name} (IoU {100 * one.iou:.1f} %): {one.sentence}." for one in class_findings(matrix, legend)]
    return section(
        "What is taken for what",
        tag("div", shown, class_="wide"),
        items(said),
        id_="confusion",
        lead="Rows are what the ground is, columns what the model says. Blue on the diagonal is right; the darker an "
        "orange cell, the larger the share of its row that is taken for something else.",
    )


def _cell(count: int, total: int, *, right: bool) -> Element:
    share = count / total if total else 0.0
    red, green, blue = (round(255 + (part - 255) * share**0.7 * 0.85) for part in (_RIGHT if right else _WRONG))
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 150
    style = f"background:rgb({red} {green} {blue});color:{'#fff' if dark else '#1d2327'}"
    pixels = tag("small", tag("data", f"{count:,}", value=count), " px")
    return tag("td", percent(share if total else None), pixels, style=style, class_="right" if right else None)
