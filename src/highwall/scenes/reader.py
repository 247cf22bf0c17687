"""Reads windows of a scene."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window as RioWindow

from highwall.errors import BadInput
from highwall.header import opened
from highwall.image import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from highwall.scenes.scene import Flag, Plane, Scene, Window

GDAL: Final = {
    "GDAL_CACHEMAX": 320,  # MB: two rows of 1024 x 1024 blocks of six bands, 10,980 pixels wide
    "GDAL_NUM_THREADS": "ALL_CPUS",  # decodes the blocks of a window side by side
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no search for neighbours on a server
    "GDAL_HTTP_MAX_RETRY": 4,
    "GDAL_HTTP_RETRY_DELAY": 1,
    "VSI_CACHE": True,
}
"""How GDAL reads scenes."""


class SceneReader:
    """An open scene; made by `Scene.open`. Reads in one thread, since GDAL's datasets allow no more."""

    def __init__(self, scene: Scene, bands: tuple[str, ...]) -> None:
        self.scene = scene
        self.bands = bands
        self._stack = ExitStack()
        self._datasets: dict[tuple[str, float | None], Any] = {}
        self._planes = [scene.planes[band] for band in bands]

    def __enter__(self) -> Self:
        """Open all files.

        Raises:
            BadInput: one of them cannot be read, or does not lie on the scene's grid.
        """
        try:
            self._stack.enter_context(rasterio.Env(**GDAL))
            for plane in self._planes:
                self._dataset(plane.path, plane.nodata, self.scene.resampling)
            for flag in (*self.scene.flaws, *([self.scene.clouds] if self.scene.clouds else [])):
                self._dataset(flag.path, None, "nearest")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close all files."""
        self._stack.close()

    def read(self, window: Window | None = None) -> Image:
        """Read a window (all, if None) as an image: reflectance, 0 where not valid.

        Raises:
            BadInput: a file is damaged, or the window lies outside the scene.
        """
        where = self._where(window)
        shape = (where.height, where.width)
        pixels = np.empty((len(self.bands), *shape), np.float32)
        valid = np.ones(shape, bool)
        any_count = np.zeros(shape, bool)
        for dataset, positions in self._groups():
            planes = [self._planes[position] for position in positions]
            with self._reading(planes[0].path):
                counts = dataset.read([plane.index for plane in planes], window=where)
                valid &= _own_mask(dataset, planes, where)
            any_count |= (counts != 0).any(axis=0)
            for position, plane, values in zip(positions, planes, counts, strict=True):
                valid &= _has_data(values, plane)
                pixels[position] = plane.calibration.reflectance(values)
        valid &= any_count
        for flag in self.scene.flaws:
            valid &= ~self._flagged(flag, where)
        pixels[:, ~valid] = 0
        rows, columns = where.toslices()
        return Image(pixels, valid, self.bands, self.scene.geobox[rows, columns])

    def clouded(self, window: Window | None = None) -> NDArray[np.bool_]:
        """Tell where the product itself marks clouds and shadows, `(y, x)`; nowhere if it marks none."""
        where = self._where(window)
        if self.scene.clouds is None:
            return np.zeros((where.height, where.width), bool)
        return self._flagged(self.scene.clouds, where)

    def sample(self, side: int = 32, size: int = 24) -> NDArray[np.float32]:
        """Return reflectance `(band, pixel)` of pixels with data from all over the scene, without reading it whole.

        Args:
            side: the scene is looked at in at most `side / 8` times `side / 8` places.
            size: height and width of each place in pixels.
        """
        height, width = self.scene.shape
        places = max(side // 8, 1)
        rows = np.unique(np.linspace(0, max(height - size, 0), places).astype(int)).tolist()
        columns = np.unique(np.linspace(0, max(width - size, 0), places).astype(int)).tolist()
        parts = []
        for row in rows:
            for column in columns:
                image = self.read((slice(row, min(row + size, height)), slice(column, min(column + size, width))))
                parts.append(image.pixels[:, image.valid])
        return np.concatenate(parts, axis=1)

    def _where(self, window: Window | None) -> RioWindow:
        height, width = self.scene.shape
        rows, columns = window or (slice(0, height), slice(0, width))
        if not (0 <= rows.start < rows.stop <= height and 0 <= columns.start < columns.stop <= width):
            raise BadInput(f"{self.scene.id}: no window {rows}, {columns} in a scene of {width} x {height} pixels")
        return RioWindow.from_slices(rows, columns)

    def _groups(self) -> Iterator[tuple[Any, list[int]]]:
        """Yield each dataset with the positions of the bands that it holds."""
        by_dataset: dict[tuple[str, float | None], list[int]] = {}
        for position, plane in enumerate(self._planes):
            by_dataset.setdefault((plane.path, plane.nodata), []).append(position)
        for key, positions in by_dataset.items():
            yield self._datasets[key], positions

    def _flagged(self, flag: Flag, where: RioWindow) -> NDArray[np.bool_]:
        with self._reading(flag.path):
            values = self._datasets[flag.path, None].read(flag.index, window=where)
        marked: NDArray[np.bool_] = np.isin(values, list(flag.values))
        return marked

    def _dataset(self, path: str, nodata: float | None, resampling: str) -> None:
        if (path, nodata) in self._datasets:
            return
        dataset = self._stack.enter_context(opened(path))
        geobox = self.scene.geobox
        if dataset.shape != self.scene.shape or not _same_grid(dataset, geobox):
            if geobox.crs is None or dataset.crs is None:
                raise BadInput(
                    f"{path}: {dataset.width} x {dataset.height} pixels without georeference do not fit the others"
                )
            dataset = self._stack.enter_context(
                WarpedVRT(
                    dataset,
                    crs=dataset.crs,
                    transform=geobox.affine,
                    height=geobox.shape[0],
                    width=geobox.shape[1],
                    resampling=Resampling[resampling],
                    src_nodata=nodata,
                    nodata=nodata,
                    tolerance=0.0,
                )
            )
        self._datasets[path, nodata] = dataset

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        try:
            yield
        except RasterioError as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise BadInput(f"{path}: damaged or truncated ({reason})") from None


def _same_grid(dataset: Any, geobox: GeoBox) -> bool:
    if geobox.crs is None:
        return True
    own = GeoBox.from_rio(dataset)
    return bool(own.affine.almost_equals(geobox.affine, 1e-6 * abs(geobox.affine.a)))


def _has_data(values: NDArray[Any], plane: Plane) -> NDArray[np.bool_]:
    has: NDArray[np.bool_] = np.isfinite(values)
    if plane.nodata is not None:
        has &= values != plane.nodata
    return has


def _own_mask(dataset: Any, planes: list[Plane], where: RioWindow) -> Any:
    """Return the dataset's mask band or alpha band for a window; True where it has neither."""
    flags = [dataset.mask_flag_enums[plane.index - 1] for plane in planes]
    if all(MaskFlags.all_valid in own or MaskFlags.nodata in own for own in flags):
        return True
    return (dataset.read_masks([plane.index for plane in planes], window=where) > 0).all(axis=0)
