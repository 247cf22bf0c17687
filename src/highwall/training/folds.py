"""Folds: by site, which don't leak, and at random, to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

if TYPE_CHECKING:
    from collections.abc import Sequence


def site_folds(sites: Sequence[int], folds: int, seed: int) -> list[int]:
    """Give each tile the number of its fold, so that tiles of a site share one.

    Args:
        sites: site number of each tile.
        folds: number of folds wanted; no more than there are sites are made.
        seed: which of the possible cuts.

    Returns:
        Fold of each tile, from 0; all 0 where there is but one site.
    """
    groups = np.asarray(sites)
    count = min(folds, len(np.unique(groups)))
    result = np.zeros(len(groups), int)
    if count > 1:
        cut = GroupKFold(count, shuffle=True, random_state=seed)
        for fold, (_, held_out) in enumerate(cut.split(groups, groups=groups)):
            result[held_out] = fold
    return result.tolist()


def random_folds(tiles: int, folds: int, seed: int) -> list[int]:
    """Give each tile the number of its fold, whatever site it is of.

    Args:
        tiles: number of tiles.
        folds: number of folds wanted; no more than there are tiles are made.
        seed: which of the possible cuts.

    Returns:
        Fold of each tile, from 0; all 0 where there is but one tile.
    """
    count = min(folds, tiles)
    result = np.zeros(tiles, int)
    if count > 1:
        for fold, (_, held_out) in enumerate(KFold(count, shuffle=True, random_state=seed).split(result)):
            result[held_out] = fold
    return result.tolist()
