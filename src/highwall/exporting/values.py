"""What the values of a raster are, of which a program that runs the file knows nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.errors import BadInput
from highwall.sentinel2 import QUANTIFICATION, band_names

if TYPE_CHECKING:
    from numpy.typing import NDArray


LEAST: Final = 1e-4
"""Least reflectance above no data, in rasters of fractions."""


@dataclass(frozen=True)
class Values:
    """Channels of a raster, and what reflectance its values stand for: `value * scale + offset`."""

    bands: tuple[str, ...]
    """Band of each channel, in the raster's order."""

    scale: float = QUANTIFICATION
    """Reflectance per count; 1 for a raster that holds reflectance."""

    offset: float = 0.0
    """Reflectance at 0, such as -0.1 for products as ESA hands them out since 2022. There, 0 in all bands still means
    no data."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            BadInput: a band is unknown or named twice, or a number is not one to scale with.
        """
        object.__setattr__(self, "bands", band_names(self.bands))
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise BadInput(f"scale {self.scale}: must be above 0")
        if not math.isfinite(self.offset):
            raise BadInput(f"offset {self.offset}: must be a number")

    @property
    def counts(self) -> bool:
        """Whether values are whole numbers, as fine as the scale tells them apart."""
        return self.scale < 0.01

    @property
    def no_data_below(self) -> float:
        """Reflectance that lies between that of 0 and that of the least value."""
        return self.offset + min(self.scale, LEAST) / 2

    def reflectance(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Turn values `(n, channel, y, x)` into reflectance, 0 in all channels where there is no data."""
        reflectance = values.astype(np.float32) * np.float32(self.scale) + np.float32(self.offset)
        return np.where(values.any(axis=1, keepdims=True), reflectance, np.float32(0))

    def values(self, reflectance: NDArray[np.floating[Any]]) -> NDArray[np.uint16] | NDArray[np.float32]:
        """Turn reflectance `(n, channel, y, x)` into the nearest values, of which 0 is for no data alone."""
        values = (reflectance - self.offset) / self.scale
        some = reflectance.any(axis=1, keepdims=True)
        if self.counts:
            return np.where(some, np.clip(np.rint(values), 1, 65535), 0).astype(np.uint16)
        return np.where(some, np.maximum(values, LEAST / self.scale), 0).astype(np.float32)
