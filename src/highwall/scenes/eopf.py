"""ESA's EOPF Zarr products as scenes."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import rasterio

from highwall.errors import BadInput
from highwall.scenes.calibration import Calibration
from highwall.scenes.paths import gdal_path, local_path, read_bytes
from highwall.scenes.raster import read_grid
from highwall.scenes.scene import DEFAULT_RESAMPLING, Flag, Origin, Plane, Resampling, Scene
from highwall.sentinel2 import BANDS, QUANTIFICATION, SCL_CLOUDS

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

_SCL: Final = "conditions/mask/l2a_classification/r20m/scl"

_LOST: Final = ("MSI_LOST", "QT_DEFECTIVE_PIXELS", "QT_NODATA_PIXELS")
"""What the quality mask of a band calls pixels that were not measured."""


def open_eopf(location: str, *, resampling: Resampling = DEFAULT_RESAMPLING) -> Scene:
    """Open an EOPF product of Sentinel-2, L1C or L2A: a folder, a `.zarr.zip`, or the http(s) address of a folder.

    Groups and attributes are read with zarr, pixels with GDAL: Zarr's format 2, in which the products come, with any,
    format 3 with GDAL 3.11 or newer. A band's counts mean what its attributes `scale_factor` and `add_offset` say;
    0 is no data (`fill_value`, with a `valid_min` of 1). Pixels that were not measured are marked by the bands'
    quality masks in L1C products, and by the scene classification, with clouds and their shadows, in L2A products.
    Source of the layout: products of ESA's EOPF Sample Service, processed with baseline 05.11.

    Raises:
        BadInput: it is no such product, it is damaged, or GDAL cannot read its format.
    """
    root = _open_group(location)
    arrays = _bands(root)
    if not arrays:
        raise BadInput(f"{location}: no EOPF product of Sentinel-2 (no bands in measurements/reflectance)")
    about = dict(root.attrs)
    properties = about.get("stac_discovery", {}).get("properties", {})
    crs = _crs(about, properties, next(iter(arrays.values())).attrs)
    planes = {band: _plane(_gdal_name(location, array, crs), array) for band, array in arrays.items()}
    finest = max(arrays, key=lambda band: arrays[band].shape[0])
    return Scene(
        id=PurePath(location.rstrip("/")).name.removesuffix(".zip").removesuffix(".zarr") or "scene",
        geobox=_grid(location, planes[finest], root),
        planes=planes,
        flaws=() if _SCL in root else tuple(_flaws(location, root, arrays, crs)),
        clouds=Flag(_gdal_name(location, root[_SCL], crs), SCL_CLOUDS) if _SCL in root else None,
        origin=_origin(location, properties, arrays),
        resampling=resampling,
    )


def _open_group(location: str) -> Any:
    """Open the product's root group; of one on a server only the metadata, which products hold in one file."""
    try:
        import zarr  # noqa: PLC0415 - an extra
        from zarr.storage import LocalStore, MemoryStore, ZipStore  # noqa: PLC0415
    except ImportError:
        raise BadInput(f"{location}: EOPF products need zarr: pip install 'highwall[eopf]'") from None
    if urlsplit(location).scheme in ("http", "https"):
        store: Any = MemoryStore(_remote_metadata(location))
    elif local_path(location).lower().endswith(".zip"):
        store = ZipStore(Path(gdal_path(location)), mode="r")
    else:
        store = LocalStore(Path(gdal_path(location)), read_only=True)
    try:
        return zarr.open_group(store, mode="r")
    except Exception as error:  # noqa: BLE001 - whatever zarr raises for what is no product
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BadInput(f"{location}: not readable as Zarr ({reason})") from None


def _remote_metadata(location: str) -> dict[str, Any]:
    """Fetch all metadata of a product on a server; return it as zarr would find it, by file name."""
    from zarr.core.buffer import default_buffer_prototype  # noqa: PLC0415 - an extra

    try:
        content = read_bytes(f"{location.rstrip('/')}/.zmetadata")
    except BadInput as missing:
        try:
            files = {"zarr.json": read_bytes(f"{location.rstrip('/')}/zarr.json")}
        except BadInput:
            raise missing from None
    else:
        try:
            files = {name: json.dumps(part).encode() for name, part in json.loads(content)["metadata"].items()}
        except (AttributeError, KeyError, TypeError, ValueError):
            raise BadInput(f"{location}/.zmetadata: no metadata of Zarr") from None
    buffer = default_buffer_prototype().buffer
    return {name: buffer.from_bytes(part) for name, part in files.items()}


