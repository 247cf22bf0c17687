"""A picture of a training's course."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from highwall.files import new_file
from highwall.training.history import read_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from highwall.training.history import Row


def draw_curves(history: Path, picture: Path) -> None:
    """Draw loss and validation score by step, from `history.csv` to a PNG."""
    figure = Figure(figsize=(8, 3.2), dpi=120, layout="constrained")
    plot_curves(figure, read_rows(history))
    with new_file(picture) as part:
        figure.savefig(part)


def plot_curves(figure: Figure, rows: Sequence[Row]) -> None:
    """Draw loss and validation score by step, side by side."""
    left, right = figure.subplots(1, 2)
    for axes, series in (
        (left, {"train_loss": "training", "val_loss": "validation"}),
        (right, {"val_miou": "validation"}),
    ):
        for key, label in series.items():
            points = [(row["step"], row[key]) for row in rows if key in row]
            axes.plot(*zip(*points, strict=True), label=label, marker="." if len(points) < 40 else None)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylabel("cross-entropy")
    left.legend(frameon=False)
    right.set_ylabel("mIoU over target classes")
    right.set_ylim(0, 1)
