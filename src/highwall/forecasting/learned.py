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

RIDGE: Final = 0.01
"""How strongly coefficients (of signs in standard deviations) are held to those of taking the expected score."""

_DRAWS: Final = 6
"""Groups of tiles drawn from those of a fold after one change."""

_LEANING: Final = 5.0
"""Logarithm of the odds by which the tile with most of the rarer classes is drawn rather than the one with least."""

_SMALLEST: Final = 3
"""Fewest tiles of a group."""

_EDGE: Final = 0.005
"""Scores are taken to lie so far from 0 and 1 before their logit is taken."""


@dataclass(frozen=True, eq=False)
class Regression:
    """Scores as a logistic function of signs of them.

    The logit of a score is a multiple of the logit of the score to be expected, and changes with what the other signs
    differ by from those of honest trials, beyond one standard deviation: where new ground looks like held-out sites,
    probabilities are taken at their word, or nearly.
    """

    prior: NDArray[np.float64]
    """Share of each class in the known truth."""

    usual: NDArray[np.float64]
    """What the signs are on groups of honest trials, on average, `(sign,)`."""

    spread: NDArray[np.float64]
    """Their standard deviation there, likewise."""

    coefficients: NDArray[np.float64]
    """Of the signs, `(sign,)`."""

    def __call__(self, new: Observations) -> Estimate:
        """Forecast the scores of tiles together."""
        values = expit(_unusual(signs(new, self.prior), self.usual, self.spread) @ self.coefficients)
        return Estimate(float(values[-1]), values[:-1])


def fit(known: Trials, seed: int = 0) -> Regression:
    """Learn from trials how scores of groups of tiles follow signs of them (AutoEval, Deng and Zheng 2021, CVPR).

    Least squares on the scores, coefficients being held to taking the expected score at its word (ridge). Groups of
    tiles that were not changed weigh as much as all others together.

    Args:
        known: all trials, changed images and tiles that were learned from included.
        seed: which groups are drawn.
    """
    honest = known[known.honest]
    prior = honest.confusion.sum((0, 2)) / honest.confusion.sum()
    natural = np.concatenate([row for row, _, _ in _examples(honest, prior, seed)])
    usual, spread = natural.mean(0), natural.std(0)
    examples = [*_examples(known, prior, seed)]
    x = _unusual(np.concatenate([row for row, _, _ in examples]), usual, spread)
    y = np.concatenate([score for _, score, _ in examples])
    weight = np.sqrt(half_and_half(np.concatenate([np.full(len(y), natural) for _, y, natural in examples])))
    scale = np.maximum(x.std(0), 1e-6)
    start = np.zeros(x.shape[1])
    start[0] = scale[0]
    ridge = RIDGE * np.sqrt(len(y))

    def residuals(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([weight * (expit(x / scale @ coefficients) - y), ridge * (coefficients - start)])

    return Regression(prior, usual, spread, least_squares(residuals, start).x / scale)


def _unusual(
    given: NDArray[np.float64], usual: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far signs `(..., sign)` lie beyond the usual and its spread; the first, the expected score, whole."""
    distance = given - usual
    beyond = np.sign(distance) * np.maximum(np.abs(distance) - spread, 0)
    beyond[..., 0] = given[..., 0]
    return beyond


def _examples(
    known: Trials, prior: NDArray[np.float64], seed: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], bool]]:
    """Give signs `(score, sign)` and true scores `(score,)` of groups of trials, and whether they were not changed."""
    for group, natural in _groups(known, seed):
        truth = scores_of(known.confusion[group].sum(0))
        values = np.append(truth.iou, truth.accuracy)
        there = np.isfinite(values)
        yield signs(known.observations[group], prior)[there], values[there], natural


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
    the largest of all classes'); the dissimilarity to the encoders, and that of the looks, whose logarithm is taken
    since there is no end to it; the shares of tiles beside ground that was learned from, and on it.
    """
    expected, agreed = (scores_of(matrix.sum(0)) for matrix in (new.expected, new.agreement))
    answered = new.expected.sum((0, 1))
    ratio = np.log((answered / answered.sum() + 1e-3) / (prior + 1e-3))
    ratio = np.append(ratio, np.abs(ratio).max())
    given = [np.append(np.nan_to_num(score.iou), score.accuracy) for score in (expected, agreed)]
    logits = [logit(np.clip(value, _EDGE, 1 - _EDGE)) for value in given]
    beside, on = np.minimum(new.kinship, 1).mean(), np.maximum(new.kinship - 1, 0).mean()
    unlike = new.dissimilarity.mean(), np.log1p(new.strangeness.mean())
    of_tiles = [np.full(len(ratio), value) for value in (*unlike, beside, on)]
    return np.column_stack([*logits, np.maximum(ratio, 0), np.minimum(ratio, 0), *of_tiles])


def _groups(known: Trials, seed: int) -> Iterator[tuple[NDArray[np.intp], bool]]:
    """Draw groups of tiles of one fold after one change, and say whether it is none.

    Some groups are drawn evenly, others rather of tiles with much or with little of the rarer classes: class mixtures
    differ from place to place.
    """
    rng = np.random.default_rng(seed)
    kinds = np.column_stack([known.fold, known.change, known.observations.kinship])
    shares = known.confusion.sum(2)
    rare = 1 - shares[:, shares.sum(0).argmax()] / np.maximum(shares.sum(1), 1)
    for fold, change, kinship in np.unique(kinds, axis=0):
        members = np.flatnonzero((kinds == (fold, change, kinship)).all(1))
        rank = rare[members].argsort().argsort() / max(len(members) - 1, 1)
        for draw in range(_DRAWS):
            size = int(rng.integers(min(_SMALLEST, len(members)), len(members) + 1))
            odds = np.exp((0, _LEANING, -_LEANING)[draw % 3] * rank)
            yield rng.choice(members, size, replace=False, p=odds / odds.sum()), bool(change == 0)
