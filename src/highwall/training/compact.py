"""A compact forest: the cheapest whose score on unknown sites comes close to the best one's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.errors import BadInput
from highwall.evaluation.confusion import confusion
from highwall.evaluation.scores import mean_iou
from highwall.training.level2 import fit_level2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from highwall.legend import Legend
    from highwall.models.config import ForestConfig
    from highwall.models.forest import Forest
    from highwall.training.level2 import Evidence

TOLERANCE: Final = 0.002
"""mIoU that a cheaper forest may lack."""

_TREES: Final = (8, 12, 16, 24, 32)
_DEPTHS: Final = (8, 12, 16)
_LEAVES: Final = (20, 100)
_SAMPLE: Final = 2000
"""Held-out pixels of each fold that tell what a forest costs."""


@dataclass(frozen=True)
class Trial:
    """A forest that was tried on sites that it hadn't learned from."""

    config: ForestConfig
    """What was tried."""

    miou: float
    """Mean IoU of the target classes over the pixels of all folds, 0 to 1; NaN where none occurs."""

    steps: float
    """Splits that a pixel passes in all trees together, on the mean: what an answer costs."""

    nodes: int
    """Nodes of the largest fold's forest: what memory it takes."""

    def to_json(self) -> dict[str, Any]:
        """Return what was tried and what came of it."""
        tried = self.config.model_dump(include={"trees", "max_depth", "min_leaf"})
        return tried | {"miou": round(self.miou, 4), "steps": round(self.steps, 1), "nodes": self.nodes}


def compact(
    evidence: Evidence, folds: Sequence[int], names: Sequence[str], legend: Legend, config: ForestConfig, seed: int
) -> tuple[ForestConfig, tuple[Trial, ...]]:
    """Choose the cheapest forest whose mIoU out of fold is within `TOLERANCE` of the best.

    Tries the forest of `config`, and such of fewer trees, less depth and larger leaves. The first trees of a
    forest are the forest that would be fitted with so many, so that each depth and leaf is fitted once a fold.

    Args:
        evidence: what networks said of tiles that they hadn't seen.
        folds: fold of each tile, sites kept together.
        names: the forest's features.
        legend: says how many classes there are and which are targets.
        config: the forest to start from; none that is tried is larger in anything.
        seed: seed of the forests.

    Returns:
        The choice, and all trials.

    Raises:
        BadInput: there are fewer than two folds.
    """
    fold = np.asarray(folds)[evidence.tile]
    if len(np.unique(fold)) < 2:
        raise BadInput("a compact forest is chosen on held-out sites: there must be two folds or more")
    trials = [trial for family in _families(config) for trial in _try(evidence, fold, names, legend, family, seed)]
    return cheapest(trials).config, tuple(trials)


def cheapest(trials: Sequence[Trial]) -> Trial:
    """Return the trial of fewest steps among those within `TOLERANCE` of the best mIoU, or of all if that is NaN."""
    least = max(trial.miou for trial in trials) - TOLERANCE  # of all or of none: it depends on the truth
    return min((trial for trial in trials if not trial.miou < least), key=lambda trial: trial.steps)


def _families(config: ForestConfig) -> Iterator[list[ForestConfig]]:
    """Group the forests to try: those of a group differ in the number of trees alone, the last has most."""
    fewer = [count for count in _TREES if count < config.trees]
    yield [config.model_copy(update={"trees": count}) for count in (*fewer, config.trees)]
    trees = fewer or [config.trees]
    for depth in _DEPTHS:
        for leaf in _LEAVES:
            smaller = leaf >= config.min_leaf and (config.max_depth is None or depth <= config.max_depth)
            if smaller and (depth, leaf) != (config.max_depth, config.min_leaf):
                limits = {"max_depth": depth, "min_leaf": leaf}
                yield [config.model_copy(update={**limits, "trees": count}) for count in trees]


def _try(
    evidence: Evidence,
    fold: NDArray[np.intp],
    names: Sequence[str],
    legend: Legend,
    family: list[ForestConfig],
    seed: int,
) -> list[Trial]:
    """Try forests that differ in the number of trees alone, given the fold of each pixel."""
    classes = len(legend)
    matrices = np.zeros((len(family), classes, classes), np.int64)
    numbers = np.unique(fold)
    steps, nodes = np.zeros((2, len(numbers), len(family)))
    rng = np.random.default_rng(seed)
    for place, held_out in enumerate(numbers):
        inside = fold != held_out
        rows, labels = evidence.rows[~inside], evidence.labels[~inside]
        some = rows[rng.integers(0, len(rows), _SAMPLE)]
        forest = fit_level2(evidence.rows[inside], evidence.labels[inside], names, classes, family[-1], seed)
        for number, config in enumerate(family):
            part = first_trees(forest, config.trees)
            matrices[number] += confusion(labels, part.predict(rows), classes)
            steps[place, number], nodes[place, number] = mean_steps(part, some), part.feature.size
    return [
        Trial(config, float(mean_iou(matrix, legend.targets)), float(step), int(node))
        for config, matrix, step, node in zip(family, matrices, steps.mean(0), nodes.max(0), strict=True)
    ]


def first_trees(forest: Forest, trees: int) -> Forest:
    """Return the forest of the first trees, of one whose trees follow one another."""
    end = forest.roots[trees] if trees < len(forest.roots) else forest.feature.size
    return replace(
        forest,
        feature=forest.feature[:end],
        threshold=forest.threshold[:end],
        right=forest.right[:end],
        roots=forest.roots[:trees],
    )


def mean_steps(forest: Forest, x: NDArray[np.float32]) -> float:
    """Mean number of splits that a pixel passes in all trees together, for features `(pixel, feature)`."""
    steps = 0
    pixel = np.arange(len(x))
    for root in forest.roots:
        walking, node = pixel, np.full(len(x), root)
        while len(walking):
            inner = forest.feature[node] >= 0
            walking, node = walking[inner], node[inner]
            steps += len(walking)
            goes_left = x[walking, forest.feature[node]] <= forest.threshold[node]
            node = np.where(goes_left, node + 1, forest.right[node])
    return steps / len(x)
