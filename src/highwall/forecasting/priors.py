"""How much of each class new ground holds, without its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.optimize import nnls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_STEPS: Final = 10_000
"""Most steps of the expectation maximisation."""

_STILL: Final = 1e-7
"""Change of the shares in one step, at which it ends."""

_FIRM: Final = 1e3
"""Weight of the sum of the shares in the least squares, against 1 of each answered share."""

_LEAN: Final = 1e-3
"""Weight of staying with the training's shares, likewise: it decides only what the answers leave open."""


@dataclass(frozen=True)
class PriorShift:
    """Shares of the classes, each from 0 to 1, in the order of the legend; each tuple adds up to 1."""

    training: tuple[float, ...]
    """In the training tiles."""

    answered: tuple[float, ...]
    """In the new tiles as the model answers: of the likeliest class of each pixel."""

    em: tuple[float, ...]
    """In the new tiles, by `em_shares` of the probabilities."""

    bbse: tuple[float, ...] | None
    """In the new tiles, by `bbse_shares` of the answers; None where there is no confusion matrix."""

    def to_json(self) -> dict[str, Any]:
        """Return the shares by name."""
        return dict(vars(self))


def prior_shift(
    probabilities: NDArray[np.float32],
    training: Sequence[float] | Floats,
    confusion: NDArray[np.int64] | None = None,
    weights: NDArray[np.float32] | None = None,
) -> PriorShift:
    """Estimate in two ways how much of each class there is in new tiles.

    Both ways suppose that ground of a class looks as it did in training, and only how much there is of it differs.
    Where it looks otherwise, as other regions do, both are wrong; that they differ from each other is a sign of it.

    Args:
        probabilities: calibrated probabilities of pixels of the new tiles `(pixel, class)`, 0 to 1.
        training: share of each class in the ground that the calibration learned from `(class,)`, adding up to 1.
        confusion: pixel counts `(truth, answer)` of ground that the model had not seen.
        weights: how much each pixel counts `(pixel,)`, 0 or more; all alike if not given.

    Raises:
        ValueError: no pixel counts.
    """
    shares = np.asarray(training, float)
    weights = np.ones(len(probabilities), np.float32) if weights is None else weights
    if not weights.sum() > 0:
        raise ValueError("there are no pixels to count classes in")
    answered = np.bincount(probabilities.argmax(axis=1), weights, len(shares)) / weights.sum(dtype=float)
    return PriorShift(
        training=tuple(shares.tolist()),
        answered=tuple(answered.tolist()),
        em=tuple(em_shares(probabilities, shares, weights).tolist()),
        bbse=None if confusion is None else tuple(bbse_shares(answered, confusion, shares).tolist()),
    )


def em_shares(probabilities: NDArray[np.float32], training: Floats, weights: NDArray[np.float32]) -> Floats:
    """Estimate shares by expectation maximisation (Saerens, Latinne & Decaestecker 2002, Neural Computation 14).

    Each step weighs the probabilities by new over training shares, and takes their mean as the new shares: the
    likelihood rises to its one maximum. Calibration decides how good that is (Alexandari et al. 2020).

    Args:
        probabilities: `(pixel, class)`, 0 to 1.
        training: shares that they were calibrated with `(class,)`. A class without any gets none, as nothing is known.
        weights: of the pixels `(pixel,)`.

    Returns:
        Shares `(class,)`; those of the training where every pixel is of classes that it has not.
    """
    seen = training > 0
    likelihood = probabilities[:, seen] / training[seen]  # up to a factor by pixel
    counted = likelihood.any(axis=1) & (weights > 0)
    likelihood, weight = likelihood[counted], weights[counted] / weights[counted].sum(dtype=float)
    shares = training[seen].astype(float)
    for _ in range(_STEPS if counted.any() else 0):
        before, shares = shares, shares * ((weight / (likelihood @ shares)) @ likelihood)
        if np.abs(shares - before).max() < _STILL:
            break
    result = np.zeros(len(training))
    result[seen] = shares / shares.sum()
    return result


def bbse_shares(answered: Floats, confusion: NDArray[np.int64], training: Floats) -> Floats:
    """Estimate shares by undoing the confusion (black box shift estimation: Lipton, Wang & Smola 2018).

    Finds shares, none negative and adding up to 1, that the confusion turns into the answered ones, by least squares.
    Where several do (classes that the model can't tell apart), those nearest to the training's (as Azizzadenesheli
    et al. 2019 do).

    Args:
        answered: shares of the answers in the new tiles `(class,)`.
        confusion: pixel counts `(truth, answer)` of ground that the model had not seen. A class that it lacks is taken
            to be answered rightly.
        training: shares in training `(class,)`. A class without any gets none.

    Returns:
        Shares `(class,)`.
    """
    truth = confusion.sum(axis=1, keepdims=True)
    given = np.where(truth > 0, confusion / np.maximum(truth, 1), np.eye(len(training)))  # of each truth, the answers
    seen = training > 0
    system = np.vstack([given[seen].T, np.full(seen.sum(), _FIRM), _LEAN * np.eye(int(seen.sum()))])
    shares, _ = nnls(system, np.concatenate([answered, [_FIRM], _LEAN * training[seen]]))
    result = np.zeros(len(training))
    result[seen] = shares / shares.sum()
    return result
