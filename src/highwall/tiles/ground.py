"""Where on Earth a tile lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from highwall.header import read_header

if TYPE_CHECKING:
    from highwall.tiles.layout import Tile


def geographic_ring(tile: Tile) -> list[list[float]] | None:
    """Return the corners of a tile as longitude and latitude in degrees (WGS 84), or None without georeference."""
    geobox = read_header(tile.image).geobox
    if geobox is None:
        return None
    corners = geobox.extent.to_crs("EPSG:4326").exterior.points
    return [[round(x, 6), round(y, 6)] for x, y in corners]
