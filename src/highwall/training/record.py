"""Makes the record that lets a model judge new ground: what it has seen, and how it fared where the truth was known."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from highwall.forecasting.judge import judge as judge_estimators
from highwall.legend import UNKNOWN
from highwall.models.experience import make_experience, whisker
from highwall.models.record import Record, Trials
from highwall.training.data import read_sample
from highwall.training.trials import Tiles, ask, make_judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from highwall.models.model import Model
    from highwall.training.stages import Fold, Run

log = logging.getLogger("highwall")


def make_record(run: Run, model: Model, folds: Sequence[Fold]) -> Record | None:
    """Let the networks of each fold answer for tiles that they haven't learned from, as they are and after changes.

    Args:
        run: the training.
        model: what came of it.
        folds: both levels as they learned from all folds but one, folds cut by site and at random.

    Returns:
        The record; None where no fold has learned from two tiles with labels or more and holds one out.
    """
    samples = (read_sample(tile, run.dataset.encoding) for tile in run.plan.roles.train)
    tiles = Tiles({n: one for n, one in enumerate(samples) if (one[1] != UNKNOWN).any()}, run.plan.roles.sites)
    judges = [judge for fold in folds if (judge := make_judge(model, tiles, fold, run.seed)) is not None]
    honest = [judge for judge in judges if judge.by_site]
    if not honest:
        return None
    unlike = [judge.experience.dissimilarity(tiles.embedding(judge.model, judge.held_out)) for judge in honest]
    threshold = whisker(np.concatenate(unlike))
    parts: list[Trials] = []
    for number, judge in enumerate(judges):
        log.info("fold %d of %d: answers for altered tiles, to learn how scores fall", number + 1, len(judges))
        parts += ask(judge, tiles, number, threshold, run.seed)
    trials, looks = Trials.join(parts), tiles.looks(model)
    return Record(
        experience=make_experience(tiles.embedding(model), run.seed, threshold),
        appearance=make_experience(looks, run.seed, whisker(trials.observations.strangeness[trials.honest])),
        looks=looks,
        position=np.array([*tiles.samples]),
        sites=np.array([tiles.sites[n] for n in tiles.samples]),
        trials=trials,
        judgement=judge_estimators(trials, model.legend.targets, run.seed),
    )
