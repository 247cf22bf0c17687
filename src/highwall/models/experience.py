"""What a model knows: how unlike its training ground a piece of ground looks to its own encoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.spatial.distance import cdist, pdist

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

AXES: Final = 24
"""Most principal components that distances are measured in."""

REFERENCES: Final = 2000
"""Most patches of training ground that are kept."""


@dataclass(frozen=True, eq=False)
class Experience:
    """Training ground as the encoders see it, patch by patch, and how far from it ground is still familiar.

    The dissimilarity index of Meyer and Pebesma (2021, Predicting into unknown space?, Methods in Ecology and
    Evolution 12), on encoder features in place of predictors that are weighted by their importance.
    """

    mean: NDArray[np.float32]
    """Of the training patches' features, `(feature,)`."""

    axes: NDArray[np.float32]
    """Principal components of the standardised features, `(feature, axis)`, features' scales included."""

    reference: NDArray[np.float32]
    """Training patches on these axes, `(patch, axis)`."""

    spread: float
    """Mean distance between two training patches; what distances are divided by."""

    threshold: float
    """Dissimilarity beyond which ground lies outside of the area of applicability."""

    def dissimilarity(self, embedding: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the distance to the nearest training patch in mean distances between training patches, `(patch,)`.

        Args:
            embedding: encoder features `(patch, feature)`.
        """
        return _nearest(self.project(embedding), self.reference) / self.spread

    def project(self, embedding: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return features `(patch, feature)` on the axes, `(patch, axis)`."""
        return np.asarray((embedding - self.mean) @ self.axes, np.float32)

    def applicability(self, dissimilarity: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Turn dissimilarity into what maps show: 1 on training ground, one half at the threshold, towards 0 beyond."""
        return np.asarray(1 / (1 + (dissimilarity / self.threshold) ** 2))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all fields as arrays by name."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Experience:
        """Make it again from `to_arrays`."""
        spread, threshold = float(arrays["spread"]), float(arrays["threshold"])
        return cls(arrays["mean"], arrays["axes"], arrays["reference"], spread, threshold)


def make_experience(embedding: NDArray[np.floating[Any]], seed: int, threshold: float = np.inf) -> Experience:
    """Take down what training ground looks like.

    Args:
        embedding: encoder features of patches of the training tiles, `(patch, feature)`, two patches or more.
        seed: which patches are kept where there are many.
        threshold: dissimilarity from which on ground is unfamiliar.
    """
    rng = np.random.default_rng(seed)
    kept = np.sort(rng.permutation(len(embedding))[:REFERENCES])
    known = embedding[kept].astype(np.float64)
    mean, scale = known.mean(0), known.std(0)
    standard = (known - mean) / np.maximum(scale, 1e-6)
    _, vectors = np.linalg.eigh(standard.T @ standard / len(standard))  # least variance first
    axes = vectors[:, ::-1][:, : min(AXES, len(known) - 1)] / np.maximum(scale, 1e-6)[:, None]
    reference = ((known - mean) @ axes).astype(np.float32)
    spread = float(pdist(reference).mean())
    return Experience(mean.astype(np.float32), axes.astype(np.float32), reference, max(spread, 1e-9), float(threshold))


def whisker(dissimilarity: NDArray[np.floating[Any]]) -> float:
    """Return the threshold of Meyer and Pebesma (2021): the upper whisker of cross-validated dissimilarities.

    The largest value up to the upper quartile plus 1.5 times the distance between the quartiles.
    """
    low, high = np.quantile(dissimilarity, (0.25, 0.75))
    return float(dissimilarity[dissimilarity <= high + 1.5 * (high - low)].max())


def _nearest(points: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return each point's distance to the nearest reference."""
    return np.asarray(cdist(points, references).min(1))
