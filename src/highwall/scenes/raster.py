"""Scenes in plain rasters: one file with all bands, or a file for each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from highwall.errors import BadInput
from highwall.header import DEFAULT_SCALES, TYPES, header_of, opened
from highwall.scenes.calibration import Calibration
from highwall.scenes.paths import server_options
from highwall.scenes.scene import DEFAULT_RESAMPLING, Origin, Plane, Resampling, Scene
from highwall.sentinel2 import BANDS, DEFAULT_BANDS, band_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from highwall.header import Header

_BAND: Final = re.compile(rf"(?<![A-Z0-9])({'|'.join(BANDS)})(?![0-9A-Z])", re.IGNORECASE)
_DATE: Final = re.compile(r"(?<!\d)(20\d{2})-?(\d{2})-?(\d{2})(?!\d)")


@dataclass(frozen=True)
class Encoding:
    """What a person says of plain rasters, where the files don't."""

    bands: tuple[str, ...] | None = None
    """Band names in file order."""

    scale: float | None = None
    """Reflectance = value * scale + offset."""

    offset: float | None = None
    """Reflectance at value 0."""


def open_raster(path: str, encoding: Encoding, resampling: Resampling = DEFAULT_RESAMPLING) -> Scene:
    """Open one raster that holds all bands, such as a GeoTIFF or COG.

    Bands are named by the encoding, else by the file's band descriptions, else six are taken for the default six, and
    one is named by the file's name.

    Raises:
        BadInput: it cannot be read, nothing names its bands, or its pixels are of a type that no image has.
    """
    header, geobox = _inspect(path)
    bands = encoding.bands or header.bands or (DEFAULT_BANDS if header.count == len(DEFAULT_BANDS) else None)
    if bands is None and header.count == 1:
        bands = (_band(path, header),)
    if bands is None:
        raise BadInput(f"{path}: nothing names its {header.count} bands; name them with --bands B02,B03,...")
    if len(bands) != header.count:
        raise BadInput(f"{path}: has {header.count} bands, not the {len(bands)} named ({' '.join(bands)})")
    by_name = header.bands is not None and set(header.bands) == set(bands)
    order = [(header.bands or bands).index(band) for band in bands] if by_name else range(header.count)
    planes = {band: _plane(path, index + 1, header, encoding) for band, index in zip(bands, order, strict=True)}
    return Scene(_name(path), geobox, planes, origin=_origin([path], header, encoding), resampling=resampling)


def open_files(
    paths: Sequence[str], encoding: Encoding, name: str | None = None, resampling: Resampling = DEFAULT_RESAMPLING
) -> Scene:
    """Open rasters that hold a band each; the finest of them gives the grid, and the others are resampled onto it.

    Bands are named by the encoding, in the order of the files, else by the files' band descriptions or names. Where
    a band is there more than once, as in L2A products, the finest file counts.

    Raises:
        BadInput: there is no file, or not as many as bands are named; a file cannot be read or names no band; two lie
            on grids that are not multiples of each other, or they cover different ground.
    """
    if not paths:
        raise BadInput("a scene needs one file or more")
    if encoding.bands and len(encoding.bands) != len(paths):
        raise BadInput(f"{paths[0]}: one of {len(paths)} files for {len(encoding.bands)} bands named")
    found: dict[str, tuple[str, Header, GeoBox]] = {}
    for position, path in enumerate(paths):
        header, geobox = _inspect(path)
        band = encoding.bands[position] if encoding.bands else _band(path, header)
        if header.count != 1:
            raise BadInput(f"{path}: has {header.count} bands; in a list of files each holds one")
        if band not in found or abs(geobox.affine.a) < abs(found[band][2].affine.a):
            found[band] = (path, header, geobox)
    finest = min((geobox for _, _, geobox in found.values()), key=lambda g: abs(g.affine.a))
    for path, _, geobox in found.values():
        check_nested(path, geobox, finest)
    ordered = sorted(found, key=list(BANDS).index)
    planes = {band: _plane(found[band][0], 1, found[band][1], encoding) for band in ordered}
    files = [found[band][0] for band in ordered]
    origin = _origin(files, found[ordered[0]][1], encoding)
    return Scene(name or _common_name(files), finest, planes, origin=origin, resampling=resampling)


