"""The forecast: scores to expect on ground without labels, and how far they may be off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from highwall.forecasting.judge import ESTIMATORS, LITERATURE, expected_classes, mean_iou
from highwall.forecasting.learned import fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.legend import Legend
    from highwall.models.judgement import Judgement
    from highwall.models.observation import Observations
    from highwall.models.record import Record


@dataclass(frozen=True, eq=False)
class Forecast:
    """Scores to expect of the answer that counts. All are from 0 to 1, NaN where nothing is known."""

    legend: Legend
    iou: NDArray[np.float64]
    """IoU of each class `(class,)`."""

    accuracy: float
    """Share of pixels that will be right."""

    miou: float
    """Mean IoU of the target classes that will occur in truth or answer."""

    low: NDArray[np.float64]
    """Lower ends of the 90 % intervals: of each class's IoU, of the accuracy and of the mIoU, `(score,)`."""

    high: NDArray[np.float64]
    """Upper ends, likewise."""

    estimator: str
    """Which estimator made it: the one that forecast held-out sites best in training."""

    errors: dict[str, dict[str, float | None]]
    """What `errors_by_estimator` tells of them all."""

    def to_json(self) -> dict[str, Any]:
        """Return the forecast by name, None where nothing is known."""
        names = self.legend.names
        bounds = [None if np.isnan(ends).any() else ends.tolist() for ends in np.column_stack([self.low, self.high])]
        return {
            "accuracy": _known(self.accuracy),
            "miou": _known(self.miou),
            "iou": {name: _known(float(value)) for name, value in zip(names, self.iou, strict=True)},
            "interval": {
                "accuracy": bounds[-2],
                "miou": bounds[-1],
                "iou": dict(zip(names, bounds[:-2], strict=True)),
            },
            "estimator": self.estimator,
            "errors": self.errors,
        }


def forecast_scores(record: Record, observations: Observations, legend: Legend) -> Forecast | None:
    """Forecast the scores on new tiles.

    The estimator is the one that forecast held-out sites best. The interval is the forecast plus and minus the
    quantile of its errors there: as wide as the forecasts were wrong.

    Args:
        record: of the model's training.
        observations: of the new tiles.
        legend: the model's classes.

    Returns:
        The forecast; None where training had nothing to learn to forecast from.
    """
    judgement = record.judgement
    if judgement is None:
        return None
    known = record.trials
    name = ESTIMATORS[judgement.chosen]
    honest = known[known.honest]
    estimate = LITERATURE[name](honest, observations) if name in LITERATURE else fit(known)(observations)
    iou = expected_classes(estimate, observations, honest).iou
    values = np.concatenate([iou, [estimate.accuracy, mean_iou(iou, legend.targets)]])
    margins = judgement.margins(len(observations))
    low, high = (np.clip(values + sign * margins, 0, 1) for sign in (-1, 1))
    return Forecast(legend, iou, float(values[-2]), float(values[-1]), low, high, name, errors_by_estimator(judgement))


def errors_by_estimator(judgement: Judgement) -> dict[str, dict[str, float | None]]:
    """Return by estimator the mean absolute error of the mIoU on held-out sites.

    On tiles as they are (`natural`), on altered ones (`altered`), and the mean of both (`all`); None where there are
    none.
    """
    return {
        name: {key: _known(value) for key, value in zip(("natural", "altered", "all"), row, strict=True)}
        for name, row in zip(ESTIMATORS, judgement.errors.tolist(), strict=True)
    }


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
