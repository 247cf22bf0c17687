"""Maps on disk, as far as others need to know them."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from affine import Affine
from odc.geo.geobox import GeoBox

from highwall.errors import BadInput
from highwall.header import read_header
from highwall.legend import UNKNOWN, Legend, LegendClass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class MapFolder:
    """The map in a folder; its pixels are in a file of it."""

    folder: Path
    """The folder."""

    id: str
    """Name of the map, as its STAC item says."""

    date: dt.date | None
    """Day on which the image was taken, in UTC; None where unknown."""

    legend: Legend
    """What the class ids mean."""

    geobox: GeoBox
    """The grid; without a coordinate reference system where nothing is known of the ground."""

    @property
    def classes(self) -> Path:
        """The raster of class ids."""
        return self.folder / "classes.tif"


def read_map_folder(folder: Path) -> MapFolder:
    """Read what a map says of itself.

    Raises:
        BadInput: this is no map, or it is damaged.
    """
    path = folder / "item.json"
    if not path.is_file() or not (folder / "classes.tif").is_file():
        raise BadInput(f"{folder} is no map: it lacks item.json or classes.tif")
    header = read_header(folder / "classes.tif")
    if (header.count, header.dtype) != (1, "uint8"):
        raise BadInput(f"{header.path}: no raster of classes ({header.count} bands of {header.dtype})")
    try:
        item = json.loads(path.read_text("utf-8"))
        classes = item["assets"]["classes"]["classification:classes"]
        legend = Legend(tuple(_class(entry) for entry in classes if entry["value"] != UNKNOWN))
        when = item["properties"].get("datetime")
        date = dt.date.fromisoformat(when[:10]) if when else None
        name = str(item["id"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:  # BadInput is a ValueError, too
        raise BadInput(f"{path}: not the item of a map ({type(error).__name__}: {error})") from None
    return MapFolder(folder, name, date, legend, header.geobox or GeoBox(header.shape, Affine.scale(1, -1), None))


def _class(entry: Mapping[str, Any]) -> LegendClass:
    red, green, blue = bytes.fromhex(entry["color_hint"])
    return LegendClass(int(entry["value"]), str(entry.get("title") or entry["name"]), (red, green, blue))
