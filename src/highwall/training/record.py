"""Makes the record that lets a model judge new ground: what it has seen, and how it fared where the truth was known."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from highwall.evaluation.confusion import confusion
from highwall.forecasting.changes import CHANGES, changed
from highwall.forecasting.examine import examine
from highwall.forecasting.judge import judge
from highwall.forecasting.looks import look
from highwall.legend import UNKNOWN
from highwall.models.experience import make_experience, whisker
from highwall.models.record import Record, Trials
from highwall.training.data import read_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from highwall.models.model import Model
    from highwall.training.augment import Sample
    from highwall.training.stages import Fold, Run

log = logging.getLogger("highwall")


def make_record(run: Run, model: Model, folds: Sequence[Fold]) -> Record | None:
    """Let the networks of each fold answer for tiles that they haven't learned from, as they are and after changes.

    Args:
        run: the training.
        model: what came of it.
        folds: both levels as they learned from all folds but one, folds cut by site and at random.

    Returns:
        The record; None where there are no folds.
    """
    if not folds:
        return None
    samples = (read_sample(tile, run.dataset.encoding) for tile in run.plan.roles.train)
    tiles = Tiles({n: one for n, one in enumerate(samples) if (one[1] != UNKNOWN).any()}, run.plan.roles.sites)
    parts: list[Trials] = []
    for number, fold in enumerate(folds):
        log.info("fold %d of %d: answers for altered tiles, to learn how scores fall", number + 1, len(folds))
        of_fold = replace(model, networks=fold.networks, forest=fold.forest)
        parts += _trials(of_fold, tiles, fold, number, run.seed)
    trials = Trials.join(parts)
    threshold = whisker(trials.observations.dissimilarity[trials.honest])
    known = replace(trials.observations, dissimilarity=trials.observations.dissimilarity / threshold)
    embedding, looks = tiles.embedding(model), tiles.looks(model)
    trials = replace(trials, observations=known)
    return Record(
        experience=make_experience(embedding, run.seed, threshold),
        appearance=make_experience(looks, run.seed),
        looks=looks,
        sites=np.array([tiles.sites[n] for n in tiles.samples]),
        trials=trials,
        judgement=judge(trials, model.legend.targets, run.seed),
    )


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


def _trials(model: Model, tiles: Tiles, fold: Fold, number: int, seed: int) -> Iterator[Trials]:
    """Let a fold's model answer for the tiles that it has not learned from, and, unchanged, for as many that it has."""
    learned, held_out = tiles.among(fold.learned), tiles.among(fold.held_out)
    experience = make_experience(tiles.embedding(model, learned), seed, threshold=1)  # which is not known yet
    appearance = make_experience(tiles.looks(model, learned), seed)
    sites = {tiles.sites[n] for n in learned}
    kinship = dict.fromkeys(learned, 2.0) | {n: float(tiles.sites[n] in sites) for n in held_out}
    changes = range(1 if any(kinship[n] for n in held_out) else len(CHANGES) + 1)  # none in folds cut at random
    tasks = [(n, change) for n in held_out for change in changes]
    for n, change in (*tasks, *((n, 0) for n in learned[: len(held_out)])):
        pixels, labels = tiles.samples[n]
        altered = changed(pixels, model.bands, change, seed + n)
        observed, answer = examine(model, experience, appearance, altered, labels != UNKNOWN, kinship[n])
        matrix = confusion(labels, answer.argmax(0).astype(np.uint8), len(model.legend))
        yield Trials(
            observations=observed,
            confusion=matrix[None].astype(np.float64),
            site=np.array([tiles.sites[n]]),
            fold=np.array([number]),
            change=np.array([change]),
        )
