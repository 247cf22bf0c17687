"""Tiles as the networks are trained and validated on them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from highwall.legend import UNKNOWN
from highwall.tiles import read_image, read_labels
from highwall.training.augment import augment, pad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from highwall.tiles import Encoding, Tile
    from highwall.training.augment import Sample
    from highwall.training.config import Recipe

Pair = tuple["Tensor", "Tensor"]
"""Reflectance `(..., band, y, x)` float32 and labels `(..., y, x)` int64, 255 where unknown."""


def read_sample(tile: Tile, encoding: Encoding) -> Sample:
    """Read a labelled tile; labels are unknown where the image has no data."""
    image = read_image(tile.image, encoding)
    labels = read_labels(tile, encoding)
    return image.pixels, np.where(image.valid, labels, np.uint8(UNKNOWN))


def as_pair(sample: Sample) -> Pair:
    """Hand a sample over to torch."""
    pixels, labels = sample
    return torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(labels.astype(np.int64))


def collate(pairs: Sequence[Pair]) -> Pair:
    """Make a batch of samples of any sizes; smaller ones are padded with ground without data, unknown."""
    height = max(labels.shape[0] for _, labels in pairs)
    width = max(labels.shape[1] for _, labels in pairs)
    padded = [as_pair(pad((pixels.numpy(), labels.numpy()), height, width)) for pixels, labels in pairs]
    return torch.stack([pixels for pixels, _ in padded]), torch.stack([labels for _, labels in padded])


class TrainingTiles(Dataset[Pair]):
    """One epoch of augmented tiles, whose order and changes depend on seed and epoch alone."""

    def __init__(
        self, tiles: Sequence[Tile], visits: Sequence[int], encoding: Encoding, recipe: Recipe, seeds: tuple[int, ...]
    ) -> None:
        self.tiles = tiles
        self.visits = visits
        self.encoding = encoding
        self.recipe = recipe
        self.seeds = seeds

    def __len__(self) -> int:
        """Count the samples of the epoch."""
        return sum(self.visits)

    def __getitem__(self, index: int) -> Pair:
        """Read and augment one sample."""
        sample = read_sample(self.tiles[self._order[index]], self.encoding)
        rng = np.random.default_rng([*self.seeds, index])
        return as_pair(augment(sample, self.recipe.augmentation, self.recipe.crop, rng))

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        every = np.repeat(np.arange(len(self.tiles)), self.visits)
        return np.random.default_rng(self.seeds).permutation(every)


class WholeTiles(Dataset[Pair]):
    """Tiles as they are, one after the other."""

    def __init__(self, tiles: Sequence[Tile], encoding: Encoding) -> None:
        self.tiles = tiles
        self.encoding = encoding

    def __len__(self) -> int:
        """Count the tiles."""
        return len(self.tiles)

    def __getitem__(self, index: int) -> Pair:
        """Read one tile."""
        return as_pair(read_sample(self.tiles[index], self.encoding))


def visits(shape: tuple[int, int], crop: int | None) -> int:
    """Count the crops that add up to a tile's area, at least one."""
    return 1 if crop is None else max(1, round(shape[0] * shape[1] / crop**2))
