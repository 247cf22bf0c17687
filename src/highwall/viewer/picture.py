"""Pictures of a scene for people to look at: 8 bits, three colours, small."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.windows import Window

from highwall.errors import BadInput
from highwall.files import new_file
from highwall.sentinel2 import RGB

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from highwall.scenes import Scene

VERSION: Final = 1
"""Counts up when pictures of the same scene come to look different."""

PERCENTILES: Final = (2, 98)
"""Of each band's reflectance, what becomes black and what becomes white."""

GAMMA: Final = 1.4
"""Brightens what lies between, so that woods are not black beside bare ground."""

_ROWS: Final = 512
_SIDE: Final = 128
"""Of the sample of a scene: 16 x 16 places."""

_TILED: Final = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "lzw", "bigtiff": "if_safer"}
_COG: Final = {"driver": "COG", "compress": "jpeg", "quality": 85, "overview_resampling": "average"}


def picture_bands(picture: str, bands: Sequence[str]) -> tuple[str, ...]:
    """Return the bands that a picture shows as red, green and blue.

    Args:
        picture: `true` (true colour) or `false` (short-wave infrared: bare rock is brown to pink, water black, plants
            green).
        bands: those of the scene.

    Raises:
        BadInput: the scene lacks one of them.
    """
    wanted = RGB if picture == "true" else ("B12" if "B12" in bands else "B11", "B08", "B04")
    if lacking := [band for band in wanted if band not in bands]:
        one_of = ["B12 or B11" if band == "B11" else band for band in lacking]
        raise BadInput(f"the scene lacks {', '.join(one_of)}")
    return wanted


def picture_key(scene: Scene, bands: Sequence[str]) -> str:
    """Return a name for a picture of these bands, another one whenever the scene's files change."""
    planes = [(band, scene.planes[band].path, scene.planes[band].index) for band in bands]
    told = [
        VERSION,
        scene.id,
        planes,
        [_state(path) for _, path, _ in planes],
        str(scene.geobox.crs),
        [*scene.geobox.affine],
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def write_picture(
    path: Path, scene: Scene, bands: tuple[str, ...], progress: Callable[[int, int], None] = lambda _done, _all: None
) -> None:
    """Write a picture of a scene as a COG: JPEG with a mask, and overviews.

    Args:
        path: the file; it appears when it is complete.
        scene: the scene, with a place on earth.
        bands: what becomes red, green and blue, each stretched from percentile 2 to 98 of its reflectance.
        progress: called with the number of rows done and of all rows; what it raises ends the work.

    Raises:
        BadInput: the scene can't be read, or the picture can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with new_file(path) as part, TemporaryDirectory(prefix=".", dir=path.parent) as folder:
            raw = Path(folder) / "raw.tif"
            _write_raw(raw, scene, bands, progress)
            progress(scene.shape[0], scene.shape[0])
            rasterio.shutil.copy(raw, part, **_COG)
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise BadInput(f"{path}: the picture can't be made ({error})") from None


def _write_raw(path: Path, scene: Scene, bands: tuple[str, ...], progress: Callable[[int, int], None]) -> None:
    height, width = scene.shape
    grid = {"crs": scene.geobox.crs.to_wkt() if scene.geobox.crs else None, "transform": scene.geobox.affine}
    profile = {"count": len(bands), "height": height, "width": width, "dtype": "uint8", **grid}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        scene.open(bands) as reader,
        rasterio.open(path, "w", driver="GTiff", **profile, **_TILED) as file,
    ):
        low, high = stretch(reader.sample(_SIDE))
        for top in range(0, height, _ROWS):
            progress(top, height)
            rows = slice(top, min(top + _ROWS, height))
            image = reader.read((rows, slice(0, width)))
            where = Window(0, top, width, rows.stop - top)
            file.write(stretched(image.pixels, low, high), window=where)
            file.write_mask(image.valid, window=where)


def stretch(sample: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the reflectance that becomes black and the one that becomes white `(band,)`.

    Args:
        sample: reflectance `(band, pixel)`.
    """
    if sample.shape[1] == 0:
        return np.zeros(len(sample), np.float32), np.ones(len(sample), np.float32)
    low, high = np.percentile(sample, PERCENTILES, axis=1).astype(np.float32)
    return low, np.maximum(high, low + np.float32(1e-4))


def stretched(pixels: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn reflectance `(band, y, x)` into brightness 0 to 255."""
    share = (pixels - low[:, None, None]) / (high - low)[:, None, None]
    bright: NDArray[np.uint8] = np.rint(255 * np.clip(share, 0, 1) ** (1 / GAMMA)).astype(np.uint8)
    return bright


def _state(path: str) -> list[int] | None:
    """Return size and time of change of a file, or None where it is on a server or in an archive."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]
