"""How much a score by random folds flatters: the same tiles, held out with their site and without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from highwall.evaluation.summary import summarise
from highwall.models.model import AVERAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from highwall.evaluation.summary import Matrices
    from highwall.training.stages import Fold, OutOfFold, Run


def leak(run: Run, judged: OutOfFold | None, others: Sequence[tuple[Fold, Matrices]]) -> dict[str, Any] | None:
    """Hold the networks' score by folds of the one kind against that by the other, on the same tiles.

    Args:
        run: the training.
        judged: what came of its folds.
        others: what came of folds that are cut the other way, some of them or none.

    Returns:
        Score and interval by `site` and by `random` folds, of so many `tiles`, and their `difference`; without folds of
        the other kind (or sites that could leak) the one kind alone and None; None without any folds.
    """
    if judged is None:
        return None
    legend, sites = run.dataset.encoding.legend, np.asarray(run.plan.roles.sites)
    tiles = np.concatenate([fold.held_out for fold, _ in others]) if others else np.arange(len(sites))
    matrices: Matrices = {run.recipe.split: judged.matrices[AVERAGE][tiles]}
    if others:
        other = "random" if run.recipe.split == "site" else "site"
        matrices[other] = np.concatenate([of_fold[AVERAGE] for _, of_fold in others])
    scores = summarise(matrices, sites[tiles].tolist(), legend)
    values = [scores[kind]["miou"] for kind in ("random", "site") if kind in scores]
    difference = values[0] - values[1] if len(values) == 2 and None not in values else None
    return {"tiles": len(tiles), "difference": difference, **scores}
