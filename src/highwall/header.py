"""What a TIFF says of itself before its pixels are read."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from highwall.errors import BadInput
from highwall.sentinel2 import band_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TYPES: Final = ("uint8", "uint16", "int16", "float32", "float64")
"""Pixel types that an image can have."""

DEFAULT_SCALES: Final = {"uint8": 1 / 255, "uint16": 1e-4, "int16": 1e-4, "float32": 1.0, "float64": 1.0}
"""Pixel type to reflectance per count where nothing tells it."""


@dataclass(frozen=True)
class Header:
    """The outside of one TIFF."""

    path: Path | str
    shape: tuple[int, int]
    """Height and width in pixels."""

    count: int
    """Number of bands."""

    dtype: str
    """Pixel type, such as `uint16`."""

    bands: tuple[str, ...] | None
    """Sentinel-2 band names from the descriptions, or None unless every band has one."""

    scale: float | None
    """Reflectance per count as the scale tag says, or None where there is no such tag."""

    offset: float | None
    """Reflectance at 0 as the offset tag says, or None where there is no such tag."""

    nodata: float | None
    """The value that stands for no data."""

    geobox: GeoBox | None
    """The grid on the ground, or None without a coordinate reference system of the earth."""


@contextmanager
def opened(path: Path | str) -> Iterator[Any]:
    """Open an image with rasterio; what GDAL cannot read becomes a `BadInput` that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # georeferencing is welcome, never required
            source = rasterio.open(path)
        with source:
            yield source
    except RasterioError as error:
        reason = str(error.__cause__ or error).splitlines()[0].removeprefix(f"{path}: ").removeprefix(f"'{path}' ")
        kind = " as TIFF" if str(path).lower().endswith((".tif", ".tiff")) else ""
        raise BadInput(f"{path}: not readable{kind}, or truncated ({reason})") from None


def header_of(source: Any, path: Path | str) -> Header:
    """Describe an open rasterio dataset.

    Raises:
        BadInput: its bands have different scales or offsets.
    """
    if len({*zip(source.scales, source.offsets, strict=True)}) > 1:
        raise BadInput(f"{path}: its bands have different scales or offsets")
    scale, offset = source.scales[0], source.offsets[0]
    on_earth = source.crs is not None and (source.crs.is_geographic or source.crs.is_projected)
    tagged = (scale, offset) != (1.0, 0.0)
    return Header(
        path=path,
        shape=source.shape,
        count=source.count,
        dtype=source.dtypes[0],
        bands=_described_bands(source.descriptions),
        scale=scale if tagged else None,
        offset=offset if tagged else None,
        nodata=source.nodata,
        geobox=GeoBox.from_rio(source) if on_earth else None,
    )


def read_header(path: Path) -> Header:
    """Read the outside of a TIFF.

    Raises:
        BadInput: it cannot be opened.
    """
    with opened(path) as source:
        return header_of(source, path)


def _described_bands(descriptions: tuple[str | None, ...]) -> tuple[str, ...] | None:
    try:
        return band_names(name or "" for name in descriptions)
    except BadInput:
        return None
