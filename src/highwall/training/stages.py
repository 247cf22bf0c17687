"""The stages of a training: the networks, the folds, the forest."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from highwall.evaluation.bootstrap import paired_interval
from highwall.evaluation.calibration import calibrate
from highwall.evaluation.scores import scores
from highwall.evaluation.summary import by_site
from highwall.models.features import feature_names
from highwall.models.inherit import inherit
from highwall.models.model import AVERAGE, FOREST
from highwall.models.networks import build_networks
from highwall.training.batch import settle_batch
from highwall.training.compact import compact
from highwall.training.data import visits
from highwall.training.decoded import decode_tiles
from highwall.training.fit import fit, precision
from highwall.training.level2 import ask, cross_fit, fit_level2, join
from highwall.training.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.evaluation.calibration import Calibration
    from highwall.evaluation.summary import Matrices
    from highwall.models.config import ForestConfig
    from highwall.models.forest import Forest
    from highwall.models.networks import Networks
    from highwall.tiles import Dataset, Tile
    from highwall.training.compact import Trial
    from highwall.training.config import Recipe
    from highwall.training.decoded import DecodedTiles
    from highwall.training.level2 import CrossFit, Evidence
    from highwall.training.plan import Plan
    from highwall.training.start import StartModel

log = logging.getLogger("highwall")


@dataclass(frozen=True, eq=False)
class Run:
    """One training from beginning to end."""

    dataset: Dataset
    plan: Plan
    recipe: Recipe
    folder: Path
    seed: int

    start: StartModel | None = None
    """What the networks of the main training and of every fold start from."""

    @property
    def classes(self) -> int:
        """Number of classes, background included."""
        return len(self.dataset.encoding.legend)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the forest's features."""
        encoding = self.dataset.encoding
        return feature_names(encoding.bands, tuple(self.recipe.networks), encoding.legend, self.recipe.forest.answers)

    @cached_property
    def tiles(self) -> DecodedTiles:
        """All tiles with labels that the training uses, decoded once."""
        prints = (self.plan.statistics.fingerprint, self.plan.validation or "none")
        path = self.stage("tiles") / f"{'-'.join(one[:16] for one in prints)}.npy"
        roles = self.plan.roles
        return decode_tiles((*roles.train, *roles.validation), self.dataset.encoding, path)

    def build(self) -> Networks:
        """Make the networks as they are before training."""
        plan, encoding = self.plan, self.dataset.encoding
        networks = build_networks(plan.networks, encoding.bands, self.classes, plan.normalisation)
        if self.start is not None:
            inherit(networks, plan.networks, encoding.legend, self.start.model)
        return networks

    def stage(self, name: str) -> Path:
        """Return the folder of a stage."""
        return self.folder / "stages" / name


@dataclass(frozen=True, eq=False)
class Fold:
    """Both levels as they learned from all folds but one."""

    networks: Networks
    forest: Forest | None
    """None where the other folds are not there to learn it from."""

    learned: NDArray[np.intp]
    """Positions of the training tiles that they learned from."""

    held_out: NDArray[np.intp]
    """Positions of the others."""


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What both levels said of tiles that they had not learned from."""

    evidence: Evidence
    crossed: CrossFit
    folds: tuple[Fold, ...]

    forest: ForestConfig
    """What level 2 is made of."""

    trials: tuple[Trial, ...] = ()
    """The forests that were tried where it is to be compact."""

    @property
    def matrices(self) -> Matrices:
        """Confusion matrices `(tile, truth, answer)` by level; the forest's over the drawn pixels."""
        return self.evidence.matrices | {FOREST: self.crossed.matrices[FOREST]}

    def calibration(self) -> dict[str, Calibration]:
        """Calibrate each level on tiles that it had not learned from."""
        given = self.evidence.probabilities | {FOREST: self.crossed.probabilities}
        return {level: calibrate(probabilities, self.evidence.labels) for level, probabilities in given.items()}


@dataclass(frozen=True, eq=False)
class Level2:
    """The forest, and what came of holding it against the networks' average."""

    forest: Forest | None
    final: str
    """The level whose answer counts."""

    config: ForestConfig | None
    """What the forest is made of."""


def settled(run: Run) -> Run:
    """Settle what the recipe leaves open: the batch size."""
    recipe, shapes = run.recipe, run.plan.statistics.shapes
    height, width = (recipe.crop or max(shape[axis] for shape in shapes) for axis in (0, 1))
    samples = sum(visits(shape, recipe.crop) for shape in shapes)
    shape = (len(run.dataset.encoding.bands), height, width)
    found = settle_batch(recipe, precision(recipe), run.build, shape, samples, run.folder / "stages" / "batch.json")
    return replace(run, recipe=found)


def fit_networks(run: Run) -> Networks:
    """Train the networks on all training tiles."""
    return _fit(run, _main_task(run))


def judge_folds(run: Run) -> OutOfFold | None:
    """Let both levels answer for the tiles of each fold after learning from the others alone; None without folds."""
    if max(run.plan.folds) == 0:
        return None
    answers = [_answer_for(run, run.plan.folds, fold, "fold") for fold in range(max(run.plan.folds) + 1)]
    evidence = join([(found, fold.held_out.tolist()) for fold, found in answers], len(run.plan.folds))
    config, trials = _choose_forest(run, evidence)
    crossed = cross_fit(evidence, run.plan.folds, run.features, run.classes, config, run.seed)
    folds = (replace(fold, forest=forest) for (fold, _), forest in zip(answers, crossed.forests, strict=True))
    return OutOfFold(evidence, crossed, tuple(folds), config, trials)


