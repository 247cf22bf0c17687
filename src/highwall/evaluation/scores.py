"""Scores of a confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.legend import Legend


@dataclass(frozen=True)
class Scores:
    """How good an answer is; every score is from 0 to 1, and NaN where undefined."""

    accuracy: float
    """Share of pixels that are right."""

    miou: float
    """Mean IoU of the target classes (background left out) that occur in truth or answer."""

    miou_all: float
    """Mean IoU of all classes, background included, that occur in truth or answer."""

    iou: dict[str, float]
    """By class name: pixels right / pixels of the class in truth or answer; undefined where it occurs in neither."""

    precision: dict[str, float]
    """By class name: share of the answer's pixels that are right; undefined where the answer has none."""

    recall: dict[str, float]
    """By class name: share of the truth's pixels that are found; undefined where the truth has none."""

    f1: dict[str, float]
    """By class name: 2 IoU / (1 + IoU), the harmonic mean of precision and recall; undefined where IoU is."""

    def to_json(self) -> dict[str, Any]:
        """Return the scores by name, None where undefined."""
        return {
            name: {key: _defined(x) for key, x in value.items()} if isinstance(value, dict) else _defined(value)
            for name, value in vars(self).items()
        }


def scores(matrix: NDArray[np.int64], legend: Legend) -> Scores:
    """Derive every score from pixel counts `(truth, answer)`."""
    right = np.diagonal(matrix)
    truth, answer = matrix.sum(axis=1), matrix.sum(axis=0)

    def by_name(values: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(legend.names, values.tolist(), strict=True))

    return Scores(
        accuracy=float(accuracy(matrix)),
        miou=float(mean_iou(matrix, legend.targets)),
        miou_all=float(mean_iou(matrix, range(len(legend)))),
        iou=by_name(iou(matrix)),
        precision=by_name(_ratio(right, answer)),
        recall=by_name(_ratio(right, truth)),
        f1=by_name(_ratio(2 * right, truth + answer)),
    )


def accuracy(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of pixels that are right, `(...)`, of counts `(..., truth, answer)`; NaN where there are none."""
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def iou(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union `(..., class)` of counts `(..., truth, answer)`; NaN for classes in neither."""
    right = np.diagonal(matrix, axis1=-2, axis2=-1)
    return _ratio(right, matrix.sum(axis=-1) + matrix.sum(axis=-2) - right)


def mean_iou(matrix: NDArray[np.int64], classes: Sequence[int]) -> NDArray[np.float64]:
    """Mean IoU `(...)` of those `classes` that occur, of counts `(..., truth, answer)`; NaN where none does."""
    values = iou(matrix)[..., classes]
    return _ratio(np.nansum(values, axis=-1), np.isfinite(values).sum(axis=-1))


def _ratio(part: NDArray[Any], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    ratio = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def _defined(value: float) -> float | None:
    return value if np.isfinite(value) else None
