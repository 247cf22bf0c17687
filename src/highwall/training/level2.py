"""Level 2: what the networks say of tiles that they haven't seen, and the forest that learns from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from highwall.evaluation.confusion import confusion
from highwall.legend import UNKNOWN
from highwall.models.features import features
from highwall.models.forest import Forest, fit_forest
from highwall.models.model import AVERAGE, FOREST, network_answers
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

    average: NDArray[np.uint8]
    """What the networks' average took the drawn pixels for."""

    tile: NDArray[np.intp]
    """Which tile each drawn pixel is of, by position."""


def ask(
    networks: Networks, tiles: Sequence[Tile], encoding: Encoding, config: ForestConfig, share: float, seed: int
) -> Evidence:
    """Ask the networks about labelled tiles.

    Args:
        networks: level 1.
        tiles: the tiles.
        encoding: how to read them.
        config: which answers to keep.
        share: share of the labelled pixels to keep, 0 to 1.
        seed: which ones.
    """
    classes = len(encoding.legend)
    matrices: dict[str, list[NDArray[np.int64]]] = {name: [] for name in (*networks.names, AVERAGE)}
    drawn: list[tuple[NDArray[Any], ...]] = []
    for number, tile in enumerate(tiles):
        pixels, labels = read_sample(tile, encoding)
        members, average = network_answers(networks, pixels[None])
        answers = dict(zip(networks.names, members[:, 0].argmax(1), strict=True)) | {AVERAGE: average[0].argmax(0)}
        for name, answer in answers.items():
            matrices[name].append(confusion(labels, answer.astype(np.uint8), classes))
        known = np.flatnonzero(labels != UNKNOWN)
        rng = np.random.default_rng([seed, number])
        kept = known if share >= 1 else np.sort(rng.choice(known, round(len(known) * share), replace=False))
        rows = features(pixels, members[:, 0], config.answers)[kept]
        drawn.append(
            (rows, labels.ravel()[kept], answers[AVERAGE].ravel()[kept].astype(np.uint8), np.full(len(kept), number))
        )
    rows, truth, average_answer, tile_number = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    stacked = {name: np.stack(parts) for name, parts in matrices.items()}
    return Evidence(stacked, rows, truth, average_answer, tile_number)


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
        np.concatenate([part.average for part, _ in parts]),
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


def cross_fit(
    evidence: Evidence, folds: Sequence[int], names: Sequence[str], classes: int, config: ForestConfig, seed: int
) -> Matrices:
    """Compare level 2 with the networks' average on sites that neither has learned from.

    Args:
        evidence: what networks said of tiles that they hadn't seen.
        folds: fold of each tile, sites kept together.
        names: the forest's features.
        classes: number of classes.
        config: the forest.
        seed: seed of the forest.

    Returns:
        Confusion matrices over the drawn pixels, `(tile, truth, answer)`, of `networks` and `forest`.
    """
    fold = np.asarray(folds)[evidence.tile]
    answer = np.full(len(evidence.labels), UNKNOWN, np.uint8)
    for held_out in np.unique(fold):
        inside = fold != held_out
        forest = fit_level2(evidence.rows[inside], evidence.labels[inside], names, classes, config, seed)
        answer[~inside] = forest.predict(evidence.rows[~inside])

    def by_tile(given: NDArray[np.uint8]) -> NDArray[np.int64]:
        cells = np.ravel_multi_index((evidence.tile, evidence.labels, given), (len(folds), classes, classes))
        counts = np.bincount(cells, minlength=len(folds) * classes**2)
        return counts.reshape(len(folds), classes, classes)

    return {AVERAGE: by_tile(evidence.average), FOREST: by_tile(answer)}
