"""Square pictures of a map, 256 pixels wide, in the Web Mercator grid of the web."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
from morecantile import Tile as MercatorTile
from rasterio.transform import from_bounds
from rasterio.warp import transform_bounds
from rio_tiler.constants import WEB_MERCATOR_TMS
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import Reader
from rio_tiler.utils import render

from highwall.errors import BadInput
from highwall.legend import UNKNOWN
from highwall.viewer import ramps
from highwall.viewer.maps import ShownMap, spare_value

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIZE: Final = 256
"""Height and width of a tile in pixels."""

MOST_ZOOM: Final = 24
"""The deepest zoom: a pixel is a centimetre, and deeper there is nothing new to see."""

APPLICABILITY: Final = "applicability"
PROBABILITY: Final = "probability-"
"""Begins the name of a layer; the rest is the class id."""

_GDAL: Final = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_CACHEMAX": 128 * 2**20}
_NUMBER: Final = re.compile("[0-9]{1,8}")
_HATCH: Final = 8
"""Pixels from one line of the hatch to the next; tiles are a multiple of it, so that lines go on in the next tile."""

_SLACK: Final = 1e-5
"""Degrees by which bounds may be too narrow: the sides of a map are curved in degrees."""

_DARK: Final = (40, 40, 40, 210)
_LIGHT: Final = (255, 255, 255, 70)


@dataclass(frozen=True)
class Tile:
    """The place of a tile; zoom 0 is the whole world, and x and y count from its north-west corner."""

    z: int
    x: int
    y: int

    @classmethod
    def parse(cls, z: str, x: str, y: str) -> Tile:
        """Read a tile's address.

        Raises:
            BadInput: there is no such tile.
        """
        if not all(_NUMBER.fullmatch(part) for part in (z, x, y)):
            raise BadInput("a tile's z, x and y are whole numbers from 0")
        tile = cls(int(z), int(x), int(y))
        if tile.z > MOST_ZOOM or max(tile.x, tile.y) >> tile.z:
            raise BadInput(f"no such tile: z is at most {MOST_ZOOM}, and x and y are below 2 to the power of z")
        return tile

    @property
    def address(self) -> tuple[int, int, int]:
        """Its place in the order of rio-tiler."""
        return self.x, self.y, self.z

    @property
    def pixel(self) -> float:
        """Height and width of a pixel in metres of Web Mercator."""
        box = WEB_MERCATOR_TMS.xy_bounds(MercatorTile(*self.address))
        return float(box.right - box.left) / SIZE

    @property
    def grid(self) -> dict[str, Any]:
        """Its pixels, for GDAL to warp to at once."""
        box = WEB_MERCATOR_TMS.xy_bounds(MercatorTile(*self.address))
        return {"transform": from_bounds(*box, SIZE, SIZE), "width": SIZE, "height": SIZE}

    def touches(self, bounds: tuple[float, float, float, float]) -> bool:
        """Tell whether any of it can lie inside of bounds in degrees, whose east may be above 180."""
        west, south, east, north = bounds
        west, south, east, north = west - _SLACK, south - _SLACK, east + _SLACK, north + _SLACK
        box = WEB_MERCATOR_TMS.bounds(MercatorTile(*self.address))
        beside = any(box.left + turn <= east and box.right + turn >= west for turn in (0, 360))
        return beside and box.bottom <= north and box.top >= south


def layers(shown: ShownMap) -> tuple[str, ...]:
    """Name the layers that a map's own files give."""
    more = (APPLICABILITY,) if len(shown.bands) > len(shown.map.legend) else ()
    return ("classes", "masked", *more, *(f"{PROBABILITY}{number}" for number in shown.map.legend.ids))


