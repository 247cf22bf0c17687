"""Reads windows of a scene."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self, TypeVar

import numpy as np
import rasterio

from highwall.errors import BadInput
from highwall.header import opened
from highwall.image import Image
from highwall.scenes.marks import Marks
from highwall.scenes.paths import server_options
from highwall.scenes.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from highwall.scenes.scene import Scene, Window

_Part = TypeVar("_Part")

GDAL: Final = {
    "GDAL_CACHEMAX": 320 * 2**20,  # bytes: two rows of 1024 x 1024 blocks of six bands, 10,980 pixels wide
    "GDAL_NUM_THREADS": "ALL_CPUS",  # decodes the blocks of a window side by side
}
"""How GDAL reads scenes."""


class SceneReader:
    """An open scene; made by `Scene.open`. Reads in one thread, since GDAL's datasets allow no more."""

    def __init__(self, scene: Scene, bands: tuple[str, ...]) -> None:
        self.scene = scene
        self.bands = bands
        self._stack = ExitStack()
        self._sources: dict[str, Source] = {}
        self._planes = _by_path((scene.planes[band].path, position) for position, band in enumerate(bands))
        self._flaws: list[Marks] = []
        self._clouds: list[Marks] = []

    def __enter__(self) -> Self:
        """Open all files.

        Raises:
            BadInput: one of them cannot be read, or does not lie on the scene's grid.
        """
        try:
            clouds = [self.scene.clouds] if self.scene.clouds else []
            flaws = [flag for flag in self.scene.flaws if flag.band is None or flag.band in self.bands]
            paths = [*self._planes, *(flag.path for flag in (*flaws, *clouds))]
            self._stack.enter_context(rasterio.Env(**GDAL, **server_options(paths)))
            grid = self.scene.geobox
            for path in self._planes:
                self._sources[path] = Source.on(grid, path, self._stack.enter_context(opened(path)))
            self._flaws = [Marks.on(grid, flags) for flags in _by_path((flag.path, flag) for flag in flaws).values()]
            self._clouds = [Marks.on(grid, [flag]) for flag in clouds]
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
        geobox = self.scene.geobox[where]
        height, width = (span.stop - span.start for span in where)
        pixels = np.empty((len(self.bands), height, width), np.float32)
        valid = np.ones((height, width), bool)
        any_count = np.zeros((height, width), bool)
        for path, positions in self._planes.items():
            planes = [self.scene.planes[self.bands[position]] for position in positions]
            counts, has_data = self._sources[path].read(planes, where, self.scene.resampling)
            valid &= has_data
            any_count |= (counts != 0).any(axis=0)
            for position, plane, values in zip(positions, planes, counts, strict=True):
                pixels[position] = plane.calibration.reflectance(values)
        valid &= any_count
        for marks in self._flaws:
            valid &= ~marks.read(where)
        pixels[:, ~valid] = 0
        return Image(pixels, valid, self.bands, geobox)

    def clouded(self, window: Window | None = None) -> NDArray[np.bool_]:
        """Tell where the product itself marks clouds and shadows, `(y, x)`; nowhere if it marks none."""
        where = self._where(window)
        if self._clouds:
            return self._clouds[0].read(where)
        height, width = (span.stop - span.start for span in where)
        return np.zeros((height, width), bool)

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

    def from_afar(self, window: Window, step: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read a window in pixels that are `step` times as large, from overviews where there are any.

        Returns:
            Reflectance `(band, y, x)`, and where all bands hold data `(y, x)`; flaws and masks have no say.

        Raises:
            BadInput: as `read`.
        """
        where = self._where(window)
        height, width = (-(-(span.stop - span.start) // step) for span in where)
        pixels, valid = np.empty((len(self.bands), height, width), np.float32), np.ones((height, width), bool)
        any_count = np.zeros((height, width), bool)
        for path, positions in self._planes.items():
            planes = [self.scene.planes[self.bands[position]] for position in positions]
            counts, has_data = self._sources[path].from_afar(planes, where, (height, width))
            valid &= has_data
            any_count |= (counts != 0).any(axis=0)
            for position, plane, values in zip(positions, planes, counts, strict=True):
                pixels[position] = plane.calibration.reflectance(values)
        return pixels, valid & any_count

    @property
    def has_overviews(self) -> bool:
        """Whether `from_afar` need not read every pixel."""
        return all(source.dataset.overviews(1) for source in self._sources.values())

    def _where(self, window: Window | None) -> Window:
        height, width = self.scene.shape
        rows, columns = window or (slice(0, height), slice(0, width))
        if not (0 <= rows.start < rows.stop <= height and 0 <= columns.start < columns.stop <= width):
            raise BadInput(f"{self.scene.id}: no window {rows}, {columns} in a scene of {width} x {height} pixels")
        return rows, columns


def _by_path(pairs: Iterable[tuple[str, _Part]]) -> dict[str, list[_Part]]:
    groups: dict[str, list[_Part]] = {}
    for path, member in pairs:
        groups.setdefault(path, []).append(member)
    return groups
