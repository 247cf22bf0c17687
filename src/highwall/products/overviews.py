"""Smaller versions of a raster, halved again and again: GDAL's own cost more time than all else of a COG."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.products._halve import halve_mean, halve_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

BLOCK: Final = 512
"""Height and width in pixels of a COG's blocks: the smallest overview fits into one."""

_ROWS: Final = 256
"""Rows of an overview in memory at once."""


@dataclass(frozen=True)
class Raw:
    """A raster as raw bytes on disk: `(y, plane, x)` after `head` bytes, 255 where unknown."""

    path: Path
    shape: tuple[int, int, int]
    head: int = 0

    def rows(self, top: int, count: int) -> NDArray[np.uint8]:
        """Read `count` rows from row `top` on, or as many as there are, `(y, plane, x)`."""
        height, planes, width = self.shape
        count = min(count, height - top)
        start = self.head + top * planes * width
        return np.fromfile(self.path, np.uint8, count * planes * width, offset=start).reshape(count, planes, width)


def mean_overviews(raw: Raw) -> AbstractContextManager[list[Raw]]:
    """Give overviews of a raster, each the means of two by two pixels of the one before; unknown ones don't count.

    The last one fits into a block. A raster as small as that, or only a pixel wide or high, has none. They lie in a
    folder beside the raster, which goes when the block ends.
    """
    return _overviews(raw, halve_mean)


def mode_overviews(raw: Raw) -> AbstractContextManager[list[Raw]]:
    """Give overviews likewise, with the most frequent value of the known pixels; of equals, the first row by row."""
    return _overviews(raw, halve_mode)


@contextmanager
def _overviews(raw: Raw, halve: Callable[..., Any]) -> Iterator[list[Raw]]:
    folder = raw.path.with_suffix(".overviews")
    folder.mkdir(exist_ok=True)
    try:
        made = [raw]
        while max(made[-1].shape[0], made[-1].shape[2]) > BLOCK and min(raw.shape[0], raw.shape[2]) > 1:
            made.append(_halved(made[-1], folder / f"{len(made)}.raw", halve))
        yield made[1:]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _halved(fine: Raw, path: Path, halve: Callable[..., Any]) -> Raw:
    height, count, width = fine.shape
    result = Raw(path, (-(-height // 2), count, -(-width // 2)))
    with path.open("wb") as file:
        for top in range(0, result.shape[0], _ROWS):
            rows = np.empty((min(_ROWS, result.shape[0] - top), *result.shape[1:]), np.uint8)
            halve(fine.rows(2 * top, 2 * len(rows)), rows)
            file.write(rows.data)
    return result
