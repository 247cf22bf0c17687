"""What the training tiles are like: means, deviations, class shares, and a fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from highwall.errors import BadInput
from highwall.sentinel2 import REFLECTANCE_RANGE
from highwall.training.data import read_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.tiles import Encoding, Tile

_BINS: Final = np.round(np.arange(REFLECTANCE_RANGE[0], REFLECTANCE_RANGE[1] + 5e-4, 1e-3), 3)


_QUARTILES: Final = 1.349
"""Distance of a normal distribution's quartiles, in standard deviations."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """Of pixels with data, in all tiles together."""

    mean: NDArray[np.float64]
    """Mean reflectance, per band."""

    std: NDArray[np.float64]
    """Standard deviation of reflectance, per band."""

    median: NDArray[np.float64]
    """Median reflectance, per band, to 0.001."""

    spread: NDArray[np.float64]
    """What the distance of the quartiles is of a normal distribution's standard deviation, per band."""

    low: NDArray[np.float64]
    """Reflectance that one pixel in a hundred falls below, per band, to 0.001."""

    high: NDArray[np.float64]
    """Reflectance that one pixel in a hundred exceeds, per band, to 0.001."""

    counts: NDArray[np.int64]
    """Number of labelled pixels, per class index."""

    shapes: tuple[tuple[int, int], ...]
    """Height and width of each tile."""

    fingerprint: str
    """SHA-256 over pixels and labels of all tiles."""


def statistics(tiles: Sequence[Tile], encoding: Encoding) -> Statistics:
    """Read all tiles once.

    Raises:
        BadInput: a tile cannot be read, or no pixel is labelled.
    """
    count, sums, squares = 0, np.zeros(len(encoding.bands)), np.zeros(len(encoding.bands))
    counts, histogram = np.zeros(256, np.int64), np.zeros((len(encoding.bands), len(_BINS) - 1), np.int64)
    shapes, digest = [], hashlib.sha256()
    for tile in tiles:
        pixels, labels = read_sample(tile, encoding)
        values = pixels[:, (pixels != 0).any(0)].astype(np.float64)
        count += values.shape[1]
        sums += values.sum(1)
        squares += (values**2).sum(1)
        histogram += [np.histogram(np.clip(band, *REFLECTANCE_RANGE), _BINS)[0] for band in values]
        counts += np.bincount(labels.ravel(), minlength=256)
        shapes.append(labels.shape)
        digest.update(pixels.tobytes() + labels.tobytes())
    known = counts[: len(encoding.legend)]
    if not known.sum():
        raise BadInput(f"no pixel of the {tiles[0].split} tiles is labelled")
    mean = sums / count
    variance = np.maximum(squares / count - mean**2, 0)
    low, lower, median, upper, high = (_quantile(histogram, share) for share in (0.01, 0.25, 0.5, 0.75, 0.99))
    std = np.maximum(np.sqrt(variance), 1e-4)
    spread = np.maximum((upper - lower) / _QUARTILES, 1e-3)
    return Statistics(mean, std, median, spread, low, high, known, tuple(shapes), digest.hexdigest())


def _quantile(histogram: NDArray[np.int64], share: float) -> NDArray[np.float64]:
    """Return the upper edge of the bin that holds the quantile, per band."""
    below = histogram.cumsum(1) < share * histogram.sum(1, keepdims=True)
    edges: NDArray[np.float64] = _BINS[1:][below.sum(1)]
    return edges
