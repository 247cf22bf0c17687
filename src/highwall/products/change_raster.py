"""Compares two maps strip by strip."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.windows import Window

from highwall.errors import BadInput
from highwall.header import opened
from highwall.legend import UNKNOWN
from highwall.products.areas import pixel_hectares
from highwall.products.rasters import COG
from highwall.products.transitions import Code, Transitions, count_row

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.legend import Legend
    from highwall.products.change_grid import CommonGround
    from highwall.products.map_folder import MapFolder

BLOCK: Final = 256
"""Rows in memory at once, and sides of the squares in which all pixels have one area."""

_CACHE: Final = 128
"""Megabytes that GDAL keeps blocks in."""


@dataclass(frozen=True, eq=False)
class Compared:
    """What the comparison of all pixels gives."""

    transitions: Transitions
    """How much became what."""

    gain: NDArray[np.uint8]
    """Class ids `(y, x)`, on disk, where the second map has another class than the first one: the second's."""

    loss: NDArray[np.uint8]
    """The first map's, likewise. Both are 0 where nothing changed and 255 where either map is unknown."""


def compare(a: MapFolder, b: MapFolder, ground: CommonGround, scratch: Path) -> Compared:
    """Compare two maps of one legend on their common ground, and write `change.tif` into the folder `scratch`.

    Raises:
        BadInput: a map cannot be read, or holds what its legend lacks.
    """
    legend, (height, width) = a.legend, ground.geobox.shape
    code = Code(legend)
    size = len(legend)
    area = pixel_hectares(ground.geobox, BLOCK)
    pixels, hectares = np.zeros((size, size), np.int64), np.zeros((size, size))
    raw = {name: scratch / f"{name}.raw" for name in ("gain", "loss")}
    with ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_CACHE))
        first, second = (stack.enter_context(opened(each.classes)) for each in (a, b))
        gain, loss = (stack.enter_context(path.open("wb")) for path in raw.values())
        target = stack.enter_context(rasterio.open(scratch / "change.tif", "w", **_profile(code, ground)))
        target.write_colormap(1, {value: (*color, 255) for value, _, color in code.entries()})
        for number, top in enumerate(range(0, height, BLOCK)):
            rows = min(BLOCK, height - top)
            before = _read(first, a, ground.first, top, rows, width)
            after = _read(second, b, ground.second, top, rows, width)
            target.write(code.encode(before, after), 1, window=Window(0, top, width, rows))
            counts = count_row(legend.indices(before), legend.indices(after), size, BLOCK)
            pixels += counts.sum(0)
            hectares += np.einsum("s,sij->ij", area[number], counts)
            unknown = (before == UNKNOWN) | (after == UNKNOWN)
            for file, ids in ((gain, after), (loss, before)):
                file.write(np.where(unknown, UNKNOWN, np.where(before == after, 0, ids)).astype(np.uint8).tobytes())
    arrays = {name: np.memmap(path, np.uint8, "r", shape=(height, width)) for name, path in raw.items()}
    return Compared(Transitions(pixels, hectares), **arrays)


def write_change(path: Path, scratch: Path, legend: Legend) -> None:
    """Turn `change.tif` of the folder `scratch` into a COG with names and colours.

    Args:
        path: the file.
        scratch: where `compare` wrote to.
        legend: the classes.
    """
    code = Code(legend)
    source = scratch / "change.tif"
    names = {value: name for value, name, _ in code.entries()}
    categories = "".join(f"<Category>{escape(names.get(n, ''))}</Category>" for n in range(max(names) + 1))
    inside = f'<PAMRasterBand band="1"><CategoryNames>{categories}</CategoryNames></PAMRasterBand>'
    (scratch / "change.tif.aux.xml").write_text(f"<PAMDataset>{inside}</PAMDataset>", "utf-8")
    with rasterio.Env(GDAL_CACHEMAX=_CACHE):
        rasterio.shutil.copy(source, path, **COG, overview_resampling="nearest")


def _read(source: Any, of: MapFolder, start: tuple[int, int], top: int, rows: int, width: int) -> NDArray[np.uint8]:
    window = Window(start[1], start[0] + top, width, rows)
    try:
        ids: NDArray[np.uint8] = source.read(1, window=window)
    except rasterio.errors.RasterioError as error:
        raise BadInput(f"{of.classes}: damaged ({str(error.__cause__ or error).splitlines()[0]})") from None
    if foreign := of.legend.foreign_ids(np.unique(ids).tolist()):
        raise BadInput(f"{of.classes}: holds {', '.join(map(str, foreign))}, which its legend lacks")
    return ids


def _profile(code: Code, ground: CommonGround) -> dict[str, Any]:
    height, width = ground.geobox.shape
    crs = ground.geobox.crs
    where = {} if crs is None else {"crs": crs.to_wkt(), "transform": ground.geobox.affine}
    tiles = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate", "zlevel": 1}
    shape = {"count": 1, "height": height, "width": width, "dtype": code.dtype, "nodata": code.unknown}
    return {"driver": "GTiff", **tiles, **shape, **where}
