"""Reads a scene from north to south, one row of windows after the other, each pixel once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from highwall.mapping.windows import Grid
    from highwall.scenes import Scene, SceneReader


@dataclass(frozen=True, eq=False)
class Ground:
    """All that a row of windows sees."""

    number: int
    """Number of the row of windows."""

    pixels: NDArray[np.float32]
    """Reflectance `(band, y, x)`, as high as a window and as wide as the scene or a window; mirrored where a window
    is larger than the scene, since networks take ground without data beside the end of it for an edge."""

    known: NDArray[np.bool_]
    """Where there is data and no cloud, `(y, x)`; False outside the scene."""


def walk(
    scene: Scene, bands: Sequence[str], grid: Grid, clouds: NDArray[np.uint8] | None = None, first: int = 0
) -> Generator[Ground]:
    """Yield the ground of each row of windows, from row number `first` on.

    Args:
        scene: what to read; what it marks as cloud or shadow is unknown.
        bands: its bands, in the order of the planes of `pixels`.
        grid: the windows.
        clouds: what else is unknown, `(y, x)`: 0 where it is clear. The array may lie on disk.
        first: number of the first row of windows.
    """
    rows, columns = grid.rows, grid.columns
    shape = (rows.window, max(columns.length, columns.window))
    kept = Ground(-1, np.zeros((len(bands), 0, shape[1]), np.float32), np.zeros((0, shape[1]), bool))
    end = int(rows.starts[first])  # rows of the scene read so far end here
    with scene.open(bands) as reader:
        for number in range(first, len(rows)):
            start = int(rows.starts[number])
            stop = min(start + rows.window, rows.length)
            pixels, known = np.zeros((len(bands), *shape), np.float32), np.zeros(shape, bool)
            shared = max(end - start, 0)
            pixels[:, :shared] = kept.pixels[:, rows.window - shared :]
            known[:shared] = kept.known[rows.window - shared :]
            _read(reader, slice(start + shared, stop), clouds, pixels[:, shared:], known[shared:])
            _mirror(pixels, stop - start, columns.length)
            kept, end = Ground(number, pixels, known), stop
            yield kept


def _read(
    reader: SceneReader,
    rows: slice,
    clouds: NDArray[np.uint8] | None,
    pixels: NDArray[np.float32],
    known: NDArray[np.bool_],
) -> None:
    """Read rows of the scene into the upper left corner of `pixels` and `known`."""
    if rows.start >= rows.stop:
        return
    window = (rows, slice(0, reader.scene.shape[1]))
    image = reader.read(window)
    height, width = image.shape
    pixels[:, :height, :width] = image.pixels
    known[:height, :width] = image.valid & ~reader.clouded(window)
    if clouds is not None:
        known[:height, :width] &= clouds[rows] == 0


def _mirror(pixels: NDArray[np.float32], height: int, width: int) -> None:
    """Fill what lies beyond the first `height` rows and `width` columns with what lies before them, mirrored."""
    rows, columns = (
        np.pad(np.arange(inside), (0, whole - inside), mode="symmetric")
        for inside, whole in zip((height, width), pixels.shape[1:], strict=True)
    )
    if height < len(rows) or width < len(columns):
        pixels[:] = pixels[:, rows[:, None], columns]
