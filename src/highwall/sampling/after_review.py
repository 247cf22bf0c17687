"""How right a reviewed map is, by a sample that was drawn from the map before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Ratios:
    """Estimated ratios of totals, arrays of one shape; NaN where undefined."""

    value: NDArray[np.float64]
    """The estimates."""

    error: NDArray[np.float64]
    """Their standard errors."""


@dataclass(frozen=True, eq=False)
class Accuracies:
    """How right a map is whose classes are not the strata of the sample."""

    users: Ratios
    """User's accuracy `(class,)`, 0 to 1: share of the class in the map that is right."""

    producers: Ratios
    """Producer's accuracy `(class,)`, 0 to 1: share of the class on the ground that the map has."""

    accuracy: Ratios
    """Overall accuracy `()`, 0 to 1."""


def accuracies(counts: NDArray[np.integer[Any]], areas: NDArray[np.float64]) -> Accuracies:
    """Estimate the accuracies of a map from a sample that is stratified by another map.

    Stehman (2014), Estimating area and map accuracy for stratified random sampling when the strata are different from
    the map classes, International Journal of Remote Sensing 35, 4923-4939: ratios of totals, each the sum over the
    strata of area times mean, with the standard errors of combined ratio estimators. As in `estimate`, the sample is
    taken for small beside the strata. Where map and strata are one, the values are those of `estimate`, and so are the
    standard errors.

    Args:
        counts: points `(stratum, class in the map, class on the ground)`, drawn at random in each stratum.
        areas: area of each stratum `(stratum,)`, in any unit; 0 where there is none.
    """
    size = counts.shape[1]
    right = counts * np.eye(size, dtype=counts.dtype)
    points = counts.sum(axis=(1, 2))
    weights = areas / areas.sum()
    of_class = (counts.sum(axis=2), counts.sum(axis=1))  # in the map, on the ground: (stratum, class)
    hits = right.sum(axis=2)
    users, producers = (_ratio(hits, whole, points, weights) for whole in of_class)
    return Accuracies(users, producers, _ratio(hits.sum(axis=1), points, points, weights))


def _ratio(
    part: NDArray[np.integer[Any]],
    whole: NDArray[np.integer[Any]],
    points: NDArray[np.integer[Any]],
    weights: NDArray[np.float64],
) -> Ratios:
    """Estimate what share of the points of a kind `(stratum, ...)` is of a kind within that kind, likewise."""
    shape = (-1, *[1] * (part.ndim - 1))
    weight, number = weights.reshape(shape), np.maximum(points, 1).reshape(shape)
    total = (weight * whole / number).sum(axis=0)
    total = np.where(total > 0, total, np.nan)
    ratio = (weight * part / number).sum(axis=0) / total
    # residuals are 1 - ratio for points of the part, -ratio for others of the whole, 0 else
    squares = part * (1 - ratio) ** 2 + (whole - part) * ratio**2
    mean = (part - ratio * whole) / number
    variance = (squares - number * mean**2) / np.maximum(number - 1, 1)
    error = np.sqrt((weight**2 * np.maximum(variance, 0) / number).sum(axis=0)) / total
    return Ratios(ratio, error)
