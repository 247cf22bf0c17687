"""The random numbers of one sample: where it is cut out of its tile, and how it is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.training.config import AugmentationConfig


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
    """Factor on each band; none where there is no change."""


def random_window(shape: tuple[int, int], size: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """Place a square in a tile at random; it reaches beyond the tile where that is smaller."""
    y, x = (int(rng.integers(max(length - size, 0) + 1)) for length in shape)
    return slice(y, y + size), slice(x, x + size)


def draw(config: AugmentationConfig, shape: tuple[int, int], bands: int, rng: np.random.Generator) -> Draw:
    """Draw the changes of a sample of this height and width.

    Displacements are normal with a standard deviation of `elastic` pixels. Each flip comes with probability one half,
    each number of quarter turns with one quarter. The logarithm of light is normal: one number for all bands
    (`brightness`), and one for each (`tint`).
    """
    rows, columns = (int(length / config.elastic_scale) + 3 for length in shape) if config.elastic else (0, 0)
    nodes = rng.normal(0, config.elastic, (2, rows, columns)).astype(np.float32)
    mirror_rows, mirror_columns = (bool(rng.random() < 0.5) for _ in range(2)) if config.flips else (False, False)
    turns = int(rng.integers(4)) if config.quarter_turns else 0
    # Mirrored columns are mirrored rows after half a turn.
    symmetry = (turns + 2 * mirror_columns) % 4 + 4 * (mirror_rows != mirror_columns)
    light: NDArray[Any] = np.ones(0)
    if config.brightness or config.tint:
        light = np.exp(rng.normal(0, config.brightness) + rng.normal(0, config.tint, bands))
    return Draw(nodes, symmetry, light.astype(np.float32))


UNCHANGED = Draw(np.zeros((2, 0, 0), np.float32), 0, np.ones(0, np.float32))
"""Changes nothing."""
