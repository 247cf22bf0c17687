"""Fits the first look, and finds out on unknown sites what it costs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from highwall.legend import UNKNOWN
from highwall.models.first_look import WINDOW, FirstLook, highest_in_windows, sum_in_windows
from highwall.models.forest import Forest, fit_forest
from highwall.models.patches import PATCH, count_in_patch, describe, patch_features
from highwall.training.data import read_sample
from highwall.training.folds import site_folds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.tiles import Encoding, Tile

log = logging.getLogger("highwall")

RECALL: Final = 0.995
"""Share of the mine pixels of unknown sites that must lie in kept windows, at least."""

AIMS: Final = (0.995, 0.996, 0.997, 0.998, 0.9985, 0.999, 0.9995, 1.0)
"""Recalls on known sites to set the threshold by; the first one that keeps `RECALL` on unknown sites is taken."""

FOLDS: Final = 8
TREES: Final = 60
MIN_LEAF: Final = 10
PATCHES: Final = 20_000
"""Most patches that a forest is fitted on."""

DRAWS: Final = 2000


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows that lie anywhere over labelled tiles."""

    score: NDArray[np.float64]
    """The highest score of a patch in each, `(window,)`."""

    mine: NDArray[np.int64]
    """Number of mine pixels in each."""

    site: NDArray[np.int64]
    """Site of the tile."""

    whole: NDArray[np.bool_]
    """Which of them show half as much of the tile as a window can, or more."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A threshold, and what it keeps."""

    threshold: float
    """Set on all sites."""

    kept: NDArray[np.int64]
    """Mine pixels of each site that lie in kept windows where the threshold is set on all other sites, `(site,)`."""

    of: NDArray[np.int64]
    """Mine pixels of each site, counted once for each window that they lie in, `(site,)`; 1 or more."""

    @property
    def recall(self) -> float:
        """Share of the mine pixels of all sites that are kept."""
        return float(self.kept.sum() / self.of.sum())

    def interval(self, level: float = 0.9, seed: int = 0) -> tuple[float, float]:
        """Return the interval of the recall with other sites, which are drawn with replacement (see `bootstrap`)."""
        sites = len(self.of)
        times = np.random.default_rng(seed).multinomial(sites, np.full(sites, 1 / sites), DRAWS)
        low, high = np.quantile(times @ self.kept / (times @ self.of), [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


def fit_first_look(
    tiles: Sequence[Tile], sites: Sequence[int], encoding: Encoding, seed: int, side: int = WINDOW // PATCH
) -> FirstLook | None:
    """Fit a first look on labelled tiles.

    Scores of patches come from forests that had not learned from their site. The threshold is set so that of the mine
    pixels in windows that lie anywhere over the tiles, `RECALL` lie in kept ones; also where it is set on all sites
    but one, and held against that one.

    Args:
        tiles: labelled tiles.
        sites: site of each.
        encoding: how to read them.
        seed: of the forest and the folds.
        side: height and width of a window in patches.

    Returns:
        The first look; None where fewer than two sites hold mine pixels, or all labelled patches do. Tiles without
        labels have no say.
    """
    patches, mine, of_site = [], [], []
    for tile, site in zip(tiles, sites, strict=True):
        pixels, labels = read_sample(tile, encoding)
        found = describe(pixels, labels != UNKNOWN, encoding.bands)
        if not found.known.any():  # a fold might else hold all that is known
            continue
        patches.append(found)
        of_site.append(site)
        mine.append(count_in_patch((labels != UNKNOWN) & np.isin(labels, encoding.legend.targets)))
    rich = {site for site, count in zip(of_site, mine, strict=True) if count.any()}
    truth = np.concatenate([(count > 0)[found.known] for count, found in zip(mine, patches, strict=True)])
    if len(rich) < 2 or truth.all():
        return None
    features = np.concatenate([found.features[found.known] for found in patches])
    known = [found.known for found in patches]
    scores = _out_of_fold(features, truth, known, site_folds(of_site, FOLDS, seed), encoding.bands, seed)
    windows = lay_windows(scores, mine, of_site, side)
    trial = set_threshold(windows)
    low, high = trial.interval(seed=seed)
    skipped = windows.score[windows.whole & (windows.mine == 0) & (windows.score >= 0)] < trial.threshold
    look = FirstLook(
        forest=_fit(features, truth, encoding.bands, seed),
        bands=encoding.bands,
        threshold=trial.threshold,
        recall=trial.recall,
        low=low,
        high=high,
        skipped=float(skipped.mean()) if len(skipped) else 0.0,
        sites=len(rich),
    )
    log.info(
        "first look, out of fold: skips %.0f %% of the windows without mines, keeps %.2f %% of the mine pixels",
        100 * look.skipped,
        100 * look.recall,
    )
    return look


def set_threshold(windows: Windows) -> Trial:
    """Find the highest threshold that keeps `RECALL` of the mine pixels of unknown sites; 0 if there is none.

    Args:
        windows: mine pixels lie in those of two sites or more.
    """
    order = np.argsort(-windows.score, kind="stable")
    order = order[windows.mine[order] > 0]
    score, mine, site = windows.score[order], windows.mine[order], windows.site[order]
    names = np.unique(site)
    kept = np.zeros((len(AIMS), len(names)), np.int64)
    for column, name in enumerate(names):
        own = np.where(site == name, mine, 0)
        highest = _thresholds(score, mine - own)
        kept[:, column] = np.append(0, np.cumsum(own))[np.searchsorted(-score, -highest, side="right")]
    of = np.bincount(np.searchsorted(names, site), mine).astype(np.int64)
    for threshold, of_sites in zip(_thresholds(score, mine), kept, strict=True):
        trial = Trial(float(threshold), of_sites, of)
        if trial.recall >= RECALL:
            return trial
    return Trial(0.0, of, of)


def lay_windows(
    scores: Sequence[NDArray[np.float64]], mine: Sequence[NDArray[np.int64]], sites: Sequence[int], side: int
) -> Windows:
    """Lay windows of `side` x `side` patches everywhere over tiles.

    Args:
        scores: of each tile's patches, `(row, column)`; -1 where nothing is known.
        mine: number of mine pixels in each patch, likewise.
        sites: site of each tile.
        side: height and width of a window in patches.
    """
    highest = [highest_in_windows(of_tile, side) for of_tile in scores]
    whole = []
    for of_tile in scores:
        seen = sum_in_windows(np.ones(of_tile.shape, np.int64), side)
        whole.append(seen * 2 >= seen.max())
    return Windows(
        np.concatenate([of_tile.ravel() for of_tile in highest]),
        np.concatenate([sum_in_windows(of_tile, side).ravel() for of_tile in mine]),
        np.concatenate([np.full(of_tile.size, site) for of_tile, site in zip(highest, sites, strict=True)]),
        np.concatenate([of_tile.ravel() for of_tile in whole]),
    )


def _thresholds(score: NDArray[np.float64], mine: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return for each of `AIMS` the highest threshold that keeps so much; scores descend."""
    kept = np.cumsum(mine)
    chosen: NDArray[np.float64] = score[np.searchsorted(kept, np.array(AIMS) * kept[-1])]
    return chosen


def _out_of_fold(
    features: NDArray[np.float32],
    truth: NDArray[np.bool_],
    known: Sequence[NDArray[np.bool_]],
    folds: Sequence[int],
    bands: Sequence[str],
    seed: int,
) -> list[NDArray[np.float64]]:
    """Score all known patches, tile after tile, by forests that had not learned from their fold.

    Args:
        features: of the known patches of all tiles, `(patch, feature)`.
        truth: which of them hold mine pixels, `(patch,)`.
        known: which patches of each tile are known, `(row, column)`.
        folds: fold of each tile.
        bands: the bands of the features.
        seed: of the forests.

    Returns:
        Scores `(row, column)` by tile; -1 where nothing is known.
    """
    fold = np.repeat(folds, [of_tile.sum() for of_tile in known])
    given = np.zeros(len(truth))
    for held_out in range(max(folds) + 1):
        inside = fold != held_out
        forest = _fit(features[inside], truth[inside], bands, seed)
        given[~inside] = forest.predict_proba(features[~inside])[:, 1]
    scores = [np.full(of_tile.shape, -1.0) for of_tile in known]
    ends = np.cumsum([of_tile.sum() for of_tile in known])
    for of_tile, where, part in zip(scores, known, np.split(given, ends[:-1]), strict=True):
        of_tile[where] = part
    return scores


def _fit(features: NDArray[np.float32], truth: NDArray[np.bool_], bands: Sequence[str], seed: int) -> Forest:
    drawn = np.sort(np.random.default_rng(seed).permutation(len(truth))[:PATCHES])
    x, y = features[drawn], truth[drawn].astype(np.uint8)
    return fit_forest(x, y, patch_features(bands), 2, trees=TREES, min_leaf=MIN_LEAF, seed=seed, jobs=-1)
