"""Puts coarse pixels on a grid that divides them, exactly.

GDAL's warper computes weights in floating point. On a grid of 10 m, bands of 60 m so come out one count apart in 1 % of
all pixels, depending on the window that was asked for and on the counts' offset. Here weights are whole numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.scenes.scene import Resampling

MARGIN: Final[dict[Resampling, int]] = {"nearest": 0, "bilinear": 1, "cubic": 2}
"""How many coarse pixels around a pixel a method looks at."""


def upsampled(
    counts: NDArray[Any], has_data: NDArray[np.bool_], factor: int, resampling: Resampling
) -> NDArray[np.float32]:
    """Divide each coarse pixel into `factor` x `factor` fine ones.

    The result depends on nothing but the pixels within the margin, in exact arithmetic: it is the same for any window,
    and counts raised by a whole number give results raised by it. Whole counts give whole counts, halves rounded up.

    Args:
        counts: coarse pixels `(..., y, x)` with a margin of `MARGIN[resampling]` on each side.
        has_data: which of them count, same shape; the others take no part, and their weight goes to the rest.
        factor: fine pixels along a coarse one.
        resampling: `nearest`, `bilinear` or `cubic` (Catmull-Rom; Keys 1981, a = -1/2).

    Returns:
        Fine pixels `(..., factor * (y - 2 * margin), factor * (x - 2 * margin))`, NaN where the coarse pixel around
        has no data.
    """
    margin = MARGIN[resampling]
    known = _spread(np.where(has_data, counts, 0).astype(np.float64), factor, resampling)
    lone = has_data if not has_data.all() else has_data[..., : 2 * margin + 1, : 2 * margin + 1]
    weight = _spread(lone.astype(np.float64), factor, resampling)
    weight = weight if lone is has_data else weight[..., :1, :1]  # all pixels share one where all have data
    inner = has_data[..., margin : has_data.shape[-2] - margin, margin : has_data.shape[-1] - margin]
    inside = inner.repeat(factor, -2).repeat(factor, -1)
    result = np.full(inside.shape, np.nan, np.float32)
    whole = np.issubdtype(counts.dtype, np.integer)
    np.divide(2 * known + weight if whole else known, 2 * weight if whole else weight, out=known, where=inside)
    np.copyto(result, np.floor(known) if whole else known, where=inside, casting="same_kind")
    return result


def _spread(values: NDArray[np.float64], factor: int, resampling: Resampling) -> NDArray[np.float64]:
    return _along(_along(values, -2, factor, resampling), -1, factor, resampling)


def _along(values: NDArray[np.float64], axis: int, factor: int, resampling: Resampling) -> NDArray[np.float64]:
    """Return weighted sums along an axis; weights are whole numbers, so sums of whole counts are exact in float64."""
    margin = MARGIN[resampling]
    values = np.moveaxis(values, axis, 0)
    size = len(values) - 2 * margin
    result = np.zeros((size, factor, *values.shape[1:]))
    for phase in range(factor):
        for tap in range(-margin, margin + 1):
            # twice the distance from the coarse pixel's centre to the fine one's, in fine pixels
            weight = _weight(abs(2 * phase + 1 - factor - 2 * factor * tap), 2 * factor, resampling)
            if weight:
                result[:, phase] += weight * values[margin + tap : margin + tap + size]
    return np.moveaxis(result.reshape(size * factor, *values.shape[1:]), 0, axis)


def _weight(distance: int, unit: int, resampling: Resampling) -> int:
    """Return the kernel at `distance / unit` coarse pixels, times a constant that makes it whole."""
    if resampling == "nearest":
        return 1
    if resampling == "bilinear":
        return max(unit - distance, 0)
    if distance <= unit:
        return 3 * distance**3 - 5 * distance**2 * unit + 2 * unit**3
    if distance < 2 * unit:
        return -(distance**3) + 5 * distance**2 * unit - 8 * distance * unit**2 + 4 * unit**3
    return 0
