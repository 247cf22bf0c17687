"""A first look: tells cheaply which windows hold no mine, so that the networks need not be asked about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from highwall.errors import BadInput
from highwall.models.forest import Forest
from highwall.models.patches import PATCH, describe, patch_features

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

WINDOW: Final = 256
"""Height and width in pixels of the windows that recall is told for; larger ones lose less, smaller ones more."""

_FACTS: Final = ("threshold", "recall", "low", "high", "skipped", "sites")
_TREE: Final = "forest."


@dataclass(frozen=True, eq=False)
class FirstLook:
    """A small forest over statistics of patches, and how sure it must be that a patch holds no mine.

    A window is kept if any patch that it touches is.
    """

    forest: Forest
    """Over `patches.patch_features`; class 1 is a patch that holds mine pixels."""

    bands: tuple[str, ...]
    """The bands that it takes, in order."""

    threshold: float
    """Probability of class 1 from which on a patch is kept."""

    recall: float
    """Share of the labelled mine pixels, at sites it had not learned from, that lie in kept windows."""

    low: float
    """Lower end of the 90 % interval of the recall, by site."""

    high: float
    """Upper end, likewise."""

    skipped: float
    """Share of the windows without a mine pixel, at such sites, that are skipped."""

    sites: int
    """Number of sites with mine pixels that recall was measured on."""

    def scores(self, reflectance: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the probability that patches hold mine pixels, `(row, column)`; -1 where no pixel is known.

        Args:
            reflectance: `(band, y, x)`, bands as in `bands`, any height and width; patches begin in the corner.
            known: where there is data and no cloud, `(y, x)`.
        """
        patches = describe(reflectance, known, self.bands)
        scores = np.full(patches.known.shape, -1.0)
        if patches.known.any():
            scores[patches.known] = self.forest.predict_proba(patches.features[patches.known])[:, 1]
        return scores

    def keeps(
        self, reflectance: NDArray[np.float32], known: NDArray[np.bool_], starts: Sequence[int], window: int
    ) -> NDArray[np.bool_]:
        """Tell which windows of a row hold a patch to keep, `(window,)`.

        Args:
            reflectance: of the row of windows, `(band, y, x)`, as high as a window.
            known: where there is data and no cloud, `(y, x)`.
            starts: first column of each window.
            window: width of the windows.
        """
        columns = np.logical_or.reduce(self.scores(reflectance, known) >= self.threshold)
        touched = [columns[start // PATCH : -(-(start + window) // PATCH)] for start in starts]
        return np.array([patches.any() for patches in touched], np.bool_)

    def to_json(self) -> dict[str, float]:
        """Return what it keeps and skips on ground that it had not learned from."""
        return {name: getattr(self, name) for name in _FACTS}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all but the names of the bands, as safetensors stores it."""
        trees = {f"{_TREE}{name}": array for name, array in self.forest.to_arrays().items()}
        return trees | {name: np.array([getattr(self, name)], np.float64) for name in _FACTS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], bands: Sequence[str]) -> FirstLook:
        """Undo `to_arrays`; the arrays may come from anywhere.

        Raises:
            BadInput: they are no first look over these bands.
        """
        trees = {name.removeprefix(_TREE): array for name, array in arrays.items() if name.startswith(_TREE)}
        forest = Forest.from_arrays(trees, patch_features(bands))
        if forest.n_classes != 2:
            raise BadInput(f"first look: its forest tells {forest.n_classes} classes apart, not 2")
        try:
            facts: dict[str, Any] = {name: float(arrays[name].item()) for name in _FACTS}
            facts["sites"] = int(facts["sites"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise BadInput(f"first look: it lacks one of {', '.join(_FACTS)}") from None
        if not all(0 <= facts[name] <= 1 for name in _FACTS[:-1]):
            raise BadInput("first look: its threshold, recall or share is not from 0 to 1")
        return cls(forest, tuple(bands), **facts)


def highest_in_windows(scores: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Return the highest score in each window of `side` x `side` patches that touches some ground.

    Windows lie at every patch, also over the edge, so that each patch is in `side ** 2` windows: how a scene's windows
    fall on a mine is chance. Beyond the edge nothing is known, and no score is as low.

    Args:
        scores: of the patches, `(row, column)`, -1 or more.
        side: height and width of a window in patches.

    Returns:
        `(row + side - 1, column + side - 1)`.
    """
    padded = np.pad(scores, side - 1, constant_values=-1.0)
    rows = sliding_window_view(padded, side, 0).max(-1)
    highest: NDArray[np.float64] = sliding_window_view(rows, side, 1).max(-1)
    return highest


def sum_in_windows(counts: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Add up counts of patches `(row, column)` in the same windows."""
    padded = np.pad(counts, side - 1)
    rows = sliding_window_view(padded, side, 0).sum(-1)
    total: NDArray[np.int64] = sliding_window_view(rows, side, 1).sum(-1)
    return total
