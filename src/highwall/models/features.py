"""The features of level 2: what a pixel looks like, and what the networks say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.legend import Legend
    from highwall.models.config import Answers


def feature_names(bands: Sequence[str], members: Sequence[str], legend: Legend, answers: Answers) -> tuple[str, ...]:
    """Name the columns that `features` returns: the bands, then the networks' answers."""
    if answers == "masks":
        return (*bands, *members)
    return (*bands, *(f"{member}: {name}" for member in members for name in legend.names))


def features(
    reflectance: NDArray[np.float32], probabilities: NDArray[np.float32], answers: Answers
) -> NDArray[np.float32]:
    """Put what is known of every pixel in one row.

    Args:
        reflectance: `(band, ...)`, any number of pixel axes.
        probabilities: of each network, `(member, class, ...)`, 0 to 1.
        answers: `masks` (the index of the likeliest class) or `probabilities`.

    Returns:
        `(pixel, feature)`, columns as `feature_names` names them.
    """
    answer = probabilities.argmax(1) if answers == "masks" else probabilities.reshape(-1, *probabilities.shape[2:])
    columns = np.concatenate([reflectance.reshape(len(reflectance), -1), answer.reshape(len(answer), -1)])
    return np.ascontiguousarray(columns.T, dtype=np.float32)
