"""Tiles decoded once, in one file that is mapped into memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0

from highwall.files import new_file
from highwall.header import read_header
from highwall.training.data import read_sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.tiles import Encoding, Tile

Planes = "NDArray[Any]"
"""A tile as it is stored, `(band + 1, y, x)`: its bands, then its labels, 255 where unknown.

Bands are float32 reflectance or uint16 codes: 0 is a reflectance of exactly 0, code n is `(n - 1) * scale + offset`.
"""

MOST_CODE: Final = 65535


@dataclass(frozen=True)
class Coding:
    """How codes turn into reflectance."""

    scale: float
    offset: float

    def encode(self, reflectance: NDArray[np.float32]) -> NDArray[np.uint16] | None:
        """Return the codes that stand for reflectance, or None where codes can't say it exactly."""
        steps = np.rint((reflectance.astype(np.float64) - self.offset) / self.scale)
        codes = np.where(reflectance == 0, 0, np.clip(steps + 1, 1, MOST_CODE)).astype(np.uint16)
        return codes if np.array_equal(self.decode(codes), reflectance) else None

    def decode(self, codes: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Return the reflectance that codes stand for, computed as a tile's file is read."""
        steps = codes.astype(np.float32) - 1
        return np.where(codes == 0, np.float32(0), steps * np.float32(self.scale) + np.float32(self.offset))


@dataclass(frozen=True, eq=False)
class DecodedTiles:
    """Tiles that cost no more to look at than memory does."""

    path: Path
    """A NumPy file of all tiles' values, one tile after the other."""

    shapes: Mapping[Tile, tuple[int, int]]
    """Height and width of each tile, in the order of the file."""

    bands: int
    coding: Coding

    def __getitem__(self, tile: Tile) -> NDArray[Any]:
        """Return a tile's planes `(band + 1, y, x)`, read from the file where they are looked at."""
        height, width = self.shapes[tile]
        begin = self._begins[tile]
        planes = self._values[begin : begin + (self.bands + 1) * height * width]
        return planes.reshape(self.bands + 1, height, width)

    def __deepcopy__(self, _: object) -> DecodedTiles:
        """Return itself: a copy of mapped values would lie in memory."""
        return self

    @property
    def size(self) -> int:
        """Number of values of all tiles."""
        return (self.bands + 1) * sum(height * width for height, width in self.shapes.values())

    @cached_property
    def _values(self) -> NDArray[Any]:
        return np.load(self.path, mmap_mode="r")  # type: ignore[no-any-return]

    @cached_property
    def _begins(self) -> dict[Tile, int]:
        lengths = [(self.bands + 1) * height * width for height, width in self.shapes.values()]
        return dict(zip(self.shapes, np.cumsum([0, *lengths]).tolist(), strict=False))


def decode_tiles(tiles: Sequence[Tile], encoding: Encoding, path: Path) -> DecodedTiles:
    """Decode labelled tiles into a file, or take the file that is there.

    Args:
        tiles: the tiles.
        encoding: how to read them.
        path: the file; its name should tell tiles with these pixels from others. It appears whole or not at all.

    Raises:
        BadInput: a tile cannot be read.
        OSError: the file cannot be written, as on a full disk.
    """
    shapes = {tile: read_header(tile.image).shape for tile in tiles}
    decoded = DecodedTiles(path, shapes, len(encoding.bands), Coding(encoding.scale, encoding.offset))
    if not path.exists():
        try:
            _write(decoded, encoding, np.uint16)
        except _NotExactError:
            _write(decoded, encoding, np.float32)
    return decoded


class _NotExactError(Exception):
    """Codes can't say what a tile's reflectance is."""


def _write(decoded: DecodedTiles, encoding: Encoding, dtype: type[np.uint16 | np.float32]) -> None:
    descr = dtype_to_descr(np.dtype(dtype))
    # Written as a file: a full disk would end a process that writes into mapped memory, without a word.
    with new_file(decoded.path) as part, part.open("wb") as file:
        write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": (decoded.size,)})
        for tile in decoded.shapes:
            pixels, labels = read_sample(tile, encoding)
            bands = pixels if dtype is np.float32 else decoded.coding.encode(pixels)
            if bands is None:
                raise _NotExactError
            for planes in (bands, labels):
                file.write(planes.astype(dtype).tobytes())
