"""Areas and accuracies from a stratified sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from highwall.sampling.intervals import Bounded, proportion, share_of, weighted_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Figures:
    """Estimates of one kind, arrays of one shape; NaN where undefined."""

    value: NDArray[np.float64]
    """The estimates."""

    error: NDArray[np.float64]
    """Their standard errors."""

    low: NDArray[np.float64]
    """Lower confidence limits. They are not made from the standard errors: see `estimate`."""

    high: NDArray[np.float64]
    """Upper confidence limits."""


@dataclass(frozen=True, eq=False)
class Estimates:
    """What a sample says of a map; `...` are the axes that stand before those of the counts."""

    area: Figures
    """Area of each class on the ground `(..., class)`, in the unit of the areas in the map."""

    users: Figures
    """User's accuracy `(..., class)`, 0 to 1: share of the class in the map that is right; NaN where there is
    none."""

    producers: Figures
    """Producer's accuracy `(..., class)`, 0 to 1: share of the class on the ground that the map has; NaN where the
    sample has met none."""

    accuracy: Figures
    """Overall accuracy `(...)`, 0 to 1: share of the ground on which the map is right."""


def estimate(counts: NDArray[np.integer[Any]], areas: NDArray[np.float64], level: float = 0.95) -> Estimates:
    """Estimate class areas and accuracies from a sample that is stratified by the classes of a map.

    Estimates and standard errors are those of Olofsson, Foody, Herold, Stehman, Woodcock & Wulder (2014), Good
    practices for estimating area and assessing accuracy of land change, Remote Sensing of Environment 148, 42-57,
    equations 1 to 11. The confidence limits are not (theirs are estimate +- z * standard error): where a sample happens
    to meet nothing of what the map has missed, a rare class has a standard error near 0, and such limits hold the
    truth far too seldom. These are Jeffreys intervals by stratum, put together by MOVER: see `intervals`, and
    docs/maths.md for what else was tried.

    Args:
        counts: points `(..., class in the map, class on the ground)`, drawn at random in each class of the map; two or
            more in each, or one where it has but one pixel.
        areas: area of each class in the map `(class,)`, in any unit; 0 where the map lacks it.
        level: share of such intervals that should hold the truth, 0 to 1.

    Raises:
        ValueError: there are no points in a class of the map.
    """
    points = counts.sum(axis=-1)
    if ((points == 0) & (areas > 0)).any():
        raise ValueError("there are no points in a class of the map")
    shares = proportion(counts, points[..., None], level).each(_swap)  # (..., on the ground, in the map)
    hits = shares.each(_diagonal)
    misses = shares.each(lambda part: np.where(np.eye(len(areas)), 0, part))
    area = weighted_sum(shares, areas)
    producers = share_of(hits.each(lambda part: areas * part), weighted_sum(misses, areas))
    weights = areas / areas.sum()
    accuracy = weighted_sum(hits, weights)

    variances = shares.value * (1 - shares.value) / np.maximum(points - 1, 1)[..., None, :]
    own = _diagonal(variances)
    squares = areas**2 * variances
    missed = squares.sum(axis=-1) - _diagonal(squares)
    caught = (1 - producers.value) ** 2 * _diagonal(squares) + producers.value**2 * missed
    known = np.where(points > 0, 1, np.nan)
    return Estimates(
        area=_figures(area, squares.sum(axis=-1)),
        users=_figures(hits.each(lambda part: known * part), known * own),
        producers=_figures(producers, caught / np.where(area.value > 0, area.value, np.nan) ** 2),
        accuracy=_figures(accuracy, (weights**2 * own).sum(axis=-1)),
    )


def _figures(of: Bounded, variance: NDArray[np.float64]) -> Figures:
    return Figures(of.value, np.sqrt(variance), of.low, of.high)


def _swap(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.swapaxes(matrix, -1, -2)


def _diagonal(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.diagonal(matrix, axis1=-2, axis2=-1)
