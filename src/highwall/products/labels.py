"""A map in pixels, and where it is from: what polygons are made of."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import datetime as dt

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.legend import Legend


OUTSIDE: Final = 0.5
"""Applicability below which ground lies outside of the training experience (`Experience.applicability`)."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Class ids of some ground; the arrays may lie on disk (`np.memmap`), and are read a few rows at a time."""

    classes: NDArray[np.uint8]
    """Class ids `(y, x)`; 255 where unknown: no data, or masked."""

    probabilities: NDArray[np.uint8] | None
    """Class probabilities `(y, class, x)` in counts of 1 / `engine.STEPS`, in the order of the legend; 255 is no data.
    None where nobody knows them."""

    geobox: GeoBox
    """The grid on the ground, `(y, x)`; without a coordinate reference system where nothing is known of the ground."""

    legend: Legend
    """What the ids mean."""

    applicability: NDArray[np.uint8] | None = None
    """How far the training knows the ground, `(y, x)`, in the same counts; 255 is no data. None where nobody knows."""

    def __post_init__(self) -> None:
        height, width = self.classes.shape
        if tuple(self.geobox.shape) != (height, width):
            raise ValueError(f"geobox {self.geobox.shape} and classes {self.classes.shape} don't fit")
        if self.probabilities is not None and self.probabilities.shape != (height, len(self.legend), width):
            raise ValueError(f"probabilities {self.probabilities.shape} and classes {self.classes.shape} don't fit")
        if self.applicability is not None and self.applicability.shape != (height, width):
            raise ValueError(f"applicability {self.applicability.shape} and classes {self.classes.shape} don't fit")

    def let_go(self) -> None:
        """Tell the system that what was read of arrays on disk need not stay in this process's memory."""
        for array in (self.classes, self.probabilities, self.applicability):
            _let_go(array)


@dataclass(frozen=True)
class Provenance:
    """Where a map is from."""

    scene: str
    """Name of the scene."""

    date: dt.date | None
    """Day on which the image was taken, in UTC; None where unknown."""

    model: str
    """Name of the model."""


def _let_go(array: Any) -> None:
    if isinstance(array, np.memmap) and array.mode in ("r", "r+") and hasattr(mmap, "MADV_DONTNEED"):
        array._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined] # noqa: SLF001 - numpy gives no other way