def judge_other_folds(run: Run) -> list[tuple[Fold, Matrices]]:
    """Let networks answer for the tiles of folds that are cut the other way, at random or by site.

    Returns:
        Each fold, and the confusion matrices `(tile, truth, answer)` of its held-out tiles, by network and for their
        average; what differs from those of the same tiles in the main folds is what leaks.
    """
    count = min(run.recipe.compared_folds, max(run.plan.compared) + 1) if max(run.plan.compared) else 0
    answers = [_answer_for(run, run.plan.compared, fold, "other-fold") for fold in range(count)]
    return [(fold, found.matrices) for fold, found in answers]


def fit_level2_honestly(run: Run, judged: OutOfFold | None) -> Level2:
    """Fit the forest on out-of-fold answers.

    It counts only if it is better on sites unknown to both levels, by more than other sites would make of it: if the
    90 % interval of the difference, by site, lies above 0.
    """
    if judged is None:
        return Level2(None, AVERAGE, None)
    evidence, matrices = judged.evidence, judged.crossed.matrices
    legend, sites = run.dataset.encoding.legend, run.plan.roles.sites
    average, forest = (scores(matrices[level].sum(0), legend).miou for level in (AVERAGE, FOREST))
    one, other = (np.stack([*by_site(matrices[level], sites).values()]) for level in (AVERAGE, FOREST))
    interval = paired_interval(one, other, legend)
    final = FOREST if interval is not None and interval[0] > 0 else AVERAGE
    log.info(
        "out of fold, same pixels: mIoU %.3f of the networks, %.3f with the forest (difference %s): %s counts",
        average,
        forest,
        "unknown" if interval is None else f"{interval[0]:+.3f} to {interval[1]:+.3f}",
        final,
    )
    return Level2(_fit_forest(run, evidence, judged.forest), final, judged.forest)


def fit_level2_on_validation(run: Run, networks: Networks) -> Level2:
    """Fit the forest on the networks' answers for the validation tiles, as the reference solution does."""
    evidence = _ask(run, networks, run.plan.roles.validation, share=1)
    return Level2(_fit_forest(run, evidence, run.recipe.forest), FOREST, run.recipe.forest)


def _answer_for(run: Run, fold_of_tile: Sequence[int], number: int, stage: str) -> tuple[Fold, Evidence]:
    """Let networks answer for the tiles of a fold that learned from the other folds alone."""
    folds, recipe = np.asarray(fold_of_tile), run.recipe
    labelled = int(run.plan.statistics.counts.sum())
    share = 1.0 if recipe.max_pixels is None else min(1.0, recipe.max_pixels / labelled)
    inside, held_out = np.flatnonzero(folds != number), np.flatnonzero(folds == number)
    log.info(
        "%s %d of %d: %d tiles to learn from, %d to answer for",
        stage,
        number + 1,
        folds.max() + 1,
        len(inside),
        len(held_out),
    )
    networks = _fit(run, _fold_task(run, f"{stage}-{number}", number, inside.tolist()))
    tiles = [run.plan.roles.train[index] for index in held_out]
    return Fold(networks, None, inside, held_out), _ask(run, networks, tiles, share)


def _choose_forest(run: Run, evidence: Evidence) -> tuple[ForestConfig, tuple[Trial, ...]]:
    """Return what level 2 is to be made of, and what was tried."""
    if not run.recipe.compact:
        return run.recipe.forest, ()
    legend = run.dataset.encoding.legend
    chosen, trials = compact(evidence, run.plan.folds, run.features, legend, run.recipe.forest, run.seed)
    log.info(
        "compact forest: %d trees, depth %s, leaves of %d pixels or more, the cheapest of %d tried near the best: "
        "mIoU %.3f, best %.3f",
        chosen.trees,
        chosen.max_depth,
        chosen.min_leaf,
        len(trials),
        next(trial.miou for trial in trials if trial.config == chosen),
        max(trial.miou for trial in trials),
    )
    return chosen, trials


def _fit_forest(run: Run, evidence: Evidence, config: ForestConfig) -> Forest:
    return fit_level2(evidence.rows, evidence.labels, run.features, run.classes, config, run.seed)


def _ask(run: Run, networks: Networks, tiles: Iterable[Tile], share: float) -> Evidence:
    return ask(networks, tuple(tiles), run.dataset.encoding, run.recipe.forest, share, run.seed, run.recipe.views)


def _fit(run: Run, task: Task) -> Networks:
    return fit(run.build, task, run.tiles, run.stage(task.name))


def _main_task(run: Run) -> Task:
    roles = run.plan.roles
    return Task(
        "networks",
        roles.train,
        run.plan.statistics.shapes,
        roles.validation,
        run.dataset.encoding,
        run.recipe,
        run.seed,
    )


def _fold_task(run: Run, name: str, fold: int, inside: Iterable[int]) -> Task:
    """Make the task of a fold: fewer tiles, nothing to choose weights by, a share of the main training's steps."""
    main = _main_task(run)
    positions = list(inside)
    steps = max(1, round(main.steps * run.recipe.fold_share))
    return replace(
        main,
        name=name,
        tiles=tuple(main.tiles[position] for position in positions),
        shapes=tuple(main.shapes[position] for position in positions),
        validation=(),
        recipe=run.recipe.model_copy(update={"max_steps": steps, "epochs": steps}),
        seed=run.seed + 1 + fold,
    )
