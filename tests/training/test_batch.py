from __future__ import annotations

import json
import logging
from functools import partial
from typing import TYPE_CHECKING

import pytest
import torch
from lightning import seed_everything

import highwall
from highwall.models.networks import Normalisation, build_networks
from highwall.training.batch import WITHIN, Trial, find_batch, settle_batch
from highwall.training.config import make_recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.models.networks import Networks
    from highwall.training.config import Recipe

BANDS = ("B02", "B03", "B04")


@pytest.fixture
def recipe(tiny: tuple[str, ...]) -> Recipe:
    return make_recipe("quick", (*tiny, "batch=auto"))


@pytest.fixture
def build(recipe: Recipe) -> Callable[[], Networks]:
    return partial(build_networks, recipe.networks, BANDS, 4, Normalisation(mean=(0.2,) * 3, std=(0.1,) * 3))


def test_the_smallest_batch_near_the_best_rate_is_found(build: Callable[[], Networks], recipe: Recipe) -> None:
    trial = Trial(build(), (3, 64, 64), recipe, "32-true")
    batch = find_batch(trial, 8)
    assert sorted(trial.seconds) == [2, 4, 8]
    rates = {size: size / min(trial.seconds[size]) for size in trial.seconds}
    assert rates[batch] >= WITHIN * max(rates.values())
    assert all(rates[size] < WITHIN * max(rates.values()) for size in rates if size < batch)


def test_a_batch_that_would_not_fit_in_memory_is_not_tried(build: Callable[[], Networks], recipe: Recipe) -> None:
    trial = Trial(build(), (3, 64, 64), recipe, "32-true")
    trial.free, trial.base = 1, 0
    assert find_batch(trial, 8) == 2
    assert list(trial.seconds) == [2]


def test_what_was_found_is_kept_and_said(
    build: Callable[[], Networks], recipe: Recipe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "batch.json"
    with caplog.at_level(logging.INFO, "highwall"):
        found = settle_batch(recipe, "32-true", build, (3, 64, 64), 32, path)
    assert found.batch in {2, 4}  # an epoch of 32 samples keeps eight steps
    assert found == recipe.model_copy(update={"batch": found.batch})
    assert f"batch size {found.batch}, found by trying on cpu" in caplog.text
    document = json.loads(path.read_text())
    assert document["batch"] == found.batch
    path.write_text(json.dumps(document | {"batch": 5}))
    assert settle_batch(recipe, "32-true", build, (3, 64, 64), 32, path).batch == 5


def test_a_number_stays_and_nothing_is_tried(build: Callable[[], Networks], recipe: Recipe, tmp_path: Path) -> None:
    fixed = recipe.model_copy(update={"batch": 3})
    assert settle_batch(fixed, "32-true", build, (3, 64, 64), 32, tmp_path / "batch.json") is fixed
    assert not list(tmp_path.iterdir())


def test_a_training_with_a_batch_found_is_that_with_the_number(
    make_tiles: Callable[..., Path], tiny: tuple[str, ...], tmp_path: Path
) -> None:
    dataset = make_tiles(tmp_path / "data", {"train": 4, "val": 1})
    changes = (*tiny, "max_steps=2", "forest.trees=2")
    found = highwall.train(dataset, tmp_path / "a", preset="quick", changes=(*changes, "batch=auto"))
    number = json.loads((tmp_path / "a" / "stages" / "batch.json").read_text())["batch"]
    given = highwall.train(dataset, tmp_path / "b", preset="quick", changes=(*changes, f"batch={number}"))
    assert found.facts["recipe"]["batch"] == number
    assert found.fingerprint == given.fingerprint
    seed_everything(0, verbose=False)
    pixels = torch.rand(1, 6, 32, 32).numpy()
    assert (found(pixels) == given(pixels)).all()
