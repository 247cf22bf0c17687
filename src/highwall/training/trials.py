"""Lets networks that have learned from some of the tiles answer for others, as they are and altered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from highwall.evaluation.confusion import confusion
from highwall.forecasting.changes import CHANGES, changed
from highwall.forecasting.examine import examine
from highwall.forecasting.looks import look
from highwall.legend import UNKNOWN
from highwall.models.experience import make_experience
from highwall.models.record import Trials

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from highwall.models.experience import Experience
    from highwall.models.model import Model
    from highwall.training.data import Sample
    from highwall.training.stages import Fold


@dataclass(frozen=True, eq=False)
class Tiles:
    """The training tiles in memory."""

    samples: dict[int, Sample]
    """By position, those with labels."""

    sites: tuple[int, ...]
    """Site of each training tile."""

    def among(self, positions: NDArray[np.intp]) -> list[int]:
        """Return which of these positions are of tiles with labels."""
        return [n for n in positions.tolist() if n in self.samples]

    def looks(self, model: Model, which: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Return what some of them look like, `(tile, statistic)`; all if None."""
        return np.stack([look(pixels, (pixels != 0).any(0), model.bands) for pixels, _ in self._some(which)])

    def embedding(self, model: Model, which: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Return what the encoders see in all patches of some of them, `(patch, feature)`; all if None."""
        seen = [model.ask(pixels[None]).embedding for pixels, _ in self._some(which)]
        return np.concatenate([one.reshape(-1, one.shape[-1]) for one in seen])

    def _some(self, which: Sequence[int] | None) -> Sequence[Sample]:
        return [self.samples[n] for n in (self.samples if which is None else which)]


@dataclass(frozen=True, eq=False)
class Judge:
    """A model that has learned from some of the tiles, and what it knows."""

    model: Model
    learned: list[int]
    held_out: list[int]
    kinship: dict[int, float]
    """Of each tile, by position."""

    experience: Experience
    """What it has learned from, as its encoders see it."""

    appearance: Experience
    """What it has learned from, as it looks."""

    @property
    def by_site(self) -> bool:
        """Whether it has learned from none of the sites of the tiles that were held out."""
        return not any(self.kinship[n] for n in self.held_out)


def make_judge(model: Model, tiles: Tiles, fold: Fold, seed: int) -> Judge | None:
    """Make a fold's model; None where it has learned from fewer than two tiles, or holds none out."""
    learned, held_out = tiles.among(fold.learned), tiles.among(fold.held_out)
    if len(learned) < 2 or not held_out:
        return None
    of_fold = replace(model, networks=fold.networks, forest=fold.forest, backend=None)
    sites = {tiles.sites[n] for n in learned}
    kinship = dict.fromkeys(learned, 2.0) | {n: float(tiles.sites[n] in sites) for n in held_out}
    experience = make_experience(tiles.embedding(of_fold, learned), seed)
    return Judge(of_fold, learned, held_out, kinship, experience, make_experience(tiles.looks(of_fold, learned), seed))


def ask(judge: Judge, tiles: Tiles, number: int, threshold: float, seed: int) -> Iterator[Trials]:
    """Let a fold's model answer for the tiles that it has not learned from, and, unchanged, for as many that it has."""
    model, experience = judge.model, replace(judge.experience, threshold=threshold)
    changes = range(len(CHANGES) + 1 if judge.by_site else 1)
    tasks = [(n, change) for n in judge.held_out for change in changes]
    for n, change in (*tasks, *((n, 0) for n in judge.learned[: len(judge.held_out)])):
        pixels, labels = tiles.samples[n]
        altered = changed(pixels, model.bands, change, seed + n)
        observed, answer = examine(model, experience, judge.appearance, altered, labels != UNKNOWN, judge.kinship[n])
        matrix = confusion(labels, answer.argmax(0).astype(np.uint8), len(model.legend))
        yield Trials(
            observations=observed,
            confusion=matrix[None].astype(np.float64),
            site=np.array([tiles.sites[n]]),
            fold=np.array([number]),
            change=np.array([change]),
        )
