"""Whether ground is new: how it differs from what a model was trained on, in numbers and in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.forecasting.domain import domain_shift
from highwall.forecasting.looks import look_names
from highwall.forecasting.priors import prior_shift
from highwall.forecasting.radiometry import radiometric_shift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.forecasting.domain import DomainShift
    from highwall.forecasting.forecast import Forecast
    from highwall.forecasting.priors import PriorShift
    from highwall.forecasting.radiometry import RadiometricShift
    from highwall.models.observation import Observations
    from highwall.models.record import Record


OTHER: Final = 0.75
"""AUC above which ground is called other ground."""

_SAME: Final = 0.25
"""Mean dissimilarity, in thresholds, below which ground is taken for the training's own."""


@dataclass(frozen=True, eq=False)
class Shift:
    """How new tiles differ from training tiles."""

    observations: Observations
    outside: NDArray[np.bool_]
    """Which tiles lie outside of the training experience, `(tile,)`."""

    domain: DomainShift
    radiometry: RadiometricShift
    priors: PriorShift

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return all by name; `classes` are those of the model."""
        return {
            "auc": self.domain.auc,
            "outside": float(self.outside.mean()),
            "giveaways": self.domain.to_json()["giveaways"],
            "radiometry": self.radiometry.to_json(),
            "priors": {
                way: None if shares is None else dict(zip(classes, shares, strict=True))
                for way, shares in self.priors.to_json().items()
            },
        }

    def ground(self) -> str:
        """Say in a few words what ground this is."""
        if self.observations.dissimilarity.mean() < _SAME and self.outside.mean() < 0.5:
            return "ground that was learned from"
        told = self.radiometry.cause or self.domain.describe()
        auc = self.domain.auc
        kind = "" if auc is None else "other ground" if auc > OTHER else "ground like that of the training"
        return ", ".join(part for part in (kind, told) if part)


def measure_shift(
    record: Record,
    bands: Sequence[str],
    observations: Observations,
    looks: NDArray[np.float32],
    sites: Sequence[int],
    probabilities: NDArray[np.float32],
) -> Shift:
    """Compare new tiles with training tiles.

    Args:
        record: of the training.
        bands: of the model.
        observations: of the new tiles.
        looks: what they look like `(tile, statistic)`.
        sites: site of each new tile.
        probabilities: calibrated, of pixels drawn from all of them `(pixel, class)`.
    """
    names = look_names(bands)
    matrix = record.trials[record.trials.honest].confusion.sum(0)
    return Shift(
        observations,
        record.outside(observations),
        domain_shift(record.looks, record.sites, looks, sites, names),
        radiometric_shift(record.looks, looks, bands, names),
        prior_shift(probabilities, matrix.sum(1) / matrix.sum(), matrix.astype(np.int64)),
    )


def sentence(forecast: Forecast | None, shift: Shift) -> str:
    """Say it all in one plain sentence."""
    outside, tiles = int(shift.outside.sum()), len(shift.outside)
    where = f"{outside} of {tiles} tiles lie outside the training experience"
    said = f"{ground}; {where}" if (ground := shift.ground()) else where
    if forecast is None or np.isnan(forecast.miou):
        return f"Nothing is known of the score to expect: {said}."
    numbers = f"{100 * forecast.miou:.0f} ({100 * forecast.low[-1]:.0f} to {100 * forecast.high[-1]:.0f})"
    return f"Expect a mIoU of about {numbers}: {said}."
