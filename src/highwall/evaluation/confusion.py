"""Confusion matrices, from which every score is derived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from highwall.legend import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray


def confusion(labels: NDArray[np.uint8], answer: NDArray[np.uint8], n_classes: int) -> NDArray[np.int64]:
    """Count pixels by what they are and what they were taken for.

    Matrices of several tiles add up.

    Args:
        labels: true class indices, any shape; pixels with 255 (unknown) are left out.
        answer: class indices given, same shape; pixels with 255 (no data) are left out as well, so an
            answer with gaps is judged by the rest of it.
        n_classes: number of classes.

    Returns:
        Pixel counts `(truth, answer)`.

    Raises:
        ValueError: the shapes differ, or an index is neither below `n_classes` nor 255.
    """
    if labels.shape != answer.shape:
        raise ValueError(f"labels {labels.shape} and answer {answer.shape} don't fit")
    counted = (labels != UNKNOWN) & (answer != UNKNOWN)
    truth, given = labels[counted].astype(np.intp), answer[counted]
    if truth.size and max(truth.max(), given.max()) >= n_classes:
        raise ValueError(f"there is a class index beyond {n_classes - 1}")
    return np.bincount(truth * n_classes + given, minlength=n_classes**2).reshape(n_classes, n_classes)
