"""The random numbers of one sample: where it is cut out of its tile, and how it is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.sentinel2 import BANDS, RGB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.training.config import AugmentationConfig


_SKY: Final = 0.25
"""Reflectance that thick haze looks like from above."""


@dataclass(frozen=True, eq=False)
class Draw:
    """What chance says of one sample, in the order in which it is done."""

    nodes: NDArray[np.float32]
    """Elastic displacements `(2, row, column)` down and to the right, in pixels, at the nodes of a coarse grid whose
    corners are the sample's; no rows where there are none."""

    symmetry: int
    """Which of the square's eight symmetries: quarter turns against the clock, and 4 more where rows are mirrored
    (top becomes bottom) before."""

    light: NDArray[np.float32]
    """What becomes of each band, `(3, band)`: a factor, what is added then, and 1 where it is seen at all, else 0; no
    bands where there is no change."""

    blur: float = 0
    """Share of a binomial blur over three pixels; sharpened where negative."""


def random_window(shape: tuple[int, int], size: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """Place a square in a tile at random; it reaches beyond the tile where that is smaller."""
    y, x = (int(rng.integers(max(length - size, 0) + 1)) for length in shape)
    return slice(y, y + size), slice(x, x + size)


def window_around(
    centre: tuple[int, int], shape: tuple[int, int], size: int, rng: np.random.Generator
) -> tuple[slice, slice]:
    """Place a square in a tile at random so that it holds a pixel (row, column)."""
    starts = []
    for middle, length in zip(centre, shape, strict=True):
        least, most = max(middle - size + 1, 0), max(min(middle, length - size), 0)
        starts.append(int(rng.integers(least, most + 1)))
    y, x = starts
    return slice(y, y + size), slice(x, x + size)


def draw(config: AugmentationConfig, shape: tuple[int, int], bands: Sequence[str], rng: np.random.Generator) -> Draw:
    """Draw the changes of a sample of this height and width.

    Displacements are normal with a standard deviation of `elastic` pixels. Each flip comes with probability one half,
    each number of quarter turns with one quarter.
    """
    rows, columns = (int(length / config.elastic_scale) + 3 for length in shape) if config.elastic else (0, 0)
    nodes = rng.normal(0, config.elastic, (2, rows, columns)).astype(np.float32)
    mirror_rows, mirror_columns = (bool(rng.random() < 0.5) for _ in range(2)) if config.flips else (False, False)
    turns = int(rng.integers(4)) if config.quarter_turns else 0
    # Mirrored columns are mirrored rows after half a turn.
    symmetry = (turns + 2 * mirror_columns) % 4 + 4 * (mirror_rows != mirror_columns)
    light = _light(config, bands, rng).astype(np.float32)
    return Draw(nodes, symmetry, light, float(rng.uniform(-1, 1)) * config.sharpness if config.sharpness else 0)


UNCHANGED = Draw(np.zeros((2, 0, 0), np.float32), 0, np.ones((3, 0), np.float32))
"""Changes nothing."""


def _light(config: AugmentationConfig, bands: Sequence[str], rng: np.random.Generator) -> NDArray[Any]:
    """Draw what becomes of each band, as `Draw.light` has it.

    The logarithm of a factor is normal: one number for all bands (`brightness`), and one for each (`tint`). Haze takes
    a share of the ground's light that falls as the Angstrom exponent 1.3 of common aerosol says (Angstrom 1929), and
    gives back as much of a white sky. An offset is the same for all bands.
    """
    if not (config.brightness or config.tint or config.haze or config.offset or config.band_dropout):
        return np.ones((3, 0))
    factor, addend, seen = np.ones(len(bands)), np.zeros(len(bands)), np.ones(len(bands))
    if config.brightness or config.tint:
        factor = np.exp(rng.normal(0, config.brightness) + rng.normal(0, config.tint, len(bands)))
    if config.haze:
        waves = np.array([BANDS[band][0] for band in bands])
        share = rng.uniform(0, config.haze) * (BANDS["B02"][0] / waves) ** 1.3
        factor, addend = factor * (1 - share), share * _SKY
    if config.offset and rng.random() < 0.5:
        addend = addend + rng.uniform(-config.offset, config.offset)
    if rng.random() < config.band_dropout:
        seen = _seen(bands, rng)
    return np.stack([factor, addend, seen])


def _seen(bands: Sequence[str], rng: np.random.Generator) -> NDArray[Any]:
    """Draw the bands that a sample keeps: red, green and blue every second time, else any number of any."""
    rgb = np.isin(bands, RGB)
    if rgb.any() and rng.random() < 0.5:
        return rgb.astype(float)
    kept = rng.permutation(len(bands))[: rng.integers(1, len(bands) + 1)]
    return np.isin(np.arange(len(bands)), kept).astype(float)
