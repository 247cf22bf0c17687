"""Confidence intervals of scores, by resampling sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from highwall.evaluation.scores import accuracy, iou, mean_iou

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.legend import Legend

Interval = tuple[float, float]


@dataclass(frozen=True)
class Intervals:
    """Confidence intervals (low, high) of the `Scores` of the same names; None where sites don't suffice."""

    accuracy: Interval | None
    miou: Interval | None
    miou_all: Interval | None
    iou: dict[str, Interval | None]
    """By class name."""

    def to_json(self) -> dict[str, Any]:
        """Return the intervals by name."""
        return dict(vars(self))


def site_intervals(
    matrices: NDArray[np.int64], legend: Legend, *, level: float = 0.9, draws: int = 2000, seed: int = 0
) -> Intervals:
    """Say how far the scores would move with other sites.

    Pixels of one site are alike, so whole sites are drawn with replacement (cluster bootstrap, Field
    & Welsh 2007, Bootstrapping clustered data, JRSS B 69) and the interval runs between percentiles of
    the scores of all draws (Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13).
    A class that a draw misses is left out of that draw's mean, as in `scores`. With few sites the
    intervals are too narrow: expect them to hold less often than `level` says.

    Args:
        matrices: pixel counts `(site, truth, answer)`.
        legend: names the classes and says which are targets.
        level: share of such intervals that should hold the true score, 0 to 1.
        draws: number of bootstrap samples.
        seed: seed of the draws.

    Returns:
        An interval per score; None for a score that fewer than two sites define, such as the IoU of a class
        that occurs at one site only.
    """
    n_sites = len(matrices)
    if n_sites == 0:
        return Intervals(None, None, None, dict.fromkeys(legend.names))
    times = np.random.default_rng(seed).multinomial(n_sites, np.full(n_sites, 1 / n_sites), size=draws)
    drawn = np.tensordot(times, matrices, axes=1)

    def interval(by_site: NDArray[np.float64], by_draw: NDArray[np.float64]) -> Interval | None:
        if np.isfinite(by_site).sum() < 2:
            return None
        low, high = np.nanquantile(by_draw, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    every = range(len(legend))
    return Intervals(
        accuracy=interval(accuracy(matrices), accuracy(drawn)),
        miou=interval(mean_iou(matrices, legend.targets), mean_iou(drawn, legend.targets)),
        miou_all=interval(mean_iou(matrices, every), mean_iou(drawn, every)),
        iou={
            name: interval(by_site, by_draw)
            for name, by_site, by_draw in zip(legend.names, iou(matrices).T, iou(drawn).T, strict=True)
        },
    )


def paired_interval(
    a: NDArray[np.int64], b: NDArray[np.int64], legend: Legend, *, level: float = 0.9, draws: int = 2000, seed: int = 0
) -> Interval | None:
    """Say how far the mIoU of one answer lies above that of another for the same pixels, with other sites.

    The same sites are drawn for both, as in `site_intervals`.

    Args:
        a: pixel counts `(site, truth, answer)` of the one answer.
        b: those of the other.
        legend: says which classes are targets.
        level: share of such intervals that should hold the true difference, 0 to 1.
        draws: number of bootstrap samples.
        seed: seed of the draws.

    Returns:
        The interval of the mIoU of `b` less that of `a`; None for fewer than two sites.
    """
    n_sites = len(a)
    if n_sites < 2:
        return None
    times = np.random.default_rng(seed).multinomial(n_sites, np.full(n_sites, 1 / n_sites), size=draws)
    one, other = (mean_iou(np.tensordot(times, counts, axes=1), legend.targets) for counts in (a, b))
    low, high = np.nanquantile(other - one, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
