"""Forecasts of a score without labels, each from what a model's answers look like.

Each takes trials of known truth, on tiles whose sites were not learned from, and observations of new tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from highwall.models.observation import BINS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.models.observation import Observations
    from highwall.models.record import Trials


@dataclass(frozen=True, eq=False)
class Estimate:
    """Scores to expect."""

    accuracy: float
    """Share of pixels that are right, 0 to 1."""

    iou: NDArray[np.float64]
    """IoU of each class `(class,)`, 0 to 1; NaN for one that is neither answered nor to be expected."""


def scores_of(matrix: NDArray[np.float64]) -> Estimate:
    """Return accuracy and IoU of pixel counts `(truth, answer)`, which need not be whole numbers."""
    right = np.diagonal(matrix)
    union = matrix.sum(0) + matrix.sum(1) - right
    total = matrix.sum()
    iou = np.divide(right, union, out=np.full(len(right), np.nan), where=union > 0)
    return Estimate(float(right.sum() / total) if total else np.nan, iou)


def held_out_score(known: Trials, new: Observations) -> Estimate:
    """Expect what was scored on held-out sites, whatever the new tiles look like: what the others have to beat."""
    del new
    return scores_of(known.confusion.sum(0))


def expected_confusion(known: Trials, new: Observations) -> Estimate:
    """Take calibrated probabilities at their word: the confusion matrix that they make likely.

    At [t, a] it holds the sum of the probabilities of t over the pixels that were taken for a. Its trace is the
    expected number of right pixels: the mean confidence (average confidence in Guillory et al. 2021).
    """
    del known
    return scores_of(new.expected.sum(0))


def difference_of_confidences(known: Trials, new: Observations) -> Estimate:
    """Take from the known score what the confidence has fallen by (DoC, Guillory et al. 2021, ICCV).

    For a class, confidence is the IoU of the expected confusion matrix, and the score that falls is the IoU.
    """
    before, expected_before = held_out_score(known, new), scores_of(known.observations.expected.sum(0))
    expected = scores_of(new.expected.sum(0))
    accuracy = before.accuracy + expected.accuracy - expected_before.accuracy
    return Estimate(float(np.clip(accuracy, 0, 1)), np.clip(before.iou + expected.iou - expected_before.iou, 0, 1))


def average_thresholded_confidence(known: Trials, new: Observations) -> Estimate:
    """Count the pixels whose confidence exceeds a threshold (ATC, Garg et al. 2022, ICLR).

    The threshold is such that on known tiles the share of pixels above it is the share of right ones. Class by class
    it is set for the pixels that were taken for the class, so that their share above it is the class's IoU.
    """
    before = held_out_score(known, new)
    then, now = known.observations.confidence.sum(0), new.confidence.sum(0)
    iou = [_share_above(now[c], _threshold(then[c], before.iou[c])) for c in range(len(then))]
    accuracy = _share_above(now.sum(0), _threshold(then.sum(0), before.accuracy))
    return Estimate(accuracy, np.array(iou))


def agreement(known: Trials, new: Observations) -> Estimate:
    """Take one network's answer for the truth of the other's.

    Networks that learned apart disagree about as often as they err (Jiang et al. 2022, Assessing generalization of SGD
    via disagreement, ICLR); for ours, which learned together, less often.
    """
    del known
    return scores_of(new.agreement.sum(0))


def _threshold(counts: NDArray[np.float64], share: float) -> float:
    """Return the confidence, in bins, that this share of pixels `(bin,)` exceeds; pixels lie evenly in their bin."""
    total = counts.sum()
    if not total or not np.isfinite(share):
        return float(BINS)
    above = np.append(counts[::-1].cumsum()[::-1], 0) / total
    return float(np.interp(share, above[::-1], np.arange(BINS, -1, -1)))


def _share_above(counts: NDArray[np.float64], threshold: float) -> float:
    """Return the share of pixels `(bin,)` above a confidence in bins; 0 where there are none."""
    total = counts.sum()
    if not total:
        return 0.0
    above = np.append(counts[::-1].cumsum()[::-1], 0) / total
    return float(np.interp(threshold, np.arange(BINS + 1), above))
