"""Makes the record that lets a model judge new ground: what it has seen, and how it fared where the truth was known."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

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

MOST: Final = 320
"""Most tiles that answer: each does so some sixteen times, and what a record tells does not grow with their number."""


def make_record(run: Run, model: Model, folds: Sequence[Fold]) -> Record | None:
    """Let the networks of each fold answer for tiles that they haven't learned from, as they are and after changes.

    Args:
        run: the training.
        model: what came of it.
        folds: both levels as they learned from all folds but one, folds cut by site and at random.

    Returns:
        The record; None where no fold has learned from two tiles with labels or more and holds one out.
    """
    roles = run.plan.roles
    samples = {n: read_sample(roles.train[n], run.dataset.encoding) for n in of_all_sites(roles.sites, MOST, run.seed)}
    tiles = Tiles({n: one for n, one in samples.items() if (one[1] != UNKNOWN).any()}, roles.sites)
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


def of_all_sites(sites: Sequence[int], most: int, seed: int) -> list[int]:
    """Choose tiles, all if they are not too many, else as many of each site as there can be alike; by position."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(sites))
    turn = np.empty(len(sites), np.intp)  # the first tile of each site, the second, ...
    for site in set(sites):
        of_site = order[np.asarray(sites)[order] == site]
        turn[of_site] = np.arange(len(of_site))
    chosen = order[np.argsort(turn[order], kind="stable")][:most]
    return sorted(chosen.tolist())
