"""Whether probabilities mean what they say: reliability, calibration error, and the temperature that mends them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from scipy.optimize import minimize_scalar

from highwall.models.temperature import temper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BINS: Final = 10
"""Bins of equal width of a reliability table."""

_RANGE: Final = (0.1, 10.0)
"""Temperatures that are looked at."""

_LEAST: Final = 1e-6
"""Probability that a label is taken to have had at least: a forest's votes may leave a class none."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """What became of pixels to which a class was given with a certain probability."""

    count: NDArray[np.int64]
    """Number of pixels, `(class, bin)`; bins divide 0 to 1 evenly."""

    stated: NDArray[np.float64]
    """Mean probability that was stated for them, likewise; NaN where there are none."""

    observed: NDArray[np.float64]
    """Share of them that are of the class, likewise."""

    @property
    def error(self) -> NDArray[np.float64]:
        """Expected calibration error of each class, `(class,)`, 0 to 1; NaN where there are no pixels.

        The mean of |observed - stated| over all pixels (Naeini et al. 2015, AAAI), class by class, not of the
        likeliest class alone (Nixon et al. 2019, Measuring calibration in deep learning; Kull et al. 2019, NeurIPS).
        """
        total = self.count.sum(1)
        distance = np.nansum(np.abs(self.observed - self.stated) * self.count, axis=1)
        return np.asarray(np.divide(distance, total, out=np.full(len(total), np.nan), where=total > 0))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put tables of different pixels together, one or more of the same shape."""
        count = np.sum([part.count for part in parts], axis=0)

        def mean(values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
            summed = np.sum([np.nan_to_num(v) * p.count for v, p in zip(values, parts, strict=True)], axis=0)
            return np.asarray(np.divide(summed, count, out=np.full(count.shape, np.nan), where=count > 0))

        return cls(count, mean([part.stated for part in parts]), mean([part.observed for part in parts]))

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """Return table and error by class name; None where there are no pixels."""
        return {
            name: {
                "error": None if np.isnan(error) else float(error),
                "count": count.tolist(),
                "stated": [None if np.isnan(x) else float(x) for x in stated],
                "observed": [None if np.isnan(x) else float(x) for x in observed],
            }
            for name, error, count, stated, observed in zip(
                names, self.error, self.count, self.stated, self.observed, strict=True
            )
        }


@dataclass(frozen=True)
class Calibration:
    """What was found about the probabilities of a level."""

    temperature: float
    """What makes them as sure as they ought to be."""

    before: Reliability
    """As they come."""

    after: Reliability
    """At this temperature."""

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """Return temperature and tables; `names` are the classes'."""
        tables = {"before": self.before.to_json(names), "after": self.after.to_json(names)}
        return {"temperature": self.temperature} | tables


def calibrate(probabilities: NDArray[np.floating[Any]], labels: NDArray[np.uint8]) -> Calibration:
    """Fit the temperature to probabilities `(pixel, class)` of pixels that were not learned from; say what it mends."""
    temperature = fit_temperature(probabilities, labels)
    after = reliability(temper(probabilities, temperature, axis=1), labels)
    return Calibration(temperature, reliability(probabilities, labels), after)


def reliability(probabilities: NDArray[np.floating[Any]], labels: NDArray[np.uint8], bins: int = BINS) -> Reliability:
    """Compare stated probabilities with what is there (DeGroot and Fienberg 1983, The Statistician 32).

    Args:
        probabilities: `(pixel, class)`, 0 to 1.
        labels: true class indices `(pixel,)`.
        bins: number of bins.
    """
    classes = probabilities.shape[1]
    place = np.minimum((probabilities * bins).astype(np.intp), bins - 1) + np.arange(classes) * bins
    hit = labels[:, None] == np.arange(classes)

    def summed(weights: NDArray[Any]) -> NDArray[Any]:
        return np.bincount(place.ravel(), weights.ravel(), classes * bins).reshape(classes, bins)

    count = np.bincount(place.ravel(), minlength=classes * bins).reshape(classes, bins)
    with np.errstate(invalid="ignore"):
        return Reliability(count, summed(probabilities) / count, summed(hit) / count)


def fit_temperature(probabilities: NDArray[np.floating[Any]], labels: NDArray[np.uint8]) -> float:
    """Find the temperature that makes the labels likeliest (Guo et al. 2017, On calibration of modern neural networks).

    Args:
        probabilities: of pixels that were not learned from, `(pixel, class)`, 0 to 1.
        labels: true class indices `(pixel,)`.

    Returns:
        The temperature, 0.1 to 10; 1 where there are no pixels.
    """
    if not len(labels):
        return 1.0

    def loss(log_temperature: float) -> float:
        tempered = temper(probabilities, float(np.exp(log_temperature)), axis=1)
        given = np.take_along_axis(tempered, labels[:, None].astype(np.intp), axis=1)
        return float(-np.log(np.maximum(given, _LEAST), dtype=np.float64).mean())

    found = minimize_scalar(loss, bounds=np.log(_RANGE), method="bounded", options={"xatol": 1e-3})
    return round(float(np.exp(found.x)), 3)
