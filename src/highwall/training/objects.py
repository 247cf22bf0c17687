"""Where target classes lie in the training tiles, to show them more often, and to copy whole objects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import ndimage

from highwall.legend import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

MOST: Final = 200
"""Pixels of a class that are remembered of each tile."""

LEAST: Final = 30
"""Pixels of the smallest object that is copied."""

MARGIN: Final = 2
"""Pixels around an object that come along: mixed ones at its edge, and trampled ground."""


@dataclass(frozen=True, eq=False)
class Object:
    """A connected piece of target classes."""

    tile: int
    """Which tile it lies in."""

    window: tuple[slice, slice]
    """Where, with its margin."""

    body: NDArray[np.bool_]
    """Which pixels of the window are the object or its margin."""


@dataclass(frozen=True, eq=False)
class Objects:
    """What lies where in the tiles."""

    pixels: dict[int, dict[int, NDArray[np.intp]]]
    """By target class and tile that has any: some pixels, `(pixel, 2)`: row, column."""

    objects: tuple[Object, ...]

    def rare_pixel(self, rng: np.random.Generator) -> tuple[int, tuple[int, int]] | None:
        """Draw a target class, a tile that has it, and a pixel: the tile, and row and column; None without any."""
        if not self.pixels:
            return None
        by_tile = list(self.pixels.values())[rng.integers(len(self.pixels))]
        tile = list(by_tile)[rng.integers(len(by_tile))]
        row, column = rng.choice(by_tile[tile]).tolist()
        return tile, (row, column)

    def of_another(self, tile: int, rng: np.random.Generator) -> Object | None:
        """Draw an object of another tile, each tile equally often; None where there is none."""
        tiles = [one for one in self._by_tile if one != tile]
        if not tiles:
            return None
        objects = self._by_tile[tiles[rng.integers(len(tiles))]]
        return objects[rng.integers(len(objects))]

    @cached_property
    def _by_tile(self) -> dict[int, list[Object]]:
        found: dict[int, list[Object]] = {}
        for one in self.objects:
            found.setdefault(one.tile, []).append(one)
        return found


def find_objects(labels: Iterable[NDArray[Any]], targets: Sequence[int]) -> Objects:
    """Look through tiles.

    Args:
        labels: of each tile, `(y, x)`: class indices, 255 where unknown.
        targets: indices of the target classes.
    """
    pixels: dict[int, dict[int, NDArray[np.intp]]] = {}
    objects: list[Object] = []
    for number, plane in enumerate(labels):
        rng = np.random.default_rng(number)
        for index in targets:
            if len(places := np.argwhere(plane == index)):
                pixels.setdefault(index, {})[number] = places[np.sort(rng.permutation(len(places))[:MOST])]
        objects += _objects(number, np.asarray(plane), targets)
    return Objects(dict(sorted(pixels.items())), tuple(objects))


def paste(planes: NDArray[Any], source: NDArray[Any], chosen: Object, rng: np.random.Generator) -> NDArray[Any]:
    """Copy an object into a sample at a random place, mirrored and turned at random.

    Args:
        planes: the sample, bands then labels, `(band + 1, y, x)`; it is not changed.
        source: the tile that the object lies in, likewise.
        chosen: the object. What does not fit in is cut off; ground without data stays so.
        rng: where and how.
    """
    piece, body = source[:, *chosen.window], chosen.body
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    if mirrored:
        piece, body = piece[:, ::-1], body[::-1]
    piece, body = np.rot90(piece, turns, (1, 2)), np.rot90(body, turns)
    inside, part = [], []
    for length, extent in zip(planes.shape[1:], body.shape, strict=True):
        start = int(rng.integers(length)) - extent // 2
        first, last = max(start, 0), min(start + extent, length)
        inside.append(slice(first, last))
        part.append(slice(first - start, last - start))
    mixed = planes.copy()
    target = mixed[:, *inside]
    covered = body[*part] & (target[:-1] != 0).any(0)
    target[:, covered] = piece[:, *part][:, covered]
    return mixed


def _objects(tile: int, plane: NDArray[Any], targets: Sequence[int]) -> list[Object]:
    """Find the connected pieces of a tile that are large enough and whole: those at the border are cut off."""
    numbered, _ = ndimage.label(np.isin(plane, targets))
    height, width = plane.shape
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbered), 1):
        at_border = rows.start == 0 or columns.start == 0 or rows.stop == height or columns.stop == width
        if at_border or (numbered[rows, columns] == number).sum() < LEAST:
            continue
        window = tuple(
            slice(max(part.start - MARGIN, 0), min(part.stop + MARGIN, length))
            for part, length in ((rows, height), (columns, width))
        )
        body = ndimage.binary_dilation(numbered[window] == number, iterations=MARGIN)
        found.append(Object(tile, (window[0], window[1]), body & (plane[window] != UNKNOWN)))
    return found
