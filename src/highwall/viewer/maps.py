"""Maps on disk, as the page shows them."""

from __future__ import annotations

import json
import os
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
        found = self.file(name).stat()
        return f"{found.st_mtime_ns:x}-{found.st_size:x}"

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


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise BadInput(f"{path}: missing or damaged")
    return document
