"""Which estimator to believe: each forecasts groups of sites that were held out, and is compared with the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from highwall.forecasting.estimators import (
    Estimate,
    agreement,
    average_thresholded_confidence,
    difference_of_confidences,
    expected_confusion,
    held_out_score,
    scores_of,
)
from highwall.forecasting.learned import fit, half_and_half
from highwall.models.judgement import Judgement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from highwall.models.observation import Observations
    from highwall.models.record import Trials

LITERATURE: Final[Mapping[str, Callable[[Trials, Observations], Estimate]]] = {
    "held-out score": held_out_score,
    "expected confusion": expected_confusion,
    "difference of confidences": difference_of_confidences,
    "average thresholded confidence": average_thresholded_confidence,
    "agreement": agreement,
}
"""Estimators that need nothing but honest trials, by name."""

LEARNED: Final = "learned"
"""Name of the one that learns from all trials."""

ESTIMATORS: Final = (*LITERATURE, LEARNED)
"""Names of all."""

GROUPS: Final = 4
"""Fewest groups of sites that are left out in turn; folds are shared out to smaller ones if they are fewer."""

BLOCKS: Final = 4
"""Blocks of changes; those of a block are forecast by what was learned from the others."""

SIZES: Final = (1, 2, 4, 8, 16, 32)
"""Numbers of tiles for which errors are taken down."""

_RARE: Final = 1e-3

_DRAWS: Final = 3
"""Sets of each size that are drawn from a group after a change."""


def expected_classes(estimate: Estimate, new: Observations, honest: Trials) -> Estimate:
    """Leave out the IoU of classes that will not be defined: not answered, and not to be expected either.

    A class is expected if it holds more than one pixel in a thousand by the probabilities. One that training never knew
    is left out, too.
    """
    expected = new.expected.sum(0)
    there = (expected.sum(0) > 0) | (expected.sum(1) > _RARE * expected.sum())
    there &= honest.confusion.sum((0, 2)) > 0
    return Estimate(estimate.accuracy, np.where(there, np.nan_to_num(estimate.iou), np.nan))


def mean_iou(iou: NDArray[np.float64], targets: Sequence[int]) -> float:
    """Return the mean IoU of the target classes that are there."""
    values = iou[list(targets)]
    return float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else float("nan")


def judge(known: Trials, targets: Sequence[int], seed: int = 0) -> Judgement | None:
    """Leave groups of sites out, forecast them from the rest, compare.

    Args:
        known: all trials.
        targets: class indices that the mIoU is the mean of.
        seed: decides groups and draws.

    Returns:
        What came of it; None where nothing could be compared, as there are too few sites with targets.
    """
    rows: dict[str, list[NDArray[np.float64]]] = {name: [] for name in ESTIMATORS}
    sizes, natural = [], []
    for rest, sets in _held_out(known, seed):
        regression, honest = fit(rest, seed), rest[rest.honest]
        for some in sets:
            new, truth = known.observations[some], scores_of(known.confusion[some].sum(0))
            estimates = {name: estimator(honest, new) for name, estimator in LITERATURE.items()}
            for name, estimate in (estimates | {LEARNED: regression(new)}).items():
                foretold = expected_classes(estimate, new, honest)
                rows[name].append(_scores(truth, targets) - _scores(foretold, targets))
            sizes.append(len(some))
            natural.append(bool((known.change[some] == 0).all()))
    if not any(np.isfinite(row[-1]) for of_one in rows.values() for row in of_one):
        return None
    residuals = [np.array(of_one) for of_one in rows.values()]
    unchanged = np.array(natural)
    halves = [[_error(residual[half, -1]) for half in (unchanged, ~unchanged)] for residual in residuals]
    errors = np.column_stack([halves, np.nanmean(halves, axis=1)])
    chosen = int(np.nanargmin(errors[:, -1]))
    return Judgement(chosen, errors, np.array(sizes), half_and_half(unchanged), residuals[chosen])


def _held_out(known: Trials, seed: int) -> Iterator[tuple[Trials, list[NDArray[np.intp]]]]:
    """Give what may be learned from, and sets of trials to forecast: none of their sites or changes are in it."""
    rng = np.random.default_rng(seed)
    apart = known.observations.kinship == 0
    number = np.where(known.change == 0, 0, 1 + (known.change - 1) % BLOCKS)
    for group in _groups_of_sites(known, rng):
        mine = np.isin(known.site, group)
        for block in range(BLOCKS + 1):
            rest = ~mine & ((number != block) | (known.change == 0))
            here = mine & apart & (number == block)
            if known[rest & known.honest].site.size == 0:
                continue
            kinds = np.unique(np.column_stack([known.fold, known.change])[here], axis=0)
            pools = [np.flatnonzero(here & (known.fold == fold) & (known.change == change)) for fold, change in kinds]
            yield known[rest], [some for pool in pools for some in _sets(pool, rng)]


def _groups_of_sites(known: Trials, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Share the sites of each fold that was cut by site out to groups."""
    altered = known.change > 0  # only in folds cut by site
    groups = []
    folds = np.unique(known.fold[altered])
    for fold in folds:
        sites = rng.permutation(np.unique(known.site[altered & (known.fold == fold)]))
        groups += np.array_split(sites, min(-(-GROUPS // len(folds)), len(sites)))
    return groups


def _sets(pool: NDArray[np.intp], rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    for size in SIZES:
        if size < len(pool):
            for _ in range(_DRAWS):
                yield rng.choice(pool, size, replace=False)
    yield pool


def _scores(estimate: Estimate, targets: Sequence[int]) -> NDArray[np.float64]:
    """Return IoUs, accuracy and mIoU in a row."""
    return np.concatenate([estimate.iou, [estimate.accuracy, mean_iou(estimate.iou, targets)]])


def _error(residual: NDArray[np.float64]) -> float:
    """Return the mean absolute error; NaN where there is none."""
    there = residual[np.isfinite(residual)]
    return float(np.abs(there).mean()) if there.size else float("nan")
