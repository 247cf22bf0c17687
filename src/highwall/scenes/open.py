"""Opens whatever a scene can be."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from highwall.errors import BadInput
from highwall.scenes.calibration import Calibration
from highwall.scenes.paths import gdal_path, is_remote
from highwall.scenes.raster import Encoding, names_band, open_files, open_raster
from highwall.scenes.scene import DEFAULT_RESAMPLING, Resampling, Scene
from highwall.sentinel2 import band_names

if TYPE_CHECKING:
    from collections.abc import Sequence

_ITEM: Final = re.compile(r"https?://.+/collections/[^/]+/items/[^/]+")
"""Address of an item in a STAC API, which has no suffix."""

RASTERS: Final = (".tif", ".tiff", ".jp2", ".vrt", ".img")
"""Suffixes of the files looked for in a folder."""


def open_scene(
    path: Path | str | Sequence[Path | str],
    *,
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> Scene:
    """Open a scene, whatever it is.

    Args:
        path: a GeoTIFF or COG with all bands; a folder or a list of files with a band each; a SAFE folder or zip,
            L1C or L2A; a STAC item, as file or URL; an EOPF Zarr product. `http(s)` and `s3` URLs work too.
        bands: band names in file order, where plain rasters don't tell them.
        scale: reflectance per count, where plain rasters don't tell it, or a product or catalogue is wrong.
        offset: reflectance at count 0, likewise.
        resampling: how bands of a coarser grid get onto the finest one: `nearest`, `bilinear` or `cubic`.

    Raises:
        BadInput: it is none of these, or it is incomplete or damaged, or scale or offset is impossible, or bands are
            named for a product that names its own.
    """
    if scale is not None and not 0 < scale < math.inf:
        raise BadInput(f"a scale must be positive, not {scale:g}")
    if offset is not None and not math.isfinite(offset):
        raise BadInput(f"an offset must be a number, not {offset:g}")
    encoding = Encoding(None if bands is None else band_names(bands), scale, offset)
    if not isinstance(path, Path | str):
        return open_files([gdal_path(str(part)) for part in path], encoding, resampling=resampling)
    name = str(path)
    suffix = PurePath(name.partition("?")[0].rstrip("/")).suffix.lower()
    if suffix in (".json", ".geojson") or _ITEM.fullmatch(name):
        from highwall.scenes.stac import open_item  # noqa: PLC0415 - an extra

        return _told_otherwise(open_item(name, resampling=resampling), encoding)
    if suffix == ".zarr" or name.lower().endswith(".zarr.zip"):
        from highwall.scenes.eopf import open_eopf  # noqa: PLC0415 - an extra

        return _told_otherwise(open_eopf(name, resampling=resampling), encoding)
    location = gdal_path(name)
    if suffix in (".safe", ".zip") or PurePath(name).name.startswith("MTD_MSIL") or _is_safe(location):
        from highwall.scenes.safe import open_safe  # noqa: PLC0415 - parses XML, which the others don't need

        return _told_otherwise(open_safe(location, resampling=resampling), encoding)
    if not is_remote(location) and Path(location).is_dir():
        return _open_folder(Path(location), encoding, resampling)
    return open_raster(location, encoding, resampling)


def _told_otherwise(scene: Scene, encoding: Encoding) -> Scene:
    """Let a person's word on what counts mean go before the product's."""
    if encoding.bands is not None:
        raise BadInput(f"{scene.id}: the product names its own bands, which --bands can't change")
    if encoding.scale is None and encoding.offset is None:
        return scene
    planes = {}
    for band, plane in scene.planes.items():
        scale = plane.calibration.scale if encoding.scale is None else encoding.scale
        offset = plane.calibration.offset if encoding.offset is None else encoding.offset
        planes[band] = replace(plane, calibration=Calibration.from_offset(scale, offset))
    return replace(scene, planes=planes, origin=replace(scene.origin, radiometry="the options"))


def _is_safe(location: str) -> bool:
    return not is_remote(location) and any(Path(location).glob("MTD_MSIL*.xml"))


def _open_folder(folder: Path, encoding: Encoding, resampling: Resampling) -> Scene:
    files = sorted(str(file) for file in folder.iterdir() if file.suffix.lower() in RASTERS)
    if not files:
        raise BadInput(f"{folder}: no scene in this folder (no SAFE metadata, no raster)")
    if len(files) == 1:
        return open_raster(files[0], encoding, resampling)
    if encoding.bands is None:  # previews and masks lie there too
        files = [file for file in files if names_band(file)] or files
    return open_files(files, encoding, folder.resolve().name, resampling)
