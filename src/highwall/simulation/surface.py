"""What lies on the ground, while a site is being built."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from highwall.simulation.spectra import Material

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.simulation.ground import Floats, Ground, Mask


@dataclass
class Surface:
    """Elevation, cover and truth of a site; the builders paint into its arrays, all `(row, column)`."""

    ground: Ground
    """The raster."""

    elevation: Floats
    """Metres."""

    first: NDArray[np.uint8]
    """Material of each cell."""

    second: NDArray[np.uint8]
    """A material mixed into the first."""

    share: Floats
    """Area share of the second material, 0 to 1."""

    tone: Floats
    """Logarithm of a brightness factor, 0 where the material has its usual brightness."""

    labels: NDArray[np.uint8]
    """Class indices of the default legend."""

    @classmethod
    def bare(cls, ground: Ground, elevation: Floats) -> Surface:
        """Return a surface of soil."""
        soil = np.full(ground.shape, Material.SOIL, np.uint8)
        zero = np.zeros(ground.shape, np.float32)
        return cls(ground, elevation, soil, soil.copy(), zero, zero.copy(), np.zeros(ground.shape, np.uint8))

    def paint(
        self,
        where: Mask,
        first: Material | NDArray[np.uint8],
        second: Material | NDArray[np.uint8] | None = None,
        share: Floats | float = 0.0,
        tone: Floats | float = 0.0,
    ) -> None:
        """Cover the cells of a mask with a mix of two materials; arrays have the shape of the mask."""
        both = (
            (self.first, first),
            (self.second, first if second is None else second),
            (self.share, share),
            (self.tone, tone),
        )
        for layer, value in both:
            np.copyto(layer, np.asarray(value, layer.dtype), where=where)

    def around(self, place: tuple[float, float], reach: float) -> tuple[Surface, tuple[float, float]]:
        """Return a view of the part within `reach` metres of a place (x, y), and the place in its coordinates.

        Painting the view paints the whole.
        """
        window = rows, columns = self.ground.window(place, reach)
        elevation = self.elevation[window]
        part = Surface(
            replace(self.ground, shape=elevation.shape),
            elevation,
            self.first[window],
            self.second[window],
            self.share[window],
            self.tone[window],
            self.labels[window],
        )
        cell = self.ground.cell
        return part, (place[0] - columns.start * cell, place[1] - rows.start * cell)
