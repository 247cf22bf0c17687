"""What matters most, in sentences: the score, how sure it is, and what a model is bad at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from highwall.evaluation.scores import scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from highwall.legend import Legend
    from highwall.reports.judged import Judged


@dataclass(frozen=True)
class ClassFinding:
    """How one class fares, and what it is confused with."""

    name: str

    iou: float
    """0 to 1."""

    found: float
    """Share of its pixels that are found (recall)."""

    taken_for: tuple[str, float] | None
    """What most of the others are taken for, and which share of its pixels that is; None if all are found."""

    right: float | None
    """Share of what is called so that is (precision); None where nothing is."""

    mistaken: tuple[str, float] | None
    """What most of the rest is in truth, and which share of what is called so; None if all is right."""

    @property
    def sentence(self) -> str:
        """How it is missed and what is mistaken for it; the graver comes first."""
        missed = f"of its pixels, {_percent(self.found)} are found"
        if self.taken_for is not None:
            missed += f" and {_percent(self.taken_for[1])} taken for {self.taken_for[0]}"
        if self.right is None:
            return f"{missed}; nothing is called {self.name}"
        false = f"of what is called {self.name}, {_percent(self.right)} is right"
        if self.mistaken is not None:
            false += f" and {_percent(self.mistaken[1])} is {self.mistaken[0]}"
        first, second = (missed, false) if self.found <= self.right else (false, missed)
        return f"{first}; {second}"


def class_findings(matrix: NDArray[np.int64], legend: Legend) -> list[ClassFinding]:
    """Say how each target class of the truth fares, worst first, given pixel counts `(truth, answer)`."""
    score, found = scores(matrix, legend), []
    for index in legend.targets:
        name = legend.names[index]
        if not matrix[index].any():
            continue
        called = int(matrix[:, index].sum())
        finding = ClassFinding(
            name,
            score.iou[name],
            score.recall[name],
            _most(matrix[index], index, legend),
            score.precision[name] if called else None,
            _most(matrix[:, index], index, legend),
        )
        found.append(finding)
    return sorted(found, key=lambda one: one.iou)


def headline(judged: Judged) -> str:
    """Say what it scored, on what, and how far that can be trusted."""
    score, tiles, n_sites = judged.score, len(judged.keys), judged.n_sites
    where = f"{tiles} tile{'s' * (tiles > 1)} of {n_sites} site{'s' * (n_sites > 1)} {judged.what}".rstrip()
    if score["miou"] is None:
        return f"No score: no target class occurs in truth or answer of {where}"
    return f"Mean IoU {_percent(score['miou'], 1)} on {where}, {trust(score)}"


def trust(score: Mapping[str, object]) -> str:
    """Name the interval of the mean IoU, in words."""
    bounds = score["interval"]["miou"]  # type: ignore[index]  # scores are JSON
    if bounds is None:
        return "with no interval: fewer than two sites define it"
    return f"90 % interval {_percent(bounds[0], 1)} to {_percent(bounds[1], 1)}"


def weakness(findings: Sequence[ClassFinding]) -> str:
    """Say what it is worst at and what it takes that for."""
    if not findings:
        return "No target class occurs in the truth, so nothing can be said of what it misses."
    worst = findings[0]
    return f"Worst at {worst.name} (IoU {_percent(worst.iou, 1)}): {worst.sentence}."


def strength(findings: Sequence[ClassFinding]) -> str | None:
    """Say what it is best at; None where there is but one class."""
    if len(findings) < 2:
        return None
    best = findings[-1]
    return f"Best at {best.name} (IoU {_percent(best.iou, 1)}): {best.sentence}."


def _most(counts: NDArray[np.int64], index: int, legend: Legend) -> tuple[str, float] | None:
    """Name the other class with the most of the counts `(class,)`, and its share of all of them."""
    others = np.where(np.arange(len(counts)) == index, 0, counts)
    most = int(others.argmax())
    return (legend.names[most], float(others[most] / counts.sum())) if others[most] else None


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"
