"""Maps on disk, as the page shows them."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.warp import transform_bounds

from highwall.errors import BadInput
from highwall.header import opened
from highwall.legend import UNKNOWN
from highwall.products.map_folder import MapFolder, read_map_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MANIFEST: Final = "manifest.json"
FILES: Final = ("classes.tif", "probabilities.tif", "polygons.gpkg")
"""What of a map is shown, and may be downloaded."""

LAYER: Final = "polygons"

_STARTS: Final = {".tif": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), ".gpkg": (b"SQLite format 3\0",)}
"""How these files begin: GDAL goes by the contents, and other formats can send it to servers."""

_KEYS: Final = frozenset({"scene", "model", "classes", "areas", "notes", "unknown_share"})


class Missing(BadInput):
    """A file of a map is not there."""


@dataclass(frozen=True, eq=False)
class ShownMap:
    """A map that a viewer shows."""

    id: int
    """Its number in this viewer, from 0."""

    map: MapFolder
    """Where it is, its legend and its grid."""

    manifest: dict[str, Any]
    """The contents of its `manifest.json`."""

    item: dict[str, Any]
    """The contents of its `item.json`."""

    bounds: tuple[float, float, float, float]
    """West, south, east, north in degrees; across the date line east is above 180."""

    bands: tuple[str, ...]
    """What the bands of the probabilities are: the legend's names, and the applicability if it is known."""

    scale: float
    """Probability per count."""

    @property
    def folder(self) -> Path:
        """The folder, without links in its path."""
        return self.map.folder

    def file(self, name: str) -> Path:
        """Return the path of one of `FILES`.

        Raises:
            Missing: it is not there, or it is a link to a place outside the folder.
        """
        path = self.folder / name
        if name not in FILES or not path.is_file():
            raise Missing(f"{self.folder} has no {name}")
        if path.resolve().parent != self.folder:
            raise Missing(f"{path} is a link to a file outside of the map's folder")
        return path

    def state(self, name: str) -> str:
        """Return a text that changes whenever one of `FILES` does."""
        path = self.file(name)
        states = [path.stat()]
        with suppress(OSError):  # where a program that has the file open, such as QGIS, lets SQLite put changes
            states.append(path.with_name(f"{name}-wal").stat())
        return "-".join(f"{found.st_mtime_ns:x}-{found.st_size:x}" for found in states)

    @property
    def replaced(self) -> bool:
        """Whether another map has taken its place in the folder since it was read."""
        try:
            return _document(self.folder / MANIFEST) != self.manifest
        except BadInput:  # gone, or being written
            return False

    @property
    def writable(self) -> bool:
        """Whether reviews can be written: the database writes a journal beside itself."""
        return os.access(self.folder, os.W_OK) and os.access(self.folder / "polygons.gpkg", os.W_OK)


def find_maps(paths: Sequence[Path]) -> tuple[list[ShownMap], list[str]]:
    """Find the maps in folders: each is one, or holds some.

    Returns:
        The maps, each once, and a line for each map inside a named folder that can't be shown.

    Raises:
        BadInput: a named folder is no map and holds none, or it is one that can't be shown.
    """
    found: dict[Path, ShownMap] = {}
    failures = []
    for path in paths:
        if not path.is_dir():
            raise BadInput(f"{path}: no such folder")
        inside = [path] if _looks_like_one(path) else sorted(part for part in path.iterdir() if _looks_like_one(part))
        if not inside:
            raise BadInput(f"{path} is no map and holds none: a map's folder has {MANIFEST} and {FILES[0]}")
        for folder in inside:
            resolved = folder.resolve()
            if resolved in found:
                continue
            try:
                found[resolved] = read_shown_map(resolved, len(found))
            except BadInput as error:
                if len(inside) == 1:
                    raise
                failures.append(str(error))
        if not found:
            raise BadInput(failures[0])
    return list(found.values()), failures


def read_shown_map(folder: Path, number: int) -> ShownMap:
    """Read all that is told of a map before its pixels.

    Args:
        folder: its folder, without links in the path.
        number: its number in the viewer.

    Raises:
        BadInput: it is no map, damaged, or nobody knows where on earth it lies.
    """
    manifest = _document(folder / MANIFEST)
    if lacking := sorted(_KEYS - manifest.keys()):
        raise BadInput(f"{folder / MANIFEST}: no manifest of a map (it lacks {', '.join(lacking)})")
    if not _fits(manifest):
        raise BadInput(f"{folder / MANIFEST}: no manifest of a map (something in it has another form)")
    for name in FILES:
        _check_start(folder / name)
    read = read_map_folder(folder)
    if read.geobox.crs is None:
        raise BadInput(f"{folder}: the map has no georeference, so that there is no place to show it at")
    with opened(folder / "probabilities.tif") as source:
        described, scale, shape = tuple(name or "" for name in source.descriptions), source.scales[0], source.shape
        count = len(read.legend)
        fits = shape == read.geobox.shape and described[:count] == read.legend.names and len(described) <= count + 1
    if not fits:
        raise BadInput(f"{folder}: its probabilities and its classes don't belong together")
    try:
        pyogrio.read_info(folder / "polygons.gpkg", layer=LAYER)
    except (DataSourceError, DataLayerError) as error:
        raise BadInput(f"{folder / 'polygons.gpkg'}: no polygons of a map ({error})") from None
    shown = ShownMap(number, read, manifest, _document(folder / "item.json"), _bounds(read), described, scale)
    for name in FILES:
        shown.file(name)
    return shown


def spare_value(shown: ShownMap) -> int:
    """Return a value that no pixel of a map's classes has."""
    return next(value for value in range(UNKNOWN - 1, -1, -1) if value not in shown.map.legend.ids)


def _bounds(read: MapFolder) -> tuple[float, float, float, float]:
    try:
        crs = CRS.from_user_input(read.geobox.crs.to_wkt() if read.geobox.crs else "")
        west, south, east, north = transform_bounds(crs, "OGC:CRS84", *read.geobox.boundingbox.bbox)
    except (CRSError, ValueError) as error:
        raise BadInput(f"{read.folder}: its place on earth can't be told ({error})") from None
    return west, south, east if west <= east else east + 360, north


def _looks_like_one(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith(".") and (folder / MANIFEST).is_file()


def _fits(manifest: dict[str, Any]) -> bool:
    """Tell whether the page can show what a manifest says, lest one map take all others away."""
    try:
        numbers = [manifest["unknown_share"], manifest.get("outside_share") or 0]
        numbers += [row[key] for row in manifest["classes"] for key in ("class_id", "polygons", "below_minimum")]
        numbers += [row["uncorrected_area_ha"] or 0 for row in manifest["classes"]]
        texts = [manifest["areas"], *manifest["notes"], *(row["class"] for row in manifest["classes"])]
        forecast = manifest.get("forecast") or {}
        if forecast.get("miou") is not None:
            low, high = forecast["interval"]["miou"]
            numbers += [forecast["miou"], low, high, forecast.get("outside") or 0, forecast.get("windows") or 0]
    except (KeyError, TypeError, AttributeError, ValueError):
        return False
    return all(isinstance(number, (int, float)) for number in numbers) and all(isinstance(text, str) for text in texts)


def _check_start(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise BadInput(f"{path}: missing or not readable ({error.strerror or error})") from None
    if not start.startswith(_STARTS[path.suffix]):
        raise BadInput(f"{path}: no {'GeoPackage' if path.suffix == '.gpkg' else 'TIFF'}")


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()  # or the page could not be told of it
    except (OSError, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BadInput(f"{path}: missing or damaged")
    return document
