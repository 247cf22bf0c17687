"""Colours for numbers from 0 to 1: even steps look even, and colour-blind eyes see them too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rio_tiler.colormap import cmap

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS: Final = 8


@dataclass(frozen=True)
class Ramp:
    """A perceptually uniform ramp."""

    name: str
    """Name of the colour map."""

    what: str
    """What its numbers are, in a sentence."""

    low: str
    """What 0 means."""

    high: str
    """What 1 means."""

    def table(self, scale: float) -> NDArray[np.uint8]:
        """Return the colours `(256, 4)` of counts: red, green, blue and opacity.

        Args:
            scale: number from 0 to 1 per count.
        """
        value = np.clip(np.arange(256) * scale, 0, 1)
        colors: NDArray[np.uint8] = self._colors[np.rint(value * 255).astype(int)]
        return colors

    def to_json(self) -> dict[str, Any]:
        """Return what a legend shows: colours at even steps from `from` to `to`."""
        colors = self._colors[np.linspace(0, 255, _STEPS + 1).round().astype(int), :3]
        return {
            "name": self.name,
            "what": self.what,
            "from": 0,
            "to": 1,
            "low": self.low,
            "high": self.high,
            "colors": [f"#{bytes(color.tolist()).hex()}" for color in colors],
        }

    @property
    def _colors(self) -> NDArray[np.uint8]:
        colors = cmap.get(self.name)
        return np.array([colors[value] for value in range(256)], np.uint8)


PROBABILITY: Final = Ramp(
    "viridis", "Probability of the class, as the model gives it.", "0: it is another class", "1: it is this class"
)
"""Viridis (Smith and van der Walt 2015)."""

APPLICABILITY: Final = Ramp(
    "cividis",
    "How far the training of the model knows such ground (Meyer and Pebesma 2021). Below 0.5: outside its experience.",
    "0: unlike all training ground",
    "1: like training ground",
)
"""Cividis (Nunez, Anderton and Renslow 2018)."""
