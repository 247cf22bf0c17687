"""The single numbers by which sets of tiles are compared, under the names that options and JSON use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np

from highwall.errors import BadInput
from highwall.evaluation.scores import accuracy, iou, mean_iou

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.legend import Legend

Metric = Literal["miou", "miou_all", "accuracy", "f1"]
"""The first three are those of `Scores`; `f1` is the mean F1 of the target classes that occur in truth or answer."""

METRICS: Final[tuple[Metric, ...]] = get_args(Metric)

TITLES: Final[dict[Metric, str]] = {"miou": "mIoU", "miou_all": "mIoU all", "accuracy": "accuracy", "f1": "mean F1"}
"""What people call the metrics."""


def metric_named(name: str) -> Metric:
    """Find a metric by its name.

    Raises:
        BadInput: there is none of this name.
    """
    for metric in METRICS:
        if metric == name:
            return metric
    raise BadInput(f"no metric {name!r} (there are {', '.join(METRICS)})")


def measure(metric: Metric, matrix: NDArray[Any], legend: Legend) -> NDArray[np.float64]:
    """Score tables of confusion.

    Args:
        metric: which score.
        matrix: pixels `(..., truth, answer)`, as counts or as shares.
        legend: says which classes are targets.

    Returns:
        Scores `(...)`, 0 to 1; NaN where undefined.
    """
    if metric == "accuracy":
        return accuracy(matrix)
    if metric == "f1":
        values = iou(matrix)[..., legend.targets]
        defined = np.isfinite(values)
        total = np.where(defined, 2 * values / (1 + values), 0).sum(axis=-1)
        return np.where(defined.any(axis=-1), total / np.maximum(defined.sum(axis=-1), 1), np.nan)
    return mean_iou(matrix, legend.targets if metric == "miou" else range(len(legend)))
