"""Asks a model about a tile and takes down what can be told without the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from highwall.forecasting.looks import look
from highwall.models.experience import PATCH
from highwall.models.observation import observe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.models.experience import Experience
    from highwall.models.model import Model
    from highwall.models.observation import Observations


def examine(
    model: Model,
    experience: Experience,
    appearance: Experience,
    pixels: NDArray[np.float32],
    counted: NDArray[np.bool_],
    kinship: float = 0,
) -> tuple[Observations, NDArray[np.float32]]:
    """Let a model answer for a tile, and observe it.

    Args:
        model: the model.
        experience: what it has learned from, as its encoders see it.
        appearance: what it has learned from, as it looks.
        pixels: reflectance `(band, y, x)`, 0 in all bands where there is no data.
        counted: pixels to count `(y, x)`, one or more.
        kinship: how near the tile lies to ground that was learned from, 0 to 2.

    Returns:
        The observation of one tile, and the final class probabilities `(class, y, x)`.
    """
    seen = model.ask(pixels[None])
    answer = model.final_answer(pixels[None], seen)[0]
    unlike = tile_dissimilarity(experience, seen.embedding[0], counted)
    strange = float(appearance.dissimilarity(look(pixels, (pixels != 0).any(0), model.bands)[None])[0])
    return observe(answer, seen.members[:, 0], counted, unlike, strange, kinship), answer


def tile_dissimilarity(experience: Experience, embedding: NDArray[np.float32], counted: NDArray[np.bool_]) -> float:
    """Return the mean dissimilarity of the pixels that count, in thresholds.

    Args:
        experience: what was learned from.
        embedding: what the encoders see in the patches of a tile, `(patch y, patch x, feature)`.
        counted: pixels that count `(y, x)`, one or more.
    """
    of_patches = experience.dissimilarity(embedding.reshape(-1, embedding.shape[-1]))
    rows, columns = (np.arange(0, side, PATCH) for side in counted.shape)
    pixels = np.add.reduceat(np.add.reduceat(counted.astype(np.int64), rows, axis=0), columns, axis=1)
    return float(np.average(of_patches, weights=pixels.ravel())) / experience.threshold
