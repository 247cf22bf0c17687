"""Holds the values of a scene against those that a model was trained on, before hours are spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.errors import BadInput
from highwall.sentinel2 import REFLECTANCE_RANGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

SHIFT: Final = 0.1
"""Reflectance of 1,000 counts: the offset of Sentinel-2 products from baseline 04.00 on."""


def check_values(name: str, sample: NDArray[np.float32]) -> None:
    """Refuse a scene whose values are no reflectance.

    Args:
        name: the scene, for the message.
        sample: reflectance `(band, pixel)` of pixels with data.

    Raises:
        BadInput: more than one value in a hundred lies outside what a reflectance can be.
    """
    if not sample.size:
        return
    low, high = (float(value) for value in np.percentile(sample, [1, 99]))
    if not REFLECTANCE_RANGE[0] <= low <= high <= REFLECTANCE_RANGE[1]:  # so that NaN is refused, too
        raise BadInput(f"{name}: reflectance from {low:.4g} to {high:.4g} is impossible; say --scale and --offset")


def shift_note(sample: NDArray[np.float32], bands: Sequence[str], training: Mapping[str, Any]) -> str | None:
    """Say whether a scene looks as if an offset of 1,000 counts were missing, or applied twice.

    Dark ground tells: shadow and water have the same reflectance near zero everywhere, while bright ground differs
    from region to region. The hundredth part of the pixels that is darkest is compared band by band.

    Args:
        sample: reflectance `(band, pixel)` of pixels with data from all over the scene.
        bands: names of the bands.
        training: the model's facts of its training tiles: `low`, the same of its training tiles, per band.

    Returns:
        One line, or None where nothing looks wrong or nothing is known.
    """
    if "low" not in training or sample.shape[1] < 100:
        return None
    shifts = np.percentile(sample, 1, axis=1) - np.array(training["low"])
    sign = np.sign(np.median(shifts))
    if not (0.6 * SHIFT < abs(np.median(shifts)) < 1.6 * SHIFT and (shifts * sign > 0.4 * SHIFT).all()):
        return None
    told = ", ".join(f"{band} {shift:+.2f}" for band, shift in zip(bands, shifts, strict=True))
    what = "missing (--offset -0.1 would apply it)" if sign > 0 else "applied twice (--offset 0 would leave it out)"
    return (
        f"its darkest ground differs from the training tiles' by {told}: as if an offset of -1,000 counts were {what}"
    )