def _bands(root: Any) -> dict[str, Any]:
    """Return the finest array of each band, bands in the order of their wavelengths."""
    found = {}
    for size in (60, 20, 10):
        group = f"measurements/reflectance/r{size}m"
        for band in BANDS:
            if (path := f"{group}/{band.lower()}") in root:
                found[band] = root[path]
    return {band: found[band] for band in BANDS if band in found}


def _gdal_name(location: str, array: Any, crs: str) -> str:
    """Return what GDAL opens for an array: it finds the grid in the coordinates, but not the reference system."""
    place = gdal_path(location).rstrip("/")
    if place.lower().endswith(".zip"):
        place = f"/vsizip/{{{place}}}"
    return f'vrt://ZARR:"{place}/{array.path}"?a_srs={crs}'


def _plane(path: str, array: Any) -> Plane:
    scale, offset = _attribute(array, "scale_factor"), _attribute(array, "add_offset")
    told = (_attribute(array, name) for name in ("_FillValue", "fill_value"))
    nodata = next((value for value in told if value is not None), array.fill_value)
    calibration = Calibration.from_offset(float(scale or QUANTIFICATION), float(offset or 0.0))
    return Plane(path, 1, calibration, 0.0 if nodata is None else float(nodata))


def _attribute(array: Any, name: str) -> Any:
    return array.attrs.get(name, array.attrs.get("_eopf_attrs", {}).get(name))


def _crs(about: dict[str, Any], properties: dict[str, Any], array: Any) -> str:
    """Return the code of the reference system, such as `EPSG:32632`."""
    for told in (array, properties):
        if code := told.get("proj:code") or told.get("proj:epsg"):
            return code if str(code).startswith("EPSG:") else f"EPSG:{code}"
    return str(about.get("other_metadata", {}).get("horizontal_CRS_code", ""))


def _grid(location: str, plane: Plane, root: Any) -> GeoBox:
    try:
        grid = read_grid(plane.path)
    except BadInput as error:
        if root.metadata.zarr_format == 3 and "codec" in str(error):
            version = rasterio.__gdal_version__
            raise BadInput(f"{location}: Zarr format 3 needs GDAL 3.11 or newer (this is {version})") from None
        raise
    if grid.crs is None:
        raise BadInput(f"{location}: nothing tells its coordinate reference system")
    return grid


def _flaws(location: str, root: Any, arrays: dict[str, Any], crs: str) -> list[Flag]:
    """Return the quality masks of all bands that have one."""
    flaws = []
    for band, array in arrays.items():
        path = re.sub("^.*/(r[0-9]+m/)", r"quality/mask/\1", array.path)
        if path not in root:
            continue
        mask = root[path]
        meanings, bits = (_attribute(mask, name) or () for name in ("flag_meanings", "flag_masks"))
        names = meanings.split() if isinstance(meanings, str) else meanings
        lost = sum(bit for name, bit in zip(names, bits, strict=False) if name in _LOST)
        marked = frozenset(value for value in range(256) if value & lost)
        flaws.append(Flag(_gdal_name(location, mask, crs), marked, band=band))
    return flaws


def _origin(location: str, properties: dict[str, Any], arrays: dict[str, Any]) -> Origin:
    told = all(_attribute(array, "scale_factor") is not None for array in arrays.values())
    level = str(properties.get("processing:level") or properties.get("product:type"))
    return Origin(
        datetime=_datetime(properties.get("datetime")) or _datetime(properties.get("start_datetime")),
        platform=properties.get("platform"),
        level=next((name for name in ("L1C", "L2A") if name in level), None),
        baseline=properties.get("eopf:baseline"),
        hrefs=(location,),
        radiometry="scale_factor and add_offset" if told else None,
    )


def _datetime(text: Any) -> datetime | None:
    """Parse a time; products write `null` as text, too."""
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
