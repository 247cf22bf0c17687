"""Pixels near the edge of a class, and confusion counted apart for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from highwall.evaluation.confusion import confusion
from highwall.legend import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

REACH: Final = 2
"""Pixels from another label within which a pixel is an edge pixel; 20 m at 10 m a pixel."""

INTERIOR: Final = 0
EDGE: Final = 1
"""Positions on the axis `stratum`."""


def edge_pixels(labels: NDArray[np.uint8], reach: int = REACH) -> NDArray[np.bool_]:
    """Find the pixels that lie near a pixel with another label.

    Distance is chessboard distance, as in the boundary of Cheng et al. (2021), Boundary IoU, CVPR, whose reference
    code erodes with squares: a pixel's neighbourhood is the square of `2 reach + 1` pixels around it. Unknown pixels
    are no other label and no edge pixels, and a tile's border makes no edge.

    Args:
        labels: class indices `(y, x)`, 255 where unknown.
        reach: pixels from another label within which a pixel counts, 0 or more.

    Returns:
        Whether a pixel is an edge pixel, `(y, x)`.
    """
    known = labels != UNKNOWN
    size = 2 * reach + 1
    lowest = minimum_filter(labels, size, mode="nearest")  # unknown is above all classes, and so never the lowest
    highest = maximum_filter(np.where(known, labels, 0), size, mode="nearest")  # and here never the highest
    edge: NDArray[np.bool_] = known & (lowest != highest)
    return edge


def confusion_by_stratum(labels: NDArray[np.uint8], answer: NDArray[np.uint8], n_classes: int) -> NDArray[np.int64]:
    """Count pixels as `confusion` does, apart for the interior of classes and for edge pixels.

    Args:
        labels: true class indices `(y, x)`, 255 where unknown.
        answer: class indices given, same shape, 255 where there is none.
        n_classes: number of classes.

    Returns:
        Pixel counts `(stratum, truth, answer)`, interior first; over both strata they add up to `confusion`.

    Raises:
        ValueError: as `confusion`.
    """
    edge = edge_pixels(labels)
    strata = [np.where(here, labels, np.uint8(UNKNOWN)) for here in (~edge, edge)]
    return np.stack([confusion(stratum, answer, n_classes) for stratum in strata])
