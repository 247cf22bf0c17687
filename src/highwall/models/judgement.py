"""How well scores were forecast where the truth was known, and how far the next forecast may be off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Judgement:
    """What came of forecasting groups of sites that were held out."""

    chosen: int
    """Which estimator forecast them best: its place in `forecasting.judge.ESTIMATORS`."""

    errors: NDArray[np.float64]
    """Mean absolute error of the mIoU `(estimator, 3)`: on tiles as they are, on altered ones, and the mean of both."""

    size: NDArray[np.int64]
    """Number of tiles of each forecast of the chosen one, `(forecast,)`."""

    weight: NDArray[np.float64]
    """How much each counts, likewise."""

    residual: NDArray[np.float64]
    """Truth minus forecast, `(forecast, score)`: of each class's IoU, of the accuracy and of the mIoU; NaN where
    undefined."""

    def margins(self, tiles: int, level: float = 0.9) -> NDArray[np.float64]:
        """Return how far a forecast for so many tiles may be off, up or down, `(score,)`.

        The quantile of the absolute errors on held-out groups of about as many tiles (not more, and more than two
        thirds), or of the largest that there were. It has no sign: networks of a fold are weaker than those they stand
        for, so that the errors' mean says little.
        """
        most = self.size[self.size <= max(tiles, self.size.min())].max()
        some = (self.size <= most) & (3 * self.size > 2 * most)
        return np.array([_quantile(np.abs(column), self.weight[some], level) for column in self.residual[some].T])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all fields as arrays by name."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Judgement:
        """Make it again from `to_arrays`."""
        others = {name: value for name, value in arrays.items() if name != "chosen"}
        return cls(int(arrays["chosen"]), **others)


def _quantile(values: NDArray[np.float64], weight: NDArray[np.float64], share: float) -> float:
    """Return a weighted quantile of the finite values; NaN where there are none."""
    there = np.isfinite(values)
    if not there.any():
        return float("nan")
    order = np.argsort(values[there])
    weights = weight[there][order]
    middle = (weights.cumsum() - weights / 2) / weights.sum()
    return float(np.interp(share, middle, values[there][order]))
