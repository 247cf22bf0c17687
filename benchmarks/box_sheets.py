"""Contact sheets of answers over images, for a person to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from highwall.evaluation.sheet import SWIR, composite
from highwall.files import new_file
from highwall.sentinel2 import RGB

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from box_scores import Answer
    from matplotlib.axes import Axes

    from highwall.legend import Legend

PAIRS: Final = 3
"""Answers in a row, two pictures each."""

MOST: Final = 24
"""Answers on a sheet."""


def draw(answers: Sequence[Answer], legend: Legend, picture: Path) -> None:
    """Draw two pictures for each answer, true colour and short-wave infrared, with outlines of what the model says.

    What was drawn by hand has a white outline.
    """
    shown = answers[:MOST]
    rows = -(-len(shown) // PAIRS)
    figure = Figure(figsize=(4.6 * PAIRS, 2.45 * rows + 0.5), dpi=100, layout="constrained")
    grid = figure.subplots(rows, 2 * PAIRS, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for number, answer in enumerate(shown):
        left = 2 * (number % PAIRS)
        pair = grid[number // PAIRS, left : left + 2]
        swir = SWIR if set(SWIR) <= set(answer.image.bands) else RGB
        for axes, bands in zip(pair, (RGB, swir), strict=True):
            axes.imshow(composite(answer.image, bands), interpolation="nearest")
            _outline(axes, answer, legend)
        mark = " (learned from)" if answer.learned else ""
        share = "" if answer.drawn is None or not answer.drawn.any() else f", {answer.share:.0%} found"
        pair[0].set_title(f"{answer.name}{share}{mark}", fontsize=6, loc="left")
    lines = [Line2D([], [], color=f"#{c.hex}", label=c.name) for c in legend.classes[1:]]
    figure.legend(handles=lines, loc="outside lower center", ncols=len(lines), fontsize=8, frameon=False)
    picture.parent.mkdir(parents=True, exist_ok=True)
    with new_file(picture) as part:
        figure.savefig(part)


def _outline(axes: Axes, answer: Answer, legend: Legend) -> None:
    if answer.drawn is not None and answer.drawn.any():
        axes.contour(answer.drawn, levels=[0.5], colors="white", linewidths=0.8)
    for index in range(1, len(legend)):
        said = answer.labels == index
        if said.any():
            axes.contour(said, levels=[0.5], colors=f"#{legend.classes[index].hex}", linewidths=0.8)
