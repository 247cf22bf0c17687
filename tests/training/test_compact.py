from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from highwall.errors import BadInput
from highwall.evaluation.scores import scores
from highwall.legend import DEFAULT_LEGEND
from highwall.models.config import ForestConfig
from highwall.models.forest import Forest
from highwall.training.compact import TOLERANCE, Trial, cheapest, compact, first_trees, mean_steps
from highwall.training.level2 import Evidence, cross_fit, fit_level2

NAMES = ("x", "y", "z")
CONFIG = ForestConfig(trees=20)
FOLDS = [0, 1, 2] * 2


def evidence(noise: float) -> Evidence:
    rng = np.random.default_rng(0)
    tile = np.repeat(np.arange(6), 600)
    labels = rng.integers(0, 4, len(tile))
    rows = labels[:, None] + rng.normal(0, noise, (len(tile), 3))
    answers = {"networks": np.eye(4, dtype=np.float32)[labels]}
    return Evidence({}, rows.astype(np.float32), labels.astype(np.uint8), answers, tile)


def test_choice_is_the_cheapest_that_is_close_to_the_best() -> None:
    found = evidence(1.0)
    chosen, trials = compact(found, FOLDS, NAMES, DEFAULT_LEGEND, CONFIG, 0)
    best = max(trial.miou for trial in trials)
    mine = next(trial for trial in trials if trial.config == chosen)
    assert mine.miou >= best - TOLERANCE
    assert all(trial.miou < best - TOLERANCE for trial in trials if trial.steps < mine.steps)
    whole = next(trial for trial in trials if trial.config == CONFIG)
    assert mine.steps < whole.steps / 2  # noise: nothing is gained by trees that are grown to the end
    assert mine.nodes < whole.nodes / 2


def test_trials_score_as_cross_fitting_does() -> None:
    found = evidence(0.7)
    _, trials = compact(found, FOLDS, NAMES, DEFAULT_LEGEND, CONFIG, 3)
    for trial in (trials[0], trials[2], trials[-1]):  # some of a fit's trees, all of them
        crossed = cross_fit(found, FOLDS, NAMES, 4, trial.config, 3)
        assert trial.miou == pytest.approx(scores(crossed.matrices["forest"].sum(0), DEFAULT_LEGEND).miou)
        assert trial.nodes == max(forest.feature.size for forest in crossed.forests)


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        ForestConfig(trees=5, max_depth=9, min_leaf=30, balanced=False),
        ForestConfig(trees=10, max_depth=12, min_leaf=100),  # which is among those to try anyway
    ],
)
def test_nothing_larger_is_tried(config: ForestConfig) -> None:
    _, trials = compact(evidence(0.5), FOLDS, NAMES, DEFAULT_LEGEND, config, 0)
    assert len({trial.config for trial in trials}) == len(trials) > 1
    for trial in trials:
        assert trial.config.trees <= config.trees
        assert trial.config.min_leaf >= config.min_leaf
        assert (trial.config.max_depth or 99) <= (config.max_depth or 99)
        assert (trial.config.balanced, trial.config.answers) == (config.balanced, config.answers)


def test_cheapest_of_equals() -> None:
    def trial(miou: float, steps: float) -> Trial:
        return Trial(CONFIG, miou, steps, 1)

    assert cheapest([trial(0.5, 9), trial(0.4991, 5), trial(0.497, 1)]).steps == 5
    assert cheapest([trial(0.5, 9)]).steps == 9
    assert cheapest([trial(np.nan, 9), trial(np.nan, 7)]).steps == 7


def test_without_a_target_class_the_cheapest_of_all_is_chosen() -> None:
    found = evidence(1.0)
    found.labels[:] = 0
    chosen, trials = compact(found, FOLDS, NAMES, DEFAULT_LEGEND, CONFIG, 0)
    assert np.isnan([trial.miou for trial in trials]).all()
    assert any(trial.config == chosen for trial in trials)


def test_first_trees_are_the_smaller_forest() -> None:
    found = evidence(0.5)
    whole = fit_level2(found.rows, found.labels, NAMES, 4, CONFIG, 1)
    small = fit_level2(found.rows, found.labels, NAMES, 4, CONFIG.model_copy(update={"trees": 7}), 1)
    np.testing.assert_array_equal(first_trees(whole, 7).predict_proba(found.rows), small.predict_proba(found.rows))
    assert first_trees(whole, 7).feature.size == small.feature.size
    assert first_trees(whole, 20).feature.size == whole.feature.size


def test_steps_are_the_length_of_scikit_learns_paths() -> None:
    found = evidence(0.8)
    reference = RandomForestClassifier(5, random_state=0, max_depth=9).fit(found.rows, found.labels)
    forest = Forest.from_sklearn(reference, NAMES, 4)
    on_paths = reference.decision_path(found.rows)[0].sum()
    assert mean_steps(forest, found.rows) == pytest.approx(on_paths / len(found.rows) - 5)  # leaves aside


def test_one_fold_holds_nothing_out() -> None:
    with pytest.raises(BadInput, match="two folds"):
        compact(evidence(0.5), [0] * 6, NAMES, DEFAULT_LEGEND, CONFIG, 0)
