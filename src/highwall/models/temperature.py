"""Temperature: one number that makes probabilities as sure as they ought to be, and leaves every label as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def temper(probabilities: NDArray[np.floating[Any]], temperature: float, axis: int) -> NDArray[np.floating[Any]]:
    """Flatten (temperature above 1) or sharpen (below 1) class probabilities.

    p_c^(1/T) / sum of the same over all classes, which for a softmax is that of the logits divided by T
    (Guo et al. 2017, On calibration of modern neural networks, ICML).

    Args:
        probabilities: 0 to 1, any shape, adding up to one along `axis`.
        temperature: above 0; 1 changes nothing, not a bit. What has no probability gets none at any.
        axis: the axis of the classes.
    """
    if temperature == 1:
        return probabilities
    powers = (probabilities / probabilities.max(axis, keepdims=True)) ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis, keepdims=True), probabilities.dtype)
