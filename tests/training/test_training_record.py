"""What a training leaves for judging new ground."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import highwall
from highwall.evaluation.scores import scores
from highwall.forecasting.changes import CHANGES
from highwall.tiles import open_dataset, read_image, read_labels
from highwall.training.record import of_all_sites

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.models.model import Model
    from highwall.models.record import Record


@pytest.fixture(scope="module")
def dataset(make_tiles: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sites of one tile each, and one to validate on."""
    return make_tiles(tmp_path_factory.mktemp("three"), {"train": 3, "val": 1}, seed=7)


@pytest.fixture(scope="module")
def train(dataset: Path, tiny: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    """Train, with changes."""

    def once(*changes: str) -> Model:
        run = tmp_path_factory.mktemp("runs") / "run"
        return highwall.train(dataset, run, preset="quick", changes=(*tiny, "max_steps=4", *changes))

    return once


def record_of(model: Model) -> Record:
    assert model.record is not None
    return model.record


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(1, 70), st.integers(0, 99))
def test_some_tiles_of_all_sites(sites: list[int], most: int, seed: int) -> None:
    chosen = of_all_sites(sites, most, seed)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(most, len(sites))
    counts = {site: [sites[tile] for tile in chosen].count(site) for site in sites}
    left = {site: sites.count(site) - counts[site] for site in sites}
    assert all(counts[one] <= counts[other] + 1 for one in counts for other in counts if left[other])


@pytest.mark.parametrize("folds", [0, 2, 3])
def test_trainings_on_three_sites_end_well(train: Callable[..., Model], dataset: Path, folds: int) -> None:
    model = train(f"folds={folds}")
    record = model.record
    if folds == 0:
        assert record is None
    if record is not None:
        assert 0 < record.experience.threshold < np.inf
        assert 0 < record.appearance.threshold < np.inf
        sentence = highwall.forecast(model, dataset).sentence
        assert sentence.startswith("Nothing is known") == (record.judgement is None)


@pytest.fixture(scope="module")
def model(train: Callable[..., Model]) -> Model:
    """A model whose networks' answer counts: a stump cannot tell four classes."""
    model = train("folds=3", "forest.trees=1", "forest.max_depth=1")
    assert model.final == "networks"
    return model


def test_every_tile_is_tried_once_by_networks_that_do_not_know_it_and_after_all_changes(model: Model) -> None:
    record = record_of(model)
    trials = record.trials
    assert sorted(trials.site[trials.honest]) == sorted(record.sites)
    apart = trials[trials.observations.kinship == 0]
    for site in record.sites:
        assert sorted(apart.change[apart.site == site]) == [*range(len(CHANGES) + 1)]
        assert len(set(apart.fold[apart.site == site])) == 1
    near = trials[trials.observations.kinship > 0]
    assert not near.change.any()
    assert (near.observations.kinship == 2).all()
    for fold in np.unique(trials.fold):
        assert not set(near.site[near.fold == fold]) & set(apart.site[apart.fold == fold])


def test_trials_tell_the_truth_of_all_labelled_pixels(model: Model, dataset: Path) -> None:
    trials = record_of(model).trials
    opened = open_dataset(dataset)
    pixels = []
    for tile in opened.tiles:
        if tile.split == "train":
            labels = read_labels(tile, opened.encoding)
            labels = labels[read_image(tile.image, opened.encoding).valid]
            pixels.append(np.bincount(labels[labels != 255], minlength=4).tolist())
    honest = trials[trials.honest]
    assert sorted(honest.confusion.sum(2).tolist()) == sorted(pixels)
    for counts in (trials.observations.expected, trials.observations.agreement):
        np.testing.assert_allclose(counts.sum((1, 2)), trials.confusion.sum((1, 2)))
    np.testing.assert_allclose(trials.observations.confidence.sum(2), trials.confusion.sum(1))
    out_of_fold: dict[str, Any] = model.facts["scores"]["out_of_fold"]["networks"]
    assert scores(honest.confusion.sum(0).astype(int), model.legend).miou == out_of_fold["miou"]


def test_thresholds_leave_most_held_out_ground_inside(trained: Any) -> None:
    record = record_of(trained.model)
    seen = record.trials[record.trials.honest].observations
    # A tile is one patch. The whisker is the largest value that is no outlier, and at least the upper quartile.
    for values in (seen.dissimilarity, seen.strangeness / record.appearance.threshold):
        inside = values <= 1 + 1e-6
        assert inside.mean() >= 0.75
        assert values[inside].max() == pytest.approx(1)


def test_what_was_learned_from_is_more_familiar_than_other_ground(trained: Any) -> None:
    trials = record_of(trained.model).trials
    near = trials[trials.observations.kinship == 2].observations
    np.testing.assert_allclose(near.dissimilarity, 0, atol=2e-3)
    np.testing.assert_allclose(near.strangeness, 0, atol=2e-3)
    honest = trials[trials.honest].observations
    assert (honest.dissimilarity > 2e-3).all()
    assert (honest.strangeness > 2e-3).all()


def test_the_same_seed_leaves_the_same_record(train: Callable[..., Model], model: Model) -> None:
    again = train("folds=3", "forest.trees=1", "forest.max_depth=1")
    np.testing.assert_equal(record_of(again).to_arrays(), record_of(model).to_arrays())
    assert again.fingerprint == model.fingerprint