def read_grid(path: str) -> GeoBox:
    """Return the grid of a raster.

    Raises:
        BadInput: it cannot be read, or its pixels are of a type that no image has.
    """
    return _inspect(path)[1]


def names_band(path: str) -> bool:
    """Tell whether a raster holds one band, and its description or its name says which.

    Raises:
        BadInput: it cannot be read.
    """
    header, _ = _inspect(path)
    return header.count == 1 and _named(path, header) is not None


def check_nested(path: str, geobox: GeoBox, grid: GeoBox) -> None:
    """Refuse a file whose pixels are not whole multiples of the grid's, over the same ground.

    Raises:
        BadInput: it lies on another grid.
    """
    ratio = geobox.affine.a / grid.affine.a
    rows, columns = (round(n * ratio) for n in geobox.shape)
    differ = geobox.crs != grid.crs
    differ |= abs(ratio - round(ratio)) > 1e-6 or abs(geobox.affine.e / grid.affine.e - ratio) > 1e-6
    corner, other = ((box.affine.c, box.affine.f) for box in (geobox, grid))
    differ |= not np.allclose(corner, other, rtol=0, atol=0.01 * abs(grid.affine.a))
    differ |= abs(rows - grid.shape[0]) >= ratio or abs(columns - grid.shape[1]) >= ratio
    if differ:
        west, south, east, north = grid.boundingbox
        raise BadInput(
            f"{path}: lies on another grid than the other bands (its corner is {corner[0] - other[0]:+g}, "
            f"{corner[1] - other[1]:+g} from theirs); gdalwarp -te {west} {south} {east} {north} puts it there"
        )


def _inspect(path: str) -> tuple[Header, GeoBox]:
    with rasterio.Env(**server_options([path])), opened(path) as source:
        header = header_of(source, path)
    if header.dtype not in TYPES:
        raise BadInput(f"{path}: pixels of type {header.dtype} (images are {', '.join(TYPES)})")
    return header, header.geobox or GeoBox(header.shape, Affine.scale(1, -1), None)


def _plane(path: str, index: int, header: Header, encoding: Encoding) -> Plane:
    scale = encoding.scale or header.scale or DEFAULT_SCALES[header.dtype]
    offset = encoding.offset if encoding.offset is not None else header.offset or 0.0
    # Zero in one band alone is deep shadow; zero in all of them is no data in any scene.
    nodata = None if header.nodata == 0 else header.nodata
    return Plane(path, index, Calibration.from_offset(scale, offset), nodata)


def _band(path: str, header: Header) -> str:
    band = _named(path, header)
    if band is None:
        raise BadInput(f"{path}: neither its description nor its name says which band it is")
    return band


def _named(path: str, header: Header) -> str | None:
    if header.bands is not None and header.count == 1:
        return header.bands[0]
    names = _BAND.findall(PurePath(path).stem)
    return band_names(names[-1:])[0] if names else None


def _origin(paths: Sequence[str], header: Header, encoding: Encoding) -> Origin:
    told = header.scale is not None or encoding.scale is not None or encoding.offset is not None
    match = _DATE.search(_name(paths[0]))
    return Origin(
        datetime=_date(match) if match else None,
        hrefs=tuple(paths),
        radiometry=("the options" if encoding.scale or encoding.offset is not None else "scale tags") if told else None,
    )


def _date(match: re.Match[str]) -> datetime | None:
    try:
        return datetime(*map(int, match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None


def _name(path: str) -> str:
    name = PurePath(path.partition("?")[0].rstrip("/")).name
    return name.removesuffix(PurePath(name).suffix) or "scene"


def _common_name(paths: Sequence[str]) -> str:
    parents = {PurePath(path).parent.name for path in paths}
    return parents.pop() if len(parents) == 1 else _name(paths[0])
