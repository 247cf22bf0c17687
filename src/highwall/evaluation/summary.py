"""Scores and intervals of many tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from highwall.evaluation.bootstrap import site_intervals
from highwall.evaluation.scores import scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from highwall.legend import Legend

Matrices = dict[str, "NDArray[np.int64]"]
"""Confusion matrices `(tile, truth, answer)` by level."""


def by_site(matrices: NDArray[np.int64], sites: Sequence[int]) -> dict[int, NDArray[np.int64]]:
    """Add up the confusion matrices `(tile, truth, answer)` of each site's tiles."""
    of_tile = np.asarray(sites)
    return {site: matrices[of_tile == site].sum(0) for site in sorted(set(sites))}


def summarise(
    matrices: Mapping[str, NDArray[np.int64]], sites: Sequence[int], legend: Legend
) -> dict[str, dict[str, Any]]:
    """Turn confusion matrices into scores, with intervals by site, for each level.

    Args:
        matrices: by level, `(tile, truth, answer)`.
        sites: site of each tile.
        legend: the classes.
    """

    def summary(of_level: NDArray[np.int64]) -> dict[str, Any]:
        of_sites = np.stack(list(by_site(of_level, sites).values()))
        return scores(of_sites.sum(0), legend).to_json() | {"interval": site_intervals(of_sites, legend).to_json()}

    return {level: summary(of_level) for level, of_level in matrices.items()}
