"""What a model knows: how unlike its training ground a piece of ground looks to its own encoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.spatial.distance import cdist, pdist

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

PATCH: Final = 64
"""Side in pixels of the patches of ground whose encoder features are pooled."""

AXES: Final = 24
"""Most principal components that distances are measured in."""

_CONSTANT: Final = 1e-6
"""What deviates less is taken for constant."""

REFERENCES: Final = 2000
"""Most patches of training ground that are kept."""


@dataclass(frozen=True, eq=False)
class Experience:
    """Training ground as the encoders see it, patch by patch, and how far from it ground is still familiar.

    The dissimilarity index of Meyer and Pebesma (2021, Predicting into unknown space?, Methods in Ecology and
    Evolution 12), on encoder features in place of predictors that are weighted by their importance.
    """

    mean: NDArray[np.float32]
    """Mean of the training patches' features, `(feature,)`."""

    scale: NDArray[np.float32]
    """Their standard deviation, likewise."""

    axes: NDArray[np.float32]
    """Principal components of the standardised features, `(feature, axis)`."""

    reference: NDArray[np.float32]
    """Training patches on these axes, and how far they lie off them, `(patch, axis + 1)`."""

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
        """Return features `(patch, feature)` on the axes, and how far they lie off them, `(patch, axis + 1)`."""
        return _project((embedding - self.mean) / self.scale, self.axes)

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
        return cls(arrays["mean"], arrays["scale"], arrays["axes"], arrays["reference"], spread, threshold)


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
    scale[scale < _CONSTANT] = 1
    standard = (known - mean) / scale
    variance, vectors = np.linalg.eigh(standard.T @ standard / len(standard))  # least variance first
    axes = vectors[:, ::-1][:, : min(AXES, int((variance > _CONSTANT).sum()))]
    reference = _project(standard, axes)
    spread = max(float(pdist(reference).mean()), _CONSTANT)
    return Experience(
        mean.astype(np.float32),
        scale.astype(np.float32),
        axes.astype(np.float32),
        reference,
        spread,
        float(threshold),
    )


def whisker(dissimilarity: NDArray[np.floating[Any]]) -> float:
    """Return the threshold of Meyer and Pebesma (2021): the upper whisker of cross-validated dissimilarities.

    The largest value up to the upper quartile plus 1.5 times the distance between the quartiles.

    Args:
        dissimilarity: of one patch or more, to patches of other folds.
    """
    low, high = np.quantile(dissimilarity, (0.25, 0.75))
    return float(dissimilarity[dissimilarity <= high + 1.5 * (high - low)].max())


def _project(standard: NDArray[np.floating[Any]], axes: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    on = standard @ axes
    off = np.sqrt(np.maximum((standard**2).sum(1) - (on**2).sum(1), 0))
    return np.column_stack([on, off]).astype(np.float32)


def _nearest(points: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return each point's distance to the nearest reference."""
    return np.asarray(cdist(points, references).min(1))
