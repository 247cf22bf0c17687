"""Scores of the trials, with intervals by site, and how far each lies from the base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.evaluation.bootstrap import paired_interval, site_intervals
from highwall.evaluation.scores import scores
from highwall.evaluation.summary import by_site
from highwall.legend import Legend
from highwall.models.model import AVERAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

TAILINGS: Final = "tailings pond"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a trial, on the tiles that there are results for."""

    tiles: tuple[int, ...]
    """Positions of the tiles in the dataset."""

    sites: tuple[int, ...]
    """Site of each of them."""

    matrices: dict[str, NDArray[np.int64]]
    """Confusion matrices `(tile, truth, answer)` by level."""

    facts: dict[str, Any]
    """Folds, seconds, parameters."""


def gather(documents: Iterable[Mapping[str, Any]]) -> Outcome:
    """Put the folds of a trial together, tiles in their order."""
    folds = sorted(documents, key=lambda document: document["fold"])
    tiles = [tile for document in folds for tile in document["tiles"]]
    order = np.argsort(tiles)
    sites = [site for document in folds for site in document["sites"]]
    levels = folds[0]["matrices"]
    matrices = {
        level: np.concatenate([np.asarray(document["matrices"][level], np.int64) for document in folds])[order]
        for level in levels
    }
    facts = {
        "folds": len(folds),
        "seconds": round(sum(document.get("seconds", 0) for document in folds), 1),
        "parameters": folds[0].get("parameters"),
        "devices": sorted({document["device"] for document in folds if "device" in document}),
    }
    return Outcome(tuple(tiles[i] for i in order), tuple(sites[i] for i in order), matrices, facts)


def judge(outcome: Outcome, base: Outcome | None, legend: Legend, level: str = AVERAGE) -> dict[str, Any]:
    """Score a trial, and hold it against the base on the same tiles.

    Args:
        outcome: the trial's.
        base: the base's, or None where there is none.
        legend: the classes.
        level: the level whose answer counts; of the base it is the one called `AVERAGE`.

    Returns:
        `miou`, `iou` by class, `interval` (90 % by site) of each; `members`, mIoU by level; `difference`, of mIoU and
        of the tailings' IoU to the base's, with `interval`, or None.
    """
    matrices = _of_sites(outcome, level)
    intervals = site_intervals(matrices, legend)
    score = scores(matrices.sum(0), legend).to_json()
    members = {name: scores(m.sum(0), legend).to_json()["miou"] for name, m in outcome.matrices.items()}
    return {
        "miou": score["miou"],
        "iou": score["iou"],
        "interval": {"miou": intervals.miou, "iou": intervals.iou},
        "members": members,
        "difference": None if base is None else _difference(outcome, base, legend, level),
        **outcome.facts,
    }


def _difference(outcome: Outcome, base: Outcome, legend: Legend, level: str) -> dict[str, Any] | None:
    common = sorted(set(outcome.tiles) & set(base.tiles))
    if not common:
        return None
    a, b = _of_sites(base, AVERAGE, common), _of_sites(outcome, level, common)
    found = {"tiles": len(common), "miou": _paired(a, b, legend)}
    if TAILINGS in legend.names:
        one = legend.names.index(TAILINGS)
        alone = Legend.from_names({0: "background", 1: TAILINGS})
        found[TAILINGS] = _paired(against_rest(a, one), against_rest(b, one), alone)
    return found


def _paired(a: NDArray[np.int64], b: NDArray[np.int64], legend: Legend) -> dict[str, Any]:
    low, high = (scores(matrices.sum(0), legend).miou for matrices in (a, b))
    return {"difference": high - low, "interval": paired_interval(a, b, legend)}


def against_rest(matrices: NDArray[np.int64], one: int) -> NDArray[np.int64]:
    """Count one class against all others: `(..., truth, answer)` of rest and class, whose IoU stays what it was."""
    rest = [index for index in range(matrices.shape[-1]) if index != one]
    rows = np.stack([matrices[..., rest, :].sum(-2), matrices[..., one, :]], -2)
    return np.stack([rows[..., rest].sum(-1), rows[..., one]], -1)


def _of_sites(outcome: Outcome, level: str, tiles: Sequence[int] | None = None) -> NDArray[np.int64]:
    kept = [place for place, tile in enumerate(outcome.tiles) if tiles is None or tile in set(tiles)]
    found = by_site(outcome.matrices[level][kept], [outcome.sites[place] for place in kept])
    return np.stack(list(found.values()))


def markdown(rows: Sequence[Mapping[str, Any]], legend: Legend, title: str) -> str:
    """Write the table for people; percentages, and points of difference.

    Args:
        rows: what `judge` returns, with `name`, `group` and `tries`; or with `failed`, why there is no result.
        legend: the classes.
        title: a line above it.
    """
    targets = [legend.names[index] for index in legend.targets]
    head = ["trial", "what", "mIoU (90 %)", "to the base", *targets, f"{TAILINGS}, to the base", "alone", "M", "min"]
    lines = [f"{title}\n", _line(head), _line(["---"] * len(head))]
    group = None
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            lines.append(_line([f"**{group}**", *[""] * (len(head) - 1)]))
        if "failed" in row:
            lines.append(_line([row["name"], row["tries"], f"none: {row['failed']}", *[""] * (len(head) - 3)]))
            continue
        difference = row["difference"] or {}
        alone = [f"{_percent(miou)}" for name, miou in row["members"].items() if name != AVERAGE]
        part = "" if row.get("complete", True) else f", {row['folds']} folds"
        lines.append(
            _line(
                [
                    row["name"],
                    row["tries"],
                    f"{_percent(row['miou'])} ({_range(row['interval']['miou'])}){part}",
                    _points(difference.get("miou")),
                    *(_percent(row["iou"][name]) for name in targets),
                    _points(difference.get(TAILINGS)),
                    " ".join(alone),
                    "" if row.get("parameters") is None else f"{row['parameters'] / 1e6:.1f}",
                    f"{row['seconds'] / 60:.1f}",
                ]
            )
        )
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


def _percent(value: float | None) -> str:
    return "-" if value is None or not np.isfinite(value) else f"{100 * value:.1f}"


def _range(interval: Sequence[float] | None) -> str:
    return "-" if interval is None else f"{_percent(interval[0])} to {_percent(interval[1])}"


def _points(found: Mapping[str, Any] | None) -> str:
    """Write a difference with its interval, in bold where that leaves out 0."""
    if found is None or found["difference"] is None or not np.isfinite(found["difference"]):
        return ""
    text = f"{100 * found['difference']:+.1f}"
    if (interval := found["interval"]) is None:
        return text
    text += f" ({100 * interval[0]:+.1f} to {100 * interval[1]:+.1f})"
    return f"**{text}**" if interval[0] > 0 or interval[1] < 0 else text
