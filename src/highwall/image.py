"""Pixels with all that must travel with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from highwall.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox


@dataclass(frozen=True, eq=False)
class Image:
    """Reflectance of some ground."""

    pixels: NDArray[np.float32]
    """Reflectance `(band, y, x)`, mostly 0 to 1; finite everywhere, 0 where not valid."""

    valid: NDArray[np.bool_]
    """Where there is data, `(y, x)`."""

    bands: tuple[str, ...]
    """Sentinel-2 band names, one for each plane of `pixels`."""

    geobox: GeoBox | None = None
    """The grid on the ground, `(y, x)` like `valid`, or None where nothing is known of it."""

    def __post_init__(self) -> None:
        if self.pixels.shape != (len(self.bands), *self.valid.shape):
            raise ValueError(f"pixels {self.pixels.shape}, valid {self.valid.shape} and bands {self.bands} don't fit")
        if self.geobox is not None and tuple(self.geobox.shape) != self.valid.shape:
            raise ValueError(f"geobox {self.geobox.shape} and pixels {self.valid.shape} don't fit")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.valid.shape
        return height, width

    def select(self, bands: Sequence[str]) -> Image:
        """Return the image with these bands, in this order.

        Raises:
            BadInput: the image lacks one of them.
        """
        if tuple(bands) == self.bands:
            return self
        if lacking := [band for band in bands if band not in self.bands]:
            raise BadInput(f"band {' '.join(lacking)} is missing (there are {' '.join(self.bands)})")
        planes = [self.bands.index(band) for band in bands]
        return Image(self.pixels[planes], self.valid, tuple(bands), self.geobox)
