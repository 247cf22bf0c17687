"""Ground that somebody could look at."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.warp import reproject

from highwall.errors import BadInput
from highwall.header import opened
from highwall.legend import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox


class Seen:
    """A raster of class ids that is open: its ground was looked at, but where it is unknown, and nothing beyond it."""

    def __init__(self, source: Any, path: Path) -> None:
        self._source = source
        self._path = path

    def on(self, geobox: GeoBox) -> NDArray[np.bool_]:
        """Tell which pixels of a grid were looked at, `(y, x)`; their centres count.

        Raises:
            BadInput: the raster is damaged.
        """
        ids = np.full(tuple(geobox.shape), UNKNOWN, np.uint8)
        try:
            reproject(
                rasterio.band(self._source, 1),
                ids,
                src_nodata=UNKNOWN,
                dst_nodata=UNKNOWN,
                dst_crs=geobox.crs.to_wkt(),  # type: ignore[union-attr]  # tiles have one
                dst_transform=geobox.affine,
                resampling=Resampling.nearest,
            )
        except RasterioError as error:
            raise BadInput(f"{self._path}: damaged ({str(error.__cause__ or error).splitlines()[0]})") from None
        return np.asarray(ids != UNKNOWN)


@contextmanager
def open_seen(path: Path | None) -> Iterator[Seen | None]:
    """Open a raster of class ids; None where there is none.

    Raises:
        BadInput: it cannot be read, or has no coordinate reference system.
    """
    if path is None:
        yield None
        return
    with opened(path) as source:
        if source.crs is None:
            raise BadInput(f"{path}: has no coordinate reference system, so that it cannot be placed on the scene")
        yield Seen(source, path)
