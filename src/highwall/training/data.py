"""Tiles as the networks are trained and validated on them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from highwall.ahead import ahead
from highwall.legend import UNKNOWN
from highwall.tiles import read_image, read_labels
from highwall.training.augment import Group
from highwall.training.draw import UNCHANGED, Draw, draw, random_window, window_around
from highwall.training.objects import paste

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from highwall.tiles import Encoding, Tile
    from highwall.training.decoded import DecodedTiles
    from highwall.training.objects import Objects
    from highwall.training.task import Task

Sample = tuple["NDArray[np.float32]", "NDArray[np.uint8]"]
"""Reflectance `(band, y, x)`, 0 in all bands without data, and labels `(y, x)`, 255 where unknown."""


class Drawn(NamedTuple):
    """A sample as it is stored, and what is to be done to it."""

    planes: NDArray[Any]
    """`(band + 1, y, x)`, as in `DecodedTiles`."""

    draw: Draw


def read_sample(tile: Tile, encoding: Encoding) -> Sample:
    """Read a labelled tile; labels are unknown where the image has no data."""
    image = read_image(tile.image, encoding)
    labels = read_labels(tile, encoding)
    return image.pixels, np.where(image.valid, labels, np.uint8(UNKNOWN))


class TrainingTiles(Dataset[Drawn]):
    """One epoch of samples, whose order and changes depend on seed and epoch alone."""

    def __init__(self, task: Task, decoded: DecodedTiles, objects: Objects, seeds: tuple[int, ...]) -> None:
        self.task = task
        self.decoded = decoded
        self.objects = objects
        self.seeds = seeds

    def __len__(self) -> int:
        """Count the samples of the epoch."""
        return len(self._order)

    def __getitem__(self, index: int) -> Drawn:
        """Cut out one sample, and draw its changes."""
        rng = np.random.default_rng([*self.seeds, index])
        recipe, tile = self.task.recipe, int(self._order[index])
        planes = self._planes(tile)
        if recipe.crop is not None:
            window = random_window(planes.shape[1:], recipe.crop, rng)
            if rng.random() < recipe.rare and (place := self.objects.rare_pixel(rng)):
                tile, centre = place
                planes = self._planes(tile)
                window = window_around(centre, planes.shape[1:], recipe.crop, rng)
            planes = cut(planes, window)
        if rng.random() < recipe.paste and (chosen := self.objects.of_another(tile, rng)):
            planes = paste(planes, self._planes(chosen.tile), chosen, rng)
        return Drawn(planes, draw(recipe.augmentation, planes.shape[1:], self.task.encoding.bands, rng))

    def _planes(self, tile: int) -> NDArray[Any]:
        return self.decoded[self.task.tiles[tile]]

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        counts = [visits(shape, self.task.recipe.crop) for shape in self.task.shapes]
        every = np.repeat(np.arange(len(counts)), counts)
        return np.random.default_rng(self.seeds).permutation(every)


class WholeTiles(Dataset[Drawn]):
    """Tiles as they are, one after the other."""

    def __init__(self, tiles: Sequence[Tile], decoded: DecodedTiles) -> None:
        self.tiles = tiles
        self.decoded = decoded

    def __len__(self) -> int:
        """Count the tiles."""
        return len(self.tiles)

    def __getitem__(self, index: int) -> Drawn:
        """Return one tile."""
        return Drawn(self.decoded[self.tiles[index]], UNCHANGED)


class Ahead(DataLoader[Any]):
    """A loader whose next batch is made while the present one is used: in a thread, for all it does is copying."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Go through the batches."""
        return ahead(batch for batch in super().__iter__())


def cut(planes: NDArray[Any], window: tuple[slice, slice]) -> NDArray[Any]:
    """Cut a window out of a tile; beyond the tile, below and right, is ground without data, labels unknown."""
    inside = planes[:, *window]
    height, width = (part.stop - part.start for part in window)
    if inside.shape[1:] == (height, width):
        return inside
    whole = np.zeros((len(planes), height, width), planes.dtype)
    whole[-1] = UNKNOWN
    whole[:, : inside.shape[1], : inside.shape[2]] = inside
    return whole


def collate(samples: Sequence[Drawn]) -> list[Group]:
    """Put samples together whose sizes are the same, before and after they are turned."""
    alike: dict[tuple[object, ...], list[Drawn]] = {}
    for sample in samples:
        alike.setdefault((sample.planes.shape, _on_its_side(sample)), []).append(sample)
    return [
        Group(
            torch.from_numpy(np.stack([one.planes for one in some])),
            torch.from_numpy(np.stack([one.draw.nodes for one in some])),
            tuple(one.draw.symmetry for one in some),
            torch.from_numpy(np.stack([one.draw.light for one in some])),
            torch.tensor([one.draw.blur for one in some]),
        )
        for some in alike.values()
    ]


def visits(shape: tuple[int, int], crop: int | None) -> int:
    """Count the crops that add up to a tile's area, at least one."""
    return 1 if crop is None else max(1, round(shape[0] * shape[1] / crop**2))


def _on_its_side(sample: Drawn) -> bool:
    height, width = sample.planes.shape[1:]
    return height != width and sample.draw.symmetry % 2 == 1
