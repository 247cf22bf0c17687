"""Where on Earth a tile lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from highwall.tiles.header import read_header

if TYPE_CHECKING:
    from highwall.tiles.layout import Tile


def geographic_box(tile: Tile) -> tuple[float, float, float, float] | None:
    """Return west, south, east and north of a tile in degrees (WGS 84), or None without georeference."""
    geobox = read_header(tile.image).geobox
    if geobox is None:
        return None
    west, south, east, north = (round(value, 6) for value in geobox.geographic_extent.boundingbox.bbox)
    return west, south, east, north
