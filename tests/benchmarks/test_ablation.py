"""The pure parts of `benchmarks/ablation.py`, and of what it runs."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import jaccard_score

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from ablation_level2 import Pixels, cross_fit
from ablations.context import FAR, around, columns, edge_distance
from ablations.ground import _ids
from ablations.jobs import Job, run_jobs
from ablations.starts import rgb_filters
from ablations.table import against_rest, gather, judge, markdown
from ablations.trials import PAID, TRIALS, changes_of, find, recipe_of, together

from highwall.errors import BadInput
from highwall.evaluation.bootstrap import paired_interval
from highwall.evaluation.confusion import confusion
from highwall.legend import DEFAULT_LEGEND, UNKNOWN, Legend
from highwall.models.weights import band_aware_filters
from highwall.training.config import PRESETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

BRAZIL = Legend.from_names({0: "background", 1: "mine ground", 3: "tailings pond"})


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _document(fold: int, tiles: list[int], matrices: NDArray[np.int64]) -> dict[str, object]:
    return {
        "fold": fold,
        "tiles": tiles,
        "sites": [tile // 2 for tile in tiles],
        "matrices": {"networks": matrices.tolist(), "unet": matrices.tolist()},
        "seconds": 30,
        "parameters": 10,
    }


def test_each_trial_is_a_recipe_of_its_own() -> None:
    recipes = {}
    for trial in TRIALS:
        recipe = recipe_of(trial, changes_of(trial, 100), {})
        assert recipe.folds == 4
        assert recipe.max_steps == round(100 * trial.steps)
        assert len(recipe.networks) == (1 if trial.name.endswith("-alone") and trial.group == "networks" else 2)
        recipes[trial.name] = (recipe.model_dump_json(), trial.seed, trial.start)
    assert len(recipes) == len(TRIALS)
    different = {name: told for name, told in recipes.items() if name != "default"}  # which may be one of them some day
    assert len(set(different.values())) == len(different)


def test_trials_come_after_those_whose_networks_they_take() -> None:
    names = [trial.name for trial in TRIALS]
    for trial in TRIALS:
        if trial.networks_of:
            assert names.index(trial.networks_of) < names.index(trial.name)
    assert set(PAID) <= set(names)


def test_a_setting_that_is_none_fails_its_trial() -> None:
    trial = replace(TRIALS[0], changes=("no_such=1",))
    with pytest.raises(BadInput):
        recipe_of(trial, changes_of(trial, 10), {})


def test_changes_come_together_and_win_over_those_of_all() -> None:
    every = together(TRIALS, ("dice", "ema", "longer"))
    recipe = recipe_of(every, changes_of(every, 100, ("ema=0.5", "batch=2")), {})
    assert (recipe.ema, recipe.batch, recipe.max_steps, recipe.loss.dice) == (0.99, 2, 200, 1)


def test_the_base_does_not_move_with_the_presets() -> None:
    base = recipe_of(find(TRIALS, "base"), changes_of(find(TRIALS, "base"), 10), {})
    neutral = PRESETS["0try"]
    for setting in ("loss", "rare", "paste", "ema", "indices", "views"):
        assert getattr(base, setting) == getattr(neutral, setting)


def test_folders_take_the_place_of_their_names() -> None:
    trial = find(TRIALS, "lite1")
    recipe = recipe_of(trial, changes_of(trial, 10), {"$WEIGHTS": "/a/b"})
    assert recipe.networks["unet"].weights == "/a/b/lite1.pth"


def test_folds_are_pooled_and_held_against_the_base(rng: np.random.Generator) -> None:
    a, b = (rng.integers(0, 50, (6, 3, 3)) for _ in range(2))
    order = [4, 0, 5, 2, 1, 3]
    base = gather([_document(0, [0, 1, 2, 3, 4, 5], a)])
    other = gather([_document(1, order[3:], b[order[3:]]), _document(0, order[:3], b[order[:3]])])
    assert other.tiles == (0, 1, 2, 3, 4, 5)
    assert other.sites == (0, 0, 1, 1, 2, 2)
    np.testing.assert_array_equal(other.matrices["networks"], b)
    found = judge(other, base, BRAZIL)
    sites_a, sites_b = (m.reshape(3, 2, 3, 3).sum(1) for m in (a, b))
    assert found["difference"]["miou"]["interval"] == paired_interval(sites_a, sites_b, BRAZIL)
    assert found["difference"]["miou"]["difference"] == pytest.approx(found["miou"] - judge(base, None, BRAZIL)["miou"])
    assert found["difference"]["tailings pond"]["difference"] == pytest.approx(
        found["iou"]["tailings pond"] - judge(base, None, BRAZIL)["iou"]["tailings pond"]
    )


def test_what_is_not_complete_is_compared_on_the_same_tiles(rng: np.random.Generator) -> None:
    a = rng.integers(1, 50, (6, 3, 3))
    base = gather([_document(0, [0, 1, 2, 3, 4, 5], a)])
    found = judge(gather([_document(1, [2, 3, 4, 5], a[2:])]), base, BRAZIL)
    assert found["difference"]["tiles"] == 4
    assert found["difference"]["miou"]["difference"] == 0
    assert found["difference"]["miou"]["interval"] == (0, 0)


@given(st.integers(2, 5), st.integers(0, 2**31))
def test_one_class_against_the_rest_keeps_its_iou(classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, answer = rng.integers(0, classes, (2, 60)).astype(np.uint8)
    one = int(rng.integers(classes))
    matrix = against_rest(confusion(truth, answer, classes)[None], one)[0]
    np.testing.assert_array_equal(
        matrix, confusion((truth == one).astype(np.uint8), (answer == one).astype(np.uint8), 2)
    )
    expected = jaccard_score(truth == one, answer == one, zero_division=0)
    assert matrix[1, 1] / max(matrix[0, 1] + matrix[1].sum(), 1) == pytest.approx(expected)


def test_the_table_says_what_is_sure_and_what_failed(rng: np.random.Generator) -> None:
    right = np.stack([np.diag([100, 40, 30])] * 6)
    wrong = right + rng.integers(5, 20, (6, 3, 3))
    base, better = (gather([_document(0, list(range(6)), m)]) for m in (wrong, right))
    told = {"name": "x", "group": "loss", "tries": "a | b"}
    text = markdown([told | judge(better, base, BRAZIL), told | {"failed": "no setting"}], BRAZIL, "title")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1
    assert "100.0 (100.0 to 100.0)" in text
    assert "**+" in text
    assert "none: no setting" in text


def test_jobs_wait_for_each_other_and_fail_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, a, b = tmp_path / "log", tmp_path / "a", tmp_path / "b"
    jobs = [
        Job("a", os.mkdir, (a,), log),
        Job("inside", os.mkdir, (a / "c",), log, ("a", "not there")),
        Job("again", os.mkdir, (Path("/"),), tmp_path / "log2", ("a",)),
        Job("after", os.mkdir, (b,), log, ("again",)),
    ]
    ended = run_jobs(jobs, 2, preload=())
    assert ended["a"] is None
    assert ended["inside"] is None
    assert "File exists" in (ended["again"] or "")
    assert ended["after"] == "again failed"
    assert (a / "c").is_dir()
    assert not b.exists()


def test_jobs_end_in_time(tmp_path: Path) -> None:
    begun = time.monotonic()
    ended = run_jobs([Job(name, time.sleep, (300,), tmp_path / name) for name in "ab"], 1, seconds=1, preload=())
    assert not ended
    assert time.monotonic() - begun < 60


@settings(max_examples=20)
@given(arrays.arrays(np.float32, (2, 12, 11), elements=st.floats(0, 1, width=32)))
def test_what_lies_around_is_what_windows_hold(planes: NDArray[np.float32]) -> None:
    found = around(planes)
    assert found.shape == (10, 12, 11)
    for plane in (0, 1):
        for size, y, x in ((3, 5, 4), (9, 6, 6)):
            reach = size // 2
            window = planes[plane, y - reach : y + reach + 1, x - reach : x + reach + 1].astype(np.float64)
            at = plane + (0 if size == 3 else 2)
            assert found[at, y, x] == pytest.approx(window.mean(), abs=1e-6)
            assert found[4 + at, y, x] == pytest.approx(window.std(), abs=1e-4)


def test_the_gradient_is_the_slope_of_a_plane() -> None:
    y, x = np.mgrid[:20, :20]
    slope = around((0.03 * y + 0.04 * x)[None].astype(np.float32))[-1]
    np.testing.assert_allclose(slope[2:-2, 2:-2], 0.05, rtol=1e-4)


def test_the_distance_is_to_the_nearest_pixel_of_another_class(rng: np.random.Generator) -> None:
    answer = (rng.random((14, 9)) < 0.05).astype(np.intp) + 2 * (rng.random((14, 9)) < 0.05)
    found = edge_distance(answer)
    at = np.argwhere(np.ones_like(answer, bool))
    apart = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))
    apart[answer.ravel()[:, None] == answer.ravel()[None]] = np.inf
    np.testing.assert_allclose(found.ravel(), apart.min(1), rtol=1e-6)
    assert (edge_distance(np.zeros((5, 5), np.intp)) == FAR).all()


def test_all_features_are_of_the_tile(rng: np.random.Generator) -> None:
    members = rng.dirichlet(np.ones(3), (2, 16, 17)).transpose(0, 3, 1, 2).astype(np.float32)
    found = columns(rng.random((4, 16, 17), np.float32), members)
    sizes = {group: planes.shape for group, planes in found.items()}
    assert sizes == {
        "bands": (4, 16, 17),
        "masks": (2, 16, 17),
        "probabilities": (6, 16, 17),
        "around bands": (20, 16, 17),
        "around probabilities": (15, 16, 17),
        "edge": (1, 16, 17),
    }


@pytest.mark.parametrize("learner", ["forest", "boosting"])
def test_level_2_learns_from_other_folds_alone(learner: str, rng: np.random.Generator) -> None:
    labels = np.repeat([0, 1], 300).astype(np.uint8)
    fold = np.tile([0, 1], 300)
    # In each fold the class can be told, but by another sign: what is learned elsewhere is always wrong.
    sign = np.where(fold == 0, labels, 1 - labels) + rng.normal(0, 0.01, 600)
    features = {"bands": sign[:, None].astype(np.float32)}
    pixels = Pixels(features, labels, fold, fold, labels)
    assert (cross_fit(pixels, learner, ("bands",), 3, 10_000) == 1 - labels).mean() > 0.99


def test_filters_of_a_first_layer_come_back() -> None:
    bands = ("B02", "B03", "B04")
    filters = torch.randn(8, 3, 3, 3)
    torch.testing.assert_close(band_aware_filters(rgb_filters(filters, bands), bands), filters)


def test_simulated_classes_keep_their_names() -> None:
    table = _ids(DEFAULT_LEGEND, BRAZIL)
    assert table[[0, 1, 2, 3, UNKNOWN]].tolist() == [0, 1, 1, 3, UNKNOWN]
    pond = Legend.from_names({0: "background", 5: "tailings pond"})
    assert _ids(DEFAULT_LEGEND, pond)[:4].tolist() == [0, UNKNOWN, UNKNOWN, 5]
