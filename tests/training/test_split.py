"""Folds by site and at random, and what their difference tells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import highwall
from highwall.evaluation.scores import scores
from highwall.tiles import open_dataset
from highwall.training.config import make_recipe
from highwall.training.folds import random_folds
from highwall.training.plan import make_plan
from highwall.training.stages import Run, judge_other_folds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.models.model import Model


@given(st.integers(1, 60), st.integers(2, 8), st.integers(0, 9))
def test_random_folds_are_as_even_as_they_can_be(tiles: int, folds: int, seed: int) -> None:
    sizes = np.bincount(random_folds(tiles, folds, seed))
    assert sizes.sum() == tiles
    assert len(sizes) == (min(tiles, folds) if tiles > 1 else 1)
    assert sizes.max() - sizes.min() <= 1


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., Any], save: Callable[..., Path]) -> Path:
    """Four sites of two tiles each that touch; the tiles of a site show the same."""
    root = tmp_path_factory.mktemp("paired")
    for site in range(4):
        pixels, mask = draw(site)
        for side in range(2):
            at = (500 * site + 64 * side, 0)
            save(
                root / "train" / "images" / f"{site}{side}.tif", pixels, at, ("B02", "B03", "B04", "B08", "B11", "B12")
            )
            save(root / "train" / "masks" / f"{site}{side}.tif", mask, at)
    return root


@pytest.fixture(scope="module")
def changes(tiny: tuple[str, ...]) -> tuple[str, ...]:
    """As many folds of each kind; and since a stump cannot tell four classes, the networks' answer counts."""
    return (*tiny, "compared_folds=2", "forest.trees=1", "forest.max_depth=1")


def test_the_other_folds_are_cut_the_other_way(paired: Path, tiny: tuple[str, ...]) -> None:
    for split in ("site", "random"):
        recipe = make_recipe("quick", (*tiny, f"split={split}"))
        plan = make_plan(open_dataset(paired), recipe, 3)
        by_site, at_random = (plan.folds, plan.compared) if split == "site" else (plan.compared, plan.folds)
        sites = np.array(plan.roles.sites)
        assert all(len(set(np.array(by_site)[sites == site])) == 1 for site in sites)
        assert any(len(set(np.array(at_random)[sites == site])) == 2 for site in sites)
        assert max(by_site) == max(at_random)


def test_without_neighbours_there_is_nothing_to_compare(make_tiles: Callable[..., Path], tmp_path: Path) -> None:
    plan = make_plan(open_dataset(make_tiles(tmp_path, {"train": 4})), make_recipe("quick"), 0)
    assert max(plan.folds) > 0
    assert max(plan.compared) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "run"


@pytest.fixture(scope="module")
def model(paired: Path, folder: Path, changes: tuple[str, ...]) -> Model:
    return highwall.train(paired, folder, preset="quick", changes=changes)


def test_a_training_tells_both_scores_and_their_difference(
    model: Model, paired: Path, folder: Path, changes: tuple[str, ...]
) -> None:
    leak = model.facts["leak"]
    assert json.loads((folder / "training.json").read_text())["leak"] == json.loads(json.dumps(leak))
    dataset, recipe = open_dataset(paired), make_recipe("quick", changes)
    run = Run(dataset, make_plan(dataset, recipe, 0), recipe, folder, 0)
    matrices = np.concatenate([of_fold["networks"] for _, of_fold in judge_other_folds(run)])
    assert leak["tiles"] == len(matrices) == len(run.plan.roles.train)
    assert leak["site"]["miou"] == model.facts["scores"]["out_of_fold"]["networks"]["miou"]
    assert leak["random"]["miou"] == scores(matrices.sum(0), dataset.encoding.legend).miou
    assert leak["difference"] == leak["random"]["miou"] - leak["site"]["miou"]


def test_trials_know_how_near_their_tiles_are_to_what_was_learned(model: Model) -> None:
    assert model.record is not None
    assert model.final == "networks"  # else those of random folds, which have no forest, are left out
    trials = model.record.trials
    by_site = np.unique(trials.fold[trials.change > 0])
    kinship = trials.observations.kinship
    assert set(kinship[np.isin(trials.fold, by_site)]) == {0, 2}
    assert 1 in kinship[~np.isin(trials.fold, by_site)]
    assert not trials.change[kinship > 0].any()


def test_every_level_has_its_temperature_and_reliability(model: Model) -> None:
    calibration = model.facts["calibration"]
    assert set(calibration) == set(model.temperatures) == {"unet", "fpn", "networks", "forest"}
    pixels = {sum(table["count"]) for level in calibration.values() for table in level["after"].values()}
    assert len(pixels) == 1  # each class's table holds all pixels
    for level, found in calibration.items():
        assert found["temperature"] == model.temperatures[level]
