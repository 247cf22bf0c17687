"""What patches of ground look like from afar: cheap statistics of a first look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PATCH: Final = 32
"""Side in pixels of a patch."""

CELL: Final = 4
"""Side in pixels of a cell, whose mean is all that a first look sees: 64 cells a patch."""

PAIRS: Final = (("B08", "B04"), ("B03", "B08"), ("B03", "B11"), ("B11", "B08"), ("B11", "B12"), ("B04", "B02"))
"""Bands whose normalised difference is looked at where there are both: vegetation (NDVI), water (NDWI, MNDWI), built
and bare ground (NDBI), clay minerals, iron oxides."""

_STATISTICS: Final = ("mean", "deviation", "10 %", "median", "90 %")
_RANKS: Final = (0.1, 0.5, 0.9)
_DARK: Final = 1e-3  # what a sum of two reflectances is at least, so that deep shadow gives no wild ratio


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches of ground, from its upper left corner on; the last ones may reach over its end."""

    features: NDArray[np.float32]
    """Statistics `(row, column, feature)`, named by `patch_features`; 0 where nothing is known."""

    known: NDArray[np.bool_]
    """Which patches hold known ground, `(row, column)`."""


def patch_features(bands: Sequence[str]) -> tuple[str, ...]:
    """Name the statistics of a patch: of each band, and of the normalised differences in `PAIRS`."""
    channels = (*bands, *(f"{one} to {other}" for one, other in _pairs(bands)))
    return tuple(f"{channel}: {statistic}" for channel in channels for statistic in _STATISTICS)


def describe(reflectance: NDArray[np.float32], known: NDArray[np.bool_], bands: Sequence[str]) -> Patches:
    """Describe the patches of some ground by what is known of them.

    Args:
        reflectance: `(band, y, x)`, any height and width.
        known: `(y, x)`; the other pixels have no say.
        bands: names of the bands.
    """
    means, counts = _cells(reflectance, known)
    index = {band: position for position, band in enumerate(bands)}
    ratios = [_difference(means[index[one]], means[index[other]]) for one, other in _pairs(bands)]
    cells = _by_patch(np.stack([*means, *ratios]))
    seen = _by_patch(counts[None] > 0)
    count = seen.sum(-1)
    some = np.maximum(count, 1)
    if seen.all():
        mean, deviation = cells.mean(-1), cells.std(-1)
    else:
        mean = np.where(seen, cells, 0).sum(-1) / some
        deviation = np.sqrt(np.where(seen, (cells - mean[..., None]) ** 2, 0).sum(-1) / some)
        cells = np.where(seen, cells, np.float32(np.inf))
    cells.sort(-1)
    ranks = [(some - 1) * share for share in _RANKS]
    quantiles = [_at(cells, np.rint(rank).astype(np.intp)) for rank in ranks]
    statistics = np.stack([mean, deviation, *quantiles], -1).astype(np.float32)
    patch = (count > 0)[0]
    features = np.moveaxis(statistics, 0, 2).reshape(*patch.shape, -1)
    return Patches(np.where(patch[..., None], features, 0).astype(np.float32, copy=False), patch)


def count_in_patch(where: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the marked pixels in each patch, `(row, column)`, for marks `(y, x)`."""
    rows, columns = (-(-side // PATCH) for side in where.shape)
    full = np.zeros((rows * PATCH, columns * PATCH), bool)
    full[: where.shape[0], : where.shape[1]] = where
    counts: NDArray[np.int64] = full.reshape(rows, PATCH, columns, PATCH).sum((1, 3))
    return counts


def _pairs(bands: Sequence[str]) -> list[tuple[str, str]]:
    return [(one, other) for one, other in PAIRS if one in bands and other in bands]


def _cells(
    reflectance: NDArray[np.float32], known: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the means `(band, row, column)` of the known pixels in each cell, and their number `(row, column)`."""
    height, width = known.shape
    beyond = ((0, -height % PATCH), (0, -width % PATCH))
    if not known.all():
        reflectance = np.where(known, reflectance, np.float32(0))
    if any(after for _, after in beyond):
        reflectance, known = np.pad(reflectance, ((0, 0), *beyond)), np.pad(known, beyond)
    counts = _sums(known.astype(np.float32)[None])[0]
    return _sums(reflectance) / np.maximum(counts, 1), counts


def _sums(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add up cells; rows first, which lie side by side."""
    count, height, width = planes.shape
    rows = planes.reshape(count, height // CELL, CELL, width).sum(2)
    sums: NDArray[np.float32] = rows.reshape(count, height // CELL, width // CELL, CELL).sum(3)
    return sums


def _difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    ratio: NDArray[np.float32] = np.clip((one - other) / np.maximum(one + other, np.float32(_DARK)), -1, 1)
    return ratio


def _by_patch(planes: NDArray[Any]) -> NDArray[Any]:
    """Turn cells `(plane, y, x)` into `(plane, row, column, cell)`."""
    side = PATCH // CELL
    count, height, width = planes.shape
    blocks = planes.reshape(count, height // side, side, width // side, side).swapaxes(2, 3)
    return np.ascontiguousarray(blocks).reshape(count, height // side, width // side, side * side)


def _at(cells: NDArray[np.float32], rank: NDArray[np.intp]) -> NDArray[np.float32]:
    """Take the value at a rank `(1, row, column)` of sorted cells `(plane, row, column, cell)`."""
    where = np.broadcast_to(rank, cells.shape[:-1])[..., None]
    return np.take_along_axis(cells, where, -1)[..., 0]
