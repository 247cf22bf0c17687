"""Confidence intervals of what is put together from proportions of several strata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import betaincinv

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bounded:
    """Numbers with their confidence limits, arrays of one shape."""

    value: Numbers
    """The estimates."""

    low: Numbers
    """Lower limits, none above its estimate."""

    high: Numbers
    """Upper limits, none below its estimate."""

    def each(self, change: Callable[[Numbers], Numbers]) -> Bounded:
        """Change estimates and limits alike."""
        return Bounded(change(self.value), change(self.low), change(self.high))


def proportion(hits: NDArray[np.integer[Any]], points: NDArray[np.integer[Any]], level: float) -> Bounded:
    """Estimate proportions with Jeffreys intervals.

    The limits are quantiles of Beta(hits + 1/2, points - hits + 1/2), but 0 where nothing is a hit and 1 where
    everything is: Brown, Cai & DasGupta (2001), Interval estimation for a binomial proportion, Statistical
    Science 16, 101-133.

    Args:
        hits: number of points of the class.
        points: number of points in all, in a shape that fits; where there are none, the proportion is 0 from 0 to 0,
            as a class that the map lacks adds nothing to any sum.
        level: confidence level, 0 to 1.
    """
    after = hits + 0.5, points - hits + 0.5
    low = np.where(hits > 0, betaincinv(*after, (1 - level) / 2), 0.0)
    high = np.where(hits < points, betaincinv(*after, (1 + level) / 2), 1.0)
    return Bounded(hits / np.maximum(points, 1), low, np.where(points > 0, high, 0.0))


def weighted_sum(parts: Bounded, weights: Numbers) -> Bounded:
    """Add up independent estimates, none below 0, along the last axis, times `weights` of that axis.

    The distances of the limits from the estimates are added up as standard errors are, each side on its own (MOVER,
    the method of variance estimates recovery): Zou, Huang & Zhang (2009), A note on confidence interval estimation
    for a linear function of binomial proportions, Computational Statistics & Data Analysis 53, 1080-1085. In a large
    stratum without a hit the lower distance is 0 and the upper one is not, which no standard error can say.
    """
    value = (weights * parts.value).sum(axis=-1)
    below = np.sqrt(((weights * (parts.value - parts.low)) ** 2).sum(axis=-1))
    above = np.sqrt(((weights * (parts.high - parts.value)) ** 2).sum(axis=-1))
    return Bounded(value, np.maximum(value - below, 0), value + above)


def share_of(part: Bounded, rest: Bounded) -> Bounded:
    """Estimate part / (part + rest) of two independent estimates, none below 0; NaN where both are 0.

    The limits of part / rest are where those of part - r * rest reach 0 (MOVER for ratios): Donner & Zou (2012),
    Closed-form confidence intervals for functions of the normal mean and standard deviation, Statistical Methods in
    Medical Research 21, 347-359.
    """
    whole = part.value + rest.value
    found = whole > 0
    value = part.value / np.where(found, whole, 1)
    share = Bounded(value, _least_share(part, rest), 1 - _least_share(rest, part))
    return share.each(lambda numbers: np.where(found, numbers, np.nan))


def _least_share(part: Bounded, rest: Bounded) -> Numbers:
    """Return the lower limit of part / (part + rest); of part / rest it is `least / bottom`."""
    product = part.value * rest.value
    least = part.low * (2 * part.value - part.low)
    most = rest.high * (2 * rest.value - rest.high)
    bottom = product + np.sqrt(np.maximum(product**2 - least * most, 0))
    return least / np.where(least > 0, least + bottom, 1)