def draw(shown: ShownMap, layer: str, tile: Tile) -> bytes:
    """Draw a tile of one of `layers` as a PNG, transparent where there is nothing to show.

    It is called by several threads at once: each opens the file for itself, since GDAL's datasets can't be shared.

    Raises:
        BadInput: there is no such layer, or the file is gone.
    """
    if layer not in layers(shown):
        raise BadInput(f"no such layer: {layer[:40]!r}")
    if not tile.touches(shown.bounds):
        return empty()
    if layer == "masked":
        return _draw_masked(shown, tile)
    if layer == "classes":
        path, band, table = shown.file("classes.tif"), 1, _class_table(shown)
    elif layer == APPLICABILITY:
        path, band = shown.file("probabilities.tif"), len(shown.bands)
        table = ramps.APPLICABILITY.table(shown.scale)
    else:
        path = shown.file("probabilities.tif")
        band = shown.map.legend.ids.index(int(layer.removeprefix(PROBABILITY))) + 1
        table = ramps.PROBABILITY.table(shown.scale)
    read = _read(path, tile, indexes=band, nodata=UNKNOWN)
    return empty() if read is None else _png(_colored(read[0], table))


def draw_picture(path: Path, tile: Tile) -> bytes:
    """Draw a tile of an 8-bit COG in red, green and blue with a mask."""
    read = _read(path, tile, reproject_method="bilinear")
    if read is None:
        return empty()
    alpha = np.where(read.mask.any(axis=0), 0, 255).astype(np.uint8)
    return _png(np.concatenate([read.data, alpha[None]]))


@cache
def empty() -> bytes:
    """Return a tile in which there is nothing."""
    return _png(np.zeros((4, SIZE, SIZE), np.uint8))


def _draw_masked(shown: ShownMap, tile: Tile) -> bytes:
    """Hatch ground inside of the map of which nothing is known."""
    read = _read(shown.file("classes.tif"), tile, indexes=1, nodata=spare_value(shown))
    if read is None:
        return empty()
    rows, columns = np.indices((SIZE, SIZE))
    line = (rows + columns) % _HATCH < 2
    pattern = np.where(line[..., None], _DARK, _LIGHT)
    unknown = (read.data[0] == UNKNOWN) & ~read.mask[0]
    return _png(np.where(unknown[..., None], pattern, 0).astype(np.uint8).transpose(2, 0, 1))


def _read(path: Path, tile: Tile, **how: Any) -> Any:
    """Read bands under a tile `(band, y, x)`, masked where there is nothing; None if there is nothing in all of it.

    By default each pixel shows one pixel of the file or of its overviews: nothing is mixed.
    """
    with rasterio.Env(**_GDAL), ExitStack() as stack:
        dataset = stack.enter_context(rasterio.open(path))
        if (level := _overview(dataset, tile)) is not None:
            dataset = stack.enter_context(rasterio.open(path, overview_level=level))
        try:
            read = Reader(None, dataset=dataset).tile(*tile.address, tilesize=SIZE, vrt_options=tile.grid, **how)
        except TileOutsideBounds:
            return None
    return np.ma.MaskedArray(read.array.data, np.ma.getmaskarray(read.array))


def _overview(dataset: Any, tile: Tile) -> int | None:
    """Choose the coarsest overview with pixels no larger than a tile's, as gdalwarp does; None: the file itself."""
    west, _, east, _ = transform_bounds(dataset.crs, WEB_MERCATOR_TMS.rasterio_crs, *dataset.bounds)
    ratio = tile.pixel / ((east - west) / dataset.width)
    fitting = [level for level, factor in enumerate(dataset.overviews(1)) if factor <= ratio * 1.05]
    return fitting[-1] if fitting else None


def _class_table(shown: ShownMap) -> NDArray[np.uint8]:
    """Return the colours `(256, 4)` of class ids; background, on which the picture below is to be seen, has none."""
    table = np.zeros((256, 4), np.uint8)
    for entry in shown.map.legend.classes:
        if entry.id != 0:
            table[entry.id] = (*entry.color, 255)
    return table


def _colored(read: Any, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    colored = table[read.data]
    colored[read.mask] = 0
    return np.ascontiguousarray(colored.transpose(2, 0, 1))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode red, green, blue and opacity `(4, y, x)`."""
    return render(pixels[:3], mask=pixels[3], img_format="PNG", zlevel=3)
