"""A forecast that has learned from trials how scores fall with what can be told without labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit, logit

from highwall.forecasting.estimators import Estimate, scores_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from highwall.models.observation import Observations
    from highwall.models.record import Trials

RIDGE: Final = 0.3
"""How strongly coefficients are held to those of taking the expected score at its word."""

_DRAWS: Final = 6
"""Groups of tiles drawn from those of a fold after one change."""

_SMALLEST: Final = 3
"""Fewest tiles of a group."""

_EDGE: Final = 0.005
"""Scores are taken to lie so far from 0 and 1 before their logit is taken."""


@dataclass(frozen=True, eq=False)
class Regression:
    """Scores as a logistic function of signs of them: those of each class, and the accuracy after the last class."""

    prior: NDArray[np.float64]
    """Share of each class in the known truth."""

    coefficients: NDArray[np.float64]
    """Of the signs and of the intercepts of each score, `(sign + score,)`."""

    def __call__(self, new: Observations) -> Estimate:
        """Forecast the scores of tiles together."""
        values = expit(_design(signs(new, self.prior), np.arange(len(self.prior) + 1)) @ self.coefficients)
        return Estimate(float(values[-1]), values[:-1])


def learned(known: Trials, new: Observations, seed: int = 0) -> Estimate:
    """Learn from trials on groups of tiles (AutoEval, Deng and Zheng 2021, CVPR), and forecast.

    Args:
        known: all trials, changed images and tiles that were learned from included.
        new: the new tiles.
        seed: which groups.
    """
    return fit(known, seed)(new)


def fit(known: Trials, seed: int = 0) -> Regression:
    """Fit by least squares on the scores, coefficients being held to a prior (ridge).

    Groups of tiles that were not changed weigh as much as all others together.
    """
    prior = known[known.honest].confusion.sum((0, 2))
    prior = prior / prior.sum()
    rows, scores, natural = [], [], []
    for group, unchanged in _groups(known, seed):
        truth = scores_of(known.confusion[group].sum(0))
        values = np.append(truth.iou, truth.accuracy)
        there = np.flatnonzero(np.isfinite(values))
        rows.append(_design(signs(known.observations[group], prior)[there], there, len(values)))
        scores.append(values[there])
        natural.append(np.full(len(there), unchanged))
    x, y = np.concatenate(rows), np.concatenate(scores)
    weight = half_and_half(np.concatenate(natural))
    scale = np.maximum(x.std(0), 1e-6)
    start = np.zeros(x.shape[1])
    start[0] = scale[0]

    def residuals(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([np.sqrt(weight) * (expit(x / scale @ coefficients) - y), RIDGE * (coefficients - start)])

    return Regression(prior, least_squares(residuals, start).x / scale)


def half_and_half(natural: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return weights with which what is natural counts as much as what is not, and all together as their number."""
    share = natural.mean()
    if share in (0, 1):
        return np.ones(len(natural))
    return np.asarray(np.where(natural, 0.5 / share, 0.5 / (1 - share)))


def signs(new: Observations, prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what tells of the scores of some tiles, `(score, sign)`: of each class, and of the accuracy last.

    Signs are the logits of the score of the expected confusion and of the networks' agreement; how much more, and how
    much less, ground is taken for the class than its share in the known truth (logarithm of the ratio; for the accuracy
    the largest of all classes'); the dissimilarity to the encoders, and of the looks; the shares of tiles beside ground
    that was learned from, and on it.
    """
    expected, agreed = (scores_of(matrix.sum(0)) for matrix in (new.expected, new.agreement))
    answered = new.expected.sum((0, 1))
    ratio = np.log((answered / answered.sum() + 1e-3) / (prior + 1e-3))
    ratio = np.append(ratio, np.abs(ratio).max())
    given = [np.append(np.nan_to_num(score.iou), score.accuracy) for score in (expected, agreed)]
    logits = [logit(np.clip(value, _EDGE, 1 - _EDGE)) for value in given]
    beside, on = np.minimum(new.kinship, 1), np.maximum(new.kinship - 1, 0)
    of_tiles = [np.full(len(ratio), value.mean()) for value in (new.dissimilarity, new.strangeness, beside, on)]
    return np.column_stack([*logits, np.maximum(ratio, 0), np.minimum(ratio, 0), *of_tiles])


def _design(signs_of: NDArray[np.float64], score: NDArray[np.intp], scores: int | None = None) -> NDArray[np.float64]:
    """Put an intercept for each score beside the signs."""
    return np.hstack([signs_of, np.eye(scores or len(score))[score]])


def _groups(known: Trials, seed: int) -> Iterator[tuple[NDArray[np.intp], bool]]:
    """Draw groups of tiles of one fold after one change, and say whether it is none."""
    rng = np.random.default_rng(seed)
    kinds = np.column_stack([known.fold, known.change, known.observations.kinship])
    for fold, change, kinship in np.unique(kinds, axis=0):
        members = np.flatnonzero((kinds == (fold, change, kinship)).all(1))
        for _ in range(_DRAWS):
            size = int(rng.integers(min(_SMALLEST, len(members)), len(members) + 1))
            yield rng.choice(members, size, replace=False), bool(change == 0)
