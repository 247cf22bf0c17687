"""A model's answers on tiles whose truth is known, as all parts of a report take them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from highwall.evaluation.scores import mean_iou

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from highwall.evaluation.examples import Answer
    from highwall.legend import Legend, LegendClass
    from highwall.tiles import Tile


@dataclass(frozen=True, eq=False)
class Judged:
    """Answers of one level on some tiles, one or more."""

    legend: Legend

    level: str
    """The level that is judged: the one that counts, or the networks' average where that one was not asked."""

    what: str
    """Whose tiles they are, to follow a number of tiles, such as `that it had not learned from`."""

    scores: Mapping[str, Any]
    """Scores and intervals by level, as in JSON."""

    tiles: tuple[Tile | None, ...]
    """None for those that are not there any more."""

    keys: tuple[str, ...]
    """Keys of the tiles."""

    sites: tuple[int, ...]
    """Site of each tile."""

    matrices: NDArray[np.int64]
    """Pixel counts `(tile, truth, answer)`."""

    answers: Mapping[int, Answer]
    """To look at, of some tiles by position."""

    @property
    def score(self) -> Mapping[str, Any]:
        """Scores and intervals of the level that is judged, as in JSON."""
        score: Mapping[str, Any] = self.scores[self.level]
        return score

    @cached_property
    def matrix(self) -> NDArray[np.int64]:
        """Pixel counts `(truth, answer)` of all tiles."""
        return np.asarray(self.matrices.sum(0))

    @cached_property
    def miou(self) -> NDArray[np.float64]:
        """Mean IoU of the target classes of each tile, `(tile,)`; NaN where there are none."""
        return mean_iou(self.matrices, self.legend.targets)

    @property
    def targets(self) -> tuple[LegendClass, ...]:
        """The target classes."""
        return tuple(self.legend.classes[index] for index in self.legend.targets)

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return len(set(self.sites))


def largest_mistake(matrix: NDArray[np.int64]) -> tuple[int, int, int] | None:
    """Return the truth and the answer that are confused on the most pixels, and how many; None without mistakes."""
    wrong = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    truth, answer = np.unravel_index(wrong.argmax(), wrong.shape)
    count = int(wrong[truth, answer])
    return (int(truth), int(answer), count) if count else None
