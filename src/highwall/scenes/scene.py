"""A scene: something large that hands out images by window, whatever product it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from highwall.errors import BadInput
from highwall.scenes.calibration import Calibration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from odc.geo.geobox import GeoBox

    from highwall.image import Image
    from highwall.scenes.reader import SceneReader

Window = tuple[slice, slice]
"""Rows and columns of a scene's grid, each a slice with start and stop."""

Resampling = Literal["nearest", "bilinear", "cubic"]

DEFAULT_RESAMPLING: Final[Resampling] = "bilinear"
"""How bands of 20 or 60 m get onto the grid of 10 m."""


@dataclass(frozen=True)
class Plane:
    """One band of a scene: where its counts are, and what they mean."""

    path: str
    """Whatever GDAL opens: a file, a URL behind /vsicurl/, a member of a zip behind /vsizip/, ..."""

    index: int = 1
    """Number of the band in that dataset, from 1."""

    calibration: Calibration = field(default_factory=Calibration)
    """What its counts mean."""

    nodata: float | None = None
    """The count that says that this band has no data there, if there is one.

    A pixel without data in one of the bands in use is not valid; nor is, in any scene, a pixel that is 0 in
    all of them, nor one that is not finite.
    """


@dataclass(frozen=True)
class Flag:
    """Pixels that a product itself marks: flawed ones, or clouds and their shadows."""

    path: str
    """Whatever GDAL opens; any resolution, as long as it covers the scene."""

    values: frozenset[int]
    """The values that mark a pixel."""

    index: int = 1
    """Number of the band in that dataset, from 1."""

    band: str | None = None
    """The only Sentinel-2 band that it concerns, or None where it concerns all."""


@dataclass(frozen=True)
class Origin:
    """What a product says of itself."""

    datetime: datetime | None = None
    """When the image was taken, in UTC."""

    platform: str | None = None
    """The satellite, such as `sentinel-2a`."""

    level: str | None = None
    """`L1C` (top of the atmosphere) or `L2A` (surface)."""

    baseline: str | None = None
    """Version of the ground processor, such as `05.09`."""

    hrefs: tuple[str, ...] = ()
    """Where it was read from, and where else it is to be found: what `derived_from` links name."""

    radiometry: str | None = None
    """Which part of the product tells what its counts mean, or None where nothing does."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Bands of some ground on one grid. It holds no open file, and can be sent to another process."""

    id: str
    """Name of the product, without folder and suffix; fit for a file's name."""

    geobox: GeoBox
    """The grid, `(y, x)`; without a coordinate reference system where nothing is known of the ground."""

    planes: Mapping[str, Plane]
    """Sentinel-2 band name to where the band is."""

    flaws: tuple[Flag, ...] = ()
    """What makes pixels invalid beside their counts: outside the detectors, lost, defective."""

    clouds: Flag | None = None
    """What marks clouds, their shadows and saturated pixels, such as the scene classification of L2A."""

    origin: Origin = field(default_factory=Origin)
    """What the product says of itself."""

    resampling: Resampling = DEFAULT_RESAMPLING
    """How bands of a coarser grid get onto this one."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Sentinel-2 band names, in the product's order."""
        return tuple(self.planes)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.geobox.shape
        return int(height), int(width)

    def open(self, bands: Sequence[str] | None = None) -> SceneReader:
        """Open these bands (all, if None) for reading; use it as a context manager, in one thread.

        Raises:
            BadInput: the scene lacks one of the bands, or a file of it cannot be read.
        """
        from highwall.scenes.reader import SceneReader  # noqa: PLC0415 - a scene itself needs no GDAL

        bands = self.bands if bands is None else tuple(bands)
        if lacking := [band for band in bands if band not in self.planes]:
            raise BadInput(f"{self.id}: band {' '.join(lacking)} is missing (there are {' '.join(self.bands)})")
        return SceneReader(self, bands)

    def read(self, window: Window | None = None, bands: Sequence[str] | None = None) -> Image:
        """Read a window (all, if None) of these bands (all, if None) as an image.

        Raises:
            BadInput: as `open`, or the window lies outside the scene.
        """
        with self.open(bands) as reader:
            return reader.read(window)
