"""Augmentation of one tile after the other, in plain steps: what `highwall.training.augment` must agree with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch.nn import functional

from highwall.legend import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.training.config import AugmentationConfig

Sample = tuple["NDArray[np.float32]", "NDArray[np.uint8]"]
"""Reflectance `(band, y, x)`, 0 in all bands without data, and labels `(y, x)`, 255 where unknown."""


def augment(sample: Sample, config: AugmentationConfig, crop: int | None, rng: np.random.Generator) -> Sample:
    """Crop, deform, flip and turn a tile at random, image and labels alike."""
    if crop is not None:
        sample = random_crop(sample, crop, rng)
    if config.elastic > 0:
        sample = elastic(sample, config.elastic, config.elastic_scale, rng)
    if config.flips:
        sample = random_flips(sample, rng)
    if config.quarter_turns:
        sample = quarter_turn(sample, int(rng.integers(4)))
    if config.brightness or config.tint:
        sample = random_light(sample, config.brightness, config.tint, rng)
    return sample


def pad(sample: Sample, height: int, width: int) -> Sample:
    """Extend a tile below and to the right by ground without data and labels unknown."""
    pixels, labels = sample
    below, right = max(height - labels.shape[0], 0), max(width - labels.shape[1], 0)
    if below == right == 0:
        return sample
    return (
        np.pad(pixels, ((0, 0), (0, below), (0, right))),
        np.pad(labels, ((0, below), (0, right)), constant_values=UNKNOWN),
    )


def random_crop(sample: Sample, size: int, rng: np.random.Generator) -> Sample:
    """Cut a square out of a tile, after padding where the tile is smaller."""
    pixels, labels = pad(sample, size, size)
    y, x = (int(rng.integers(length - size + 1)) for length in labels.shape)
    window = np.s_[y : y + size, x : x + size]
    return pixels[:, *window], labels[window]


def random_flips(sample: Sample, rng: np.random.Generator) -> Sample:
    """Mirror a tile left-right and up-down, each with probability one half."""
    window = tuple(slice(None, None, -1 if rng.random() < 0.5 else 1) for _ in range(2))
    pixels, labels = sample
    return pixels[:, *window], labels[window]


def random_light(sample: Sample, brightness: float, tint: float, rng: np.random.Generator) -> Sample:
    """Multiply reflectance by random factors, lognormal: one for all bands, and one for each."""
    pixels, labels = sample
    factors = np.exp(rng.normal(0, brightness) + rng.normal(0, tint, (len(pixels), 1, 1)))
    return pixels * factors.astype(np.float32), labels


def quarter_turn(sample: Sample, turns: int) -> Sample:
    """Turn a tile by a multiple of 90 degrees."""
    pixels, labels = sample
    return np.rot90(pixels, turns, (1, 2)), np.rot90(labels, turns)


def elastic(sample: Sample, amplitude: float, scale: float, rng: np.random.Generator) -> Sample:
    """Deform a tile by smooth random displacements.

    After Simard, Steinkraus and Platt (2003), with displacements drawn on a coarse grid and interpolated
    by cubic splines instead of being smoothed by a Gaussian. Reflectance is interpolated linearly, labels
    are taken from the nearest pixel. Pixels next to ground without data lose their data and their label,
    so that no reflectance is mixed with nothing.

    Args:
        sample: the tile.
        amplitude: standard deviation of the displacements at the grid's nodes, in pixels.
        scale: distance of the grid's nodes, in pixels.
        rng: where the displacements come from.
    """
    pixels, labels = sample
    height, width = labels.shape
    nodes = (2, int(height / scale) + 3, int(width / scale) + 3)
    coarse = torch.from_numpy(rng.normal(0, amplitude, nodes).astype(np.float32))
    fine = functional.interpolate(coarse[None], (height, width), mode="bicubic", align_corners=True)[0]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x = 2 * (columns + fine[1]) / max(width - 1, 1) - 1
    y = 2 * (rows + fine[0]) / max(height - 1, 1) - 1
    grid = torch.stack([x, y], -1)[None]

    def sampled(planes: NDArray[Any], mode: str) -> NDArray[np.float32]:
        source = torch.from_numpy(np.ascontiguousarray(planes, np.float32))[None]
        moved = functional.grid_sample(source, grid, mode, padding_mode="reflection", align_corners=True)
        return cast("NDArray[np.float32]", moved[0].numpy())

    moved, moved_labels = sampled(pixels, "bilinear"), sampled(labels[None], "nearest")[0].astype(np.uint8)
    holes = (pixels == 0).all(0, keepdims=True)
    if holes.any():
        lost = sampled(holes, "bilinear")[0] > 0
        moved[:, lost], moved_labels[lost] = 0, UNKNOWN
    return moved, moved_labels
