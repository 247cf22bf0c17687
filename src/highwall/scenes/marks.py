"""Where the masks of a product mark pixels, on the scene's grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from highwall.header import opened
from highwall.scenes.source import Source, clipped, covering, cropped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.scenes.scene import Flag, Window

BLOCK: Final = 1024
"""Pixels along a block, more or less: a multiple of the file's own blocks."""


@dataclass(frozen=True, eq=False)
class Marks:
    """Flags of one raster.

    A mask is decoded once, block by block as windows come by, and only what it marks is kept, a bit a pixel, for most
    blocks nothing. The file is closed in between, so that GDAL's cache is left to the bands: a quality mask has eight
    layers, which would fill it.
    """

    path: str
    """Whatever GDAL opens."""

    flags: tuple[Flag, ...]
    """Flags with this path."""

    factor: int
    """Pixels of the grid along one of the raster's."""

    parts: int
    """Pixels of the raster along one of the grid's; `factor` or `parts` is 1."""

    shape: tuple[int, int]
    """Height and width of the raster."""

    block: tuple[int, int]
    """Height and width of what is decoded at once."""

    _known: dict[tuple[int, int], NDArray[np.uint8] | None] = field(default_factory=dict)
    """Row and column of a block to its bits, or None where nothing is marked."""

    @classmethod
    def on(cls, grid: GeoBox, flags: Sequence[Flag]) -> Self:
        """Fit flags of one raster to a grid.

        Raises:
            BadInput: it cannot be opened, or lies on another grid.
        """
        path = flags[0].path
        with opened(path) as dataset:
            source = Source.on(grid, path, dataset)
            block = tuple(own * -(-BLOCK // own) for own in dataset.block_shapes[flags[0].index - 1])
            return cls(path, tuple(flags), source.factor, source.parts, dataset.shape, (block[0], block[1]))

    def read(self, where: Window) -> NDArray[np.bool_]:
        """Tell where a flag marks a window's pixels, or a part of them, `(y, x)`.

        Raises:
            BadInput: the file is damaged.
        """
        if self.parts > 1:
            rows, columns = (slice(span.start * self.parts, span.stop * self.parts) for span in where)
        else:
            rows, columns = (covering(span, self.factor) for span in where)
        own = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
        for key, block in self._blocks(clipped(rows, self.shape[0]), clipped(columns, self.shape[1])).items():
            if block is None:
                continue
            top, left = (position * size for position, size in zip(key, self.block, strict=True))
            marked = np.unpackbits(block, axis=1, count=min(self.block[1], self.shape[1] - left)).astype(bool)
            target = own[max(top - rows.start, 0) :, max(left - columns.start, 0) :]
            part = marked[max(rows.start - top, 0) :, max(columns.start - left, 0) :]
            height, width = map(min, target.shape, part.shape)
            target[:height, :width] = part[:height, :width]
        if self.parts > 1:
            blocks = own.reshape(len(own) // self.parts, self.parts, -1, self.parts)
            touched: NDArray[np.bool_] = np.logical_or.reduce(blocks, (1, 3))
            return touched
        fine = own.repeat(self.factor, 0).repeat(self.factor, 1)
        return fine[cropped(where[0], self.factor), cropped(where[1], self.factor)]

    def _blocks(self, rows: slice, columns: slice) -> dict[tuple[int, int], NDArray[np.uint8] | None]:
        height, width = self.block
        keys = [
            (row, column)
            for row in range(rows.start // height, -(-rows.stop // height))
            for column in range(columns.start // width, -(-columns.stop // width))
        ]
        if unknown := [key for key in keys if key not in self._known]:
            with opened(self.path) as dataset:
                self._known.update({key: self._decoded(dataset, *key) for key in unknown})
        return {key: self._known[key] for key in keys}

    def _decoded(self, dataset: Any, row: int, column: int) -> NDArray[np.uint8] | None:
        height, width = self.block
        rows = clipped(slice(row * height, (row + 1) * height), self.shape[0])
        columns = clipped(slice(column * width, (column + 1) * width), self.shape[1])
        layers = Source(self.path, dataset, 1, 1).counts([flag.index for flag in self.flags], (rows, columns))
        marked = np.zeros(layers.shape[1:], bool)
        for flag, layer in zip(self.flags, layers, strict=True):
            marked |= np.isin(layer, list(flag.values))
        return np.packbits(marked, axis=1) if marked.any() else None
