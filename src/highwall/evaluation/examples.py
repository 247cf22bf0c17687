"""Tiles worth looking at: the worst, the typical and the best answers, and what a model says there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from highwall.evaluation.scores import mean_iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.legend import Legend
    from highwall.models.model import Model

EACH: Final = 3
"""Most tiles of each kind."""

SURE: Final = 200
"""Steps into which doubt is cut, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of one tile, to look at."""

    labels: NDArray[np.uint8]
    """Class indices `(y, x)`."""

    doubt: NDArray[np.uint8]
    """One minus the likeliest class's probability, in steps of `1 / SURE`, `(y, x)`."""


def answer_for(model: Model, pixels: NDArray[np.float32], level: str) -> Answer:
    """Ask one level of a model about a tile, `(band, y, x)` of its bands."""
    probabilities = model.levels(pixels[None])[level][0]
    doubt = np.rint((1 - probabilities.max(0)) * SURE).clip(0, SURE).astype(np.uint8)
    return Answer(probabilities.argmax(0).astype(np.uint8), doubt)


def choose(
    matrices: NDArray[np.int64], sites: Sequence[int], legend: Legend, each: int = EACH
) -> dict[str, tuple[int, ...]]:
    """Choose tiles by the mean IoU of their target classes; of tiles that tie, those with more wrong pixels are worse.

    Each kind shows different sites as far as there are such. Tiles without a target class in truth or answer have no
    mean IoU: they are taken only if all are like that, and ranked by their wrong pixels.

    Args:
        matrices: pixel counts `(tile, truth, answer)`.
        sites: site of each tile.
        legend: says which classes are targets.
        each: most tiles of each kind.

    Returns:
        Positions of tiles, `worst` (worst first), `typical` (nearest to the median) and `best` (best first); no tile
        is of two kinds.
    """
    order = ranked(matrices, legend)
    scored = [n for n in order if np.isfinite(mean_iou(matrices[n], legend.targets))] or order
    count = min(each, (len(scored) + 2) // 3)
    worst = _of_many_sites(scored, sites, count)
    best = _of_many_sites([n for n in reversed(scored) if n not in worst], sites, min(count, len(scored) - len(worst)))
    middle = (len(scored) - 1) / 2
    near = sorted(range(len(scored)), key=lambda place: abs(place - middle))
    typical = [scored[place] for place in near if scored[place] not in {*worst, *best}]
    return {"worst": worst, "typical": _of_many_sites(typical, sites, min(count, len(typical))), "best": best}


def ranked(matrices: NDArray[np.int64], legend: Legend) -> list[int]:
    """Order tiles, worst first, as `choose` does; those without a mean IoU come last."""
    score = mean_iou(matrices, legend.targets)
    wrong = matrices.sum((1, 2)) - np.trace(matrices, axis1=1, axis2=2)
    order: list[int] = np.lexsort((-wrong, np.nan_to_num(score, nan=2))).tolist()
    return order


def _of_many_sites(order: Sequence[int], sites: Sequence[int], count: int) -> tuple[int, ...]:
    """Take the first of each site, and then others, in order."""
    seen: set[int] = set()
    first = [n for n in order if sites[n] not in seen and not seen.add(sites[n])]  # type: ignore[func-returns-value]
    others = [n for n in order if n not in first]
    chosen = {*[*first, *others][:count]}
    return tuple(n for n in order if n in chosen)
