"""Tells which windows of a scene need no work, since they hold nothing but background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.mapping.ground import Ground
    from highwall.mapping.windows import Axis
    from highwall.models.first_look import FirstLook


@dataclass(frozen=True, eq=False)
class Background:
    """Called with the ground of a row of windows, it tells which of them hold background alone, `(column,)`."""

    columns: Axis
    """The windows of a row."""

    sea: NDArray[np.bool_] | None = None
    """Windows in open water, `(row of windows, column)`."""

    first_look: FirstLook | None = None
    """Takes the same bands as the predictor, in the same order."""

    def __call__(self, ground: Ground) -> NDArray[np.bool_]:
        """Tell which windows of a row are background, `(column,)`."""
        sea = np.zeros(len(self.columns), bool) if self.sea is None else self.sea[ground.number]
        if self.first_look is None or sea.all():
            return sea
        starts, window = self.columns.starts.tolist(), self.columns.window
        return sea | ~self.first_look.keeps(ground.pixels, ground.known, starts, window)
