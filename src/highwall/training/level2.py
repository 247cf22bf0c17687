"""Level 2: what the networks say of tiles that they haven't seen, and the forest that learns from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from highwall.evaluation.confusion import confusion
from highwall.legend import UNKNOWN
from highwall.models.answers import ask_networks
from highwall.models.backends import in_torch
from highwall.models.features import features
from highwall.models.forest import Forest, fit_forest
from highwall.models.model import AVERAGE, FOREST
from highwall.training.data import read_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.evaluation.summary import Matrices
    from highwall.models.config import ForestConfig
    from highwall.models.networks import Networks
    from highwall.tiles import Encoding, Tile


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the networks said of labelled tiles, and some of the pixels they said it of."""

    matrices: Matrices
    """Of each network and of their average, over all labelled pixels."""

    rows: NDArray[np.float32]
    """Features of the drawn pixels, `(pixel, feature)`."""

    labels: NDArray[np.uint8]
    """Class indices of the drawn pixels."""

    probabilities: dict[str, NDArray[np.float32]]
    """What each network and their average gave the drawn pixels, `(pixel, class)` by level, not calibrated."""

    tile: NDArray[np.intp]
    """Which tile each drawn pixel is of, by position."""


def ask(
    networks: Networks,
    tiles: Sequence[Tile],
    encoding: Encoding,
    config: ForestConfig,
    share: float,
    seed: int,
    views: int = 1,
) -> Evidence:
    """Ask the networks about labelled tiles.

    Args:
        networks: level 1.
        tiles: the tiles.
        encoding: how to read them.
        config: which answers to keep.
        share: share of the labelled pixels to keep, 0 to 1.
        seed: which ones.
        views: how many symmetries of each tile the networks look at.
    """
    classes = len(encoding.legend)
    compute = in_torch(networks, torch.float32)
    matrices: dict[str, list[NDArray[np.int64]]] = {name: [] for name in (*networks.names, AVERAGE)}
    drawn: list[tuple[NDArray[Any], ...]] = []
    for number, tile in enumerate(tiles):
        pixels, labels = read_sample(tile, encoding)
        seen = ask_networks(compute, pixels[None], views=views)
        given = dict(zip(networks.names, seen.members[:, 0], strict=True)) | {AVERAGE: seen.average[0]}
        for name, probabilities in given.items():
            matrices[name].append(confusion(labels, probabilities.argmax(0).astype(np.uint8), classes))
        known = np.flatnonzero(labels != UNKNOWN)
        rng = np.random.default_rng([seed, number])
        kept = known if share >= 1 else np.sort(rng.choice(known, round(len(known) * share), replace=False))
        rows = features(pixels, seen.members[:, 0], config.answers)[kept]
        of_kept = [probabilities.reshape(classes, -1).T[kept] for probabilities in given.values()]
        drawn.append((rows, labels.ravel()[kept], np.full(len(kept), number), *of_kept))
    rows, truth, tile_number, *levels = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    stacked = {name: np.stack(parts) for name, parts in matrices.items()}
    return Evidence(stacked, rows, truth, dict(zip(matrices, levels, strict=True)), tile_number)


def join(parts: Sequence[tuple[Evidence, Sequence[int]]], tiles: int) -> Evidence:
    """Put the evidence of folds together, given the position of each fold's tiles among all."""
    matrices = {}
    for name, example in parts[0][0].matrices.items():
        matrices[name] = np.zeros((tiles, *example.shape[1:]), np.int64)
        for part, places in parts:
            matrices[name][list(places)] = part.matrices[name]
    return Evidence(
        matrices,
        np.concatenate([part.rows for part, _ in parts]),
        np.concatenate([part.labels for part, _ in parts]),
        {name: np.concatenate([part.probabilities[name] for part, _ in parts]) for name in parts[0][0].probabilities},
        np.concatenate([np.asarray(places)[part.tile] for part, places in parts]),
    )


def fit_level2(
    rows: NDArray[np.float32],
    labels: NDArray[np.uint8],
    names: Sequence[str],
    classes: int,
    config: ForestConfig,
    seed: int,
) -> Forest:
    """Fit the forest on features `(pixel, feature)` and class indices `(pixel,)`."""
    return fit_forest(
        rows,
        labels,
        names,
        classes,
        trees=config.trees,
        max_depth=config.max_depth,
        min_leaf=config.min_leaf,
        class_weight="balanced" if config.balanced else None,
        seed=seed,
        jobs=-1,
    )


@dataclass(frozen=True, eq=False)
class CrossFit:
    """Level 2 on sites that neither level has learned from."""

    matrices: Matrices
    """Over the drawn pixels, of `networks` and `forest`, `(tile, truth, answer)`."""

    forests: tuple[Forest, ...]
    """By fold: the forest that learned from all others."""

    probabilities: NDArray[np.float32]
    """What they gave the drawn pixels of their own folds, `(pixel, class)`, not calibrated."""


def cross_fit(
    evidence: Evidence, folds: Sequence[int], names: Sequence[str], classes: int, config: ForestConfig, seed: int
) -> CrossFit:
    """Compare level 2 with the networks' average on sites that neither has learned from.

    Args:
        evidence: what networks said of tiles that they hadn't seen.
        folds: fold of each tile, sites kept together.
        names: the forest's features.
        classes: number of classes.
        config: the forest.
        seed: seed of the forest.
    """
    fold = np.asarray(folds)[evidence.tile]
    given = np.zeros((len(evidence.labels), classes), np.float32)
    forests = []
    for held_out in range(max(folds) + 1):
        inside = fold != held_out
        forests.append(fit_level2(evidence.rows[inside], evidence.labels[inside], names, classes, config, seed))
        given[~inside] = forests[-1].predict_proba(evidence.rows[~inside])

    def by_tile(probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
        answer = probabilities.argmax(1)
        cells = np.ravel_multi_index((evidence.tile, evidence.labels, answer), (len(folds), classes, classes))
        counts = np.bincount(cells, minlength=len(folds) * classes**2)
        return counts.reshape(len(folds), classes, classes)

    matrices = {AVERAGE: by_tile(evidence.probabilities[AVERAGE]), FOREST: by_tile(given)}
    return CrossFit(matrices, tuple(forests), given)
