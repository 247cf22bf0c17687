"""How well scores were forecast where the truth was known, and how far the next forecast may be off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        """Return what to add to a forecast for so many tiles to get its interval, `(low or high, score)`.

        Quantiles of the errors on held-out groups of as many tiles, or of the largest that there were.
        """
        some = self.size == self.size[self.size <= max(tiles, self.size.min())].max()
        tails = ((1 - level) / 2, (1 + level) / 2)
        columns = [_quantiles(column, self.weight[some], tails) for column in self.residual[some].T]
        return np.array(columns).T

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all fields as arrays by name."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Judgement:
        """Make it again from `to_arrays`."""
        others = {name: value for name, value in arrays.items() if name != "chosen"}
        return cls(int(arrays["chosen"]), **others)


def _quantiles(values: NDArray[np.float64], weight: NDArray[np.float64], shares: Sequence[float]) -> list[float]:
    """Return weighted quantiles of the finite values; NaN where there are none."""
    there = np.isfinite(values)
    if not there.any():
        return [float("nan")] * len(shares)
    order = np.argsort(values[there])
    weights = weight[there][order]
    middle = (weights.cumsum() - weights / 2) / weights.sum()
    return [float(x) for x in np.interp(shares, middle, values[there][order])]
