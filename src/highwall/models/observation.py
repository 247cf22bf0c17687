"""What can be told of a model's answer for a tile without knowing the truth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

BINS: Final = 50
"""Bins of equal width of the confidence, from 0 to 1."""


@dataclass(frozen=True, eq=False)
class Observations:
    """Of some tiles, a row each. All counts are of pixels with data."""

    expected: NDArray[np.float64]
    """Confusion to expect if the probabilities are what they say, `(tile, truth, answer)`: at [t, a] the sum of the
    calibrated probabilities of t over the pixels that were taken for a."""

    agreement: NDArray[np.float64]
    """How often the networks take one pixel for the same, `(tile, answer, answer)`: the mean over all pairs, both
    ways; diagonal where there is but one network."""

    confidence: NDArray[np.float64]
    """Number of pixels by answer and by their calibrated probability of it, `(tile, answer, bin)`."""

    dissimilarity: NDArray[np.float64]
    """Mean dissimilarity of the tile's patches, in thresholds of the area of applicability, `(tile,)`."""

    strangeness: NDArray[np.float64]
    """How unlike the training tiles it looks: the dissimilarity of its look, `(tile,)`."""

    kinship: NDArray[np.float64]
    """How near it lies to ground that was learned from, `(tile,)`: 0 apart from it or not known, 1 beside it, on one
    site, and up to 2 the more of it is that very ground."""

    def __len__(self) -> int:
        """Count the tiles."""
        return len(self.expected)

    def __getitem__(self, which: Any) -> Observations:
        """Take some of the tiles."""
        return Observations(**{name: values[which] for name, values in vars(self).items()})

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all fields by name."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Observations:
        """Make them again from `to_arrays`."""
        return cls(**arrays)

    @classmethod
    def join(cls, parts: Sequence[Observations]) -> Observations:
        """Put the tiles of all parts one after the other."""
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def observe(
    probabilities: NDArray[np.floating[Any]],
    members: NDArray[np.floating[Any]],
    valid: NDArray[np.bool_],
    dissimilarity: float,
    strangeness: float,
    kinship: float,
) -> Observations:
    """Take down what an answer for one tile looks like.

    Args:
        probabilities: calibrated, of the level whose answer counts, `(class, y, x)`.
        members: what each network says, `(member, class, y, x)`.
        valid: pixels with data `(y, x)`.
        dissimilarity: of the tile, as the encoders see it.
        strangeness: of the tile, as it looks.
        kinship: of the tile, 0 to 2.
    """
    classes = len(probabilities)
    given = probabilities[:, valid].astype(np.float64)
    answer = given.argmax(0)
    expected = np.stack([np.bincount(answer, row, classes) for row in given]).astype(np.float64)
    votes = members[:, :, valid].argmax(1)
    pairs = [*combinations(range(len(votes)), 2)] or [(0, 0)]
    together = np.mean([_table(votes[a], votes[b], classes) for a, b in pairs], axis=0)
    place = np.minimum((given.max(0) * BINS).astype(np.intp), BINS - 1)
    confidence = np.bincount(answer * BINS + place, minlength=classes * BINS).reshape(classes, BINS)
    return Observations(
        expected[None],
        (together + together.T)[None] / 2,
        confidence[None].astype(np.float64),
        *(np.array([value], np.float64) for value in (dissimilarity, strangeness, kinship)),
    )


def _table(a: NDArray[np.intp], b: NDArray[np.intp], classes: int) -> NDArray[np.float64]:
    counts = np.bincount(a * classes + b, minlength=classes**2)
    return counts.reshape(classes, classes).astype(np.float64)
