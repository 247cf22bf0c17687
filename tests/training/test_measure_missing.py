"""What a training measures with fewer bands."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import highwall
from highwall.evaluation.confusion import confusion
from highwall.evaluation.scores import scores
from highwall.evaluation.summary import by_site
from highwall.models.missing import measurements
from highwall.models.model import AVERAGE
from highwall.sentinel2 import BANDS, DEFAULT_BANDS
from highwall.tiles import open_dataset
from highwall.training.config import make_recipe
from highwall.training.data import read_sample
from highwall.training.missing import band_subsets, measure_missing
from highwall.training.plan import make_plan
from highwall.training.stages import Run, fit_networks, judge_folds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.models.networks import Networks

RGB = ("B02", "B03", "B04")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_tiles: Callable[..., Path], tiny: tuple[str, ...]) -> Run:
    """A short training with band dropout."""
    folder = tmp_path_factory.mktemp("measured")
    dataset = open_dataset(make_tiles(folder / "data", {"train": 4, "val": 2}))
    recipe = make_recipe("quick", (*tiny, "augmentation.band_dropout=0.5", "compared_folds=0"))
    return Run(dataset, make_plan(dataset, recipe, 0), recipe, folder / "run", 0)


def by_hand(run: Run, networks: Networks, tile: Any, bands: tuple[str, ...]) -> Any:
    """Confusion matrix of the average on a tile, the input of missing bands being set to 0 after normalisation."""
    lacking = [band not in bands for band in run.dataset.encoding.bands]
    pixels, labels = read_sample(tile, run.dataset.encoding)

    def masked(_: Any, given: Any) -> Any:
        x = given[0].clone()
        x[:, lacking] = 0
        return (x,)

    hooks = [member.register_forward_pre_hook(masked) for member in networks.members.values()]
    with torch.no_grad():
        answer = networks(torch.from_numpy(pixels[None])).mean(0).argmax(1)[0].numpy().astype(np.uint8)
    for hook in hooks:
        hook.remove()
    return confusion(labels, answer, 4)


def test_scores_are_those_on_held_out_tiles_with_a_masked_input(run: Run) -> None:
    judged = judge_folds(run)
    assert judged is not None
    found = measure_missing(run, judged.folds[0].networks, judged)
    assert [one.bands for one in found] == [RGB, ("B03", "B04", "B08"), (*RGB, "B08")]
    legend = run.dataset.encoding.legend
    for one in found:
        matrices = [
            by_hand(run, fold.networks, run.plan.roles.train[n], one.bands)
            for fold in judged.folds
            for n in fold.held_out
        ]
        expected = scores(np.sum(matrices, 0), legend)
        assert (one.miou, dict(one.iou)) == (expected.miou, expected.to_json()["iou"])
        assert one.miou_with_all == scores(judged.matrices[AVERAGE].sum(0), legend).miou
        assert one.measured_on == "held-out sites"
        assert one.interval is not None
        assert one.interval[0] <= one.interval[1]
    assert len(by_site(judged.matrices[AVERAGE], run.plan.roles.sites)) == 4


def test_without_folds_the_validation_tiles_tell_and_without_either_nobody(run: Run) -> None:
    networks = fit_networks(run)
    found = measure_missing(run, networks, None)
    legend = run.dataset.encoding.legend
    for one in found:
        matrices = [by_hand(run, networks, tile, one.bands) for tile in run.plan.roles.validation]
        assert one.miou == scores(np.sum(matrices, 0), legend).miou
        assert one.measured_on == "validation tiles"
    assert found
    nowhere = replace(run, plan=replace(run.plan, roles=replace(run.plan.roles, validation=())))
    assert measure_missing(nowhere, networks, None) == ()
    recipe = make_recipe("quick", ("augmentation.band_dropout=0",))
    assert measure_missing(replace(run, recipe=recipe), networks, None) == ()


@pytest.mark.parametrize(
    ("bands", "expected"),
    [
        (DEFAULT_BANDS, [RGB, ("B03", "B04", "B08"), (*RGB, "B08")]),
        (("B08", "B04", "B03", "B02"), [("B04", "B03", "B02"), ("B08", "B04", "B03")]),
        (RGB, []),
        (("B08", "B11"), [("B08",)]),
        (("B11", "B12"), []),
    ],
)
def test_subsets_are_among_the_bands_and_fewer(bands: tuple[str, ...], expected: list[tuple[str, ...]]) -> None:
    assert [*band_subsets(bands)] == expected


def test_four_subsets_at_most() -> None:
    found = band_subsets([*BANDS])
    assert len(found) == 4
    assert all(set(one) < set(BANDS) for one in found)


def test_a_trained_model_goes_on_without_bands(run: Run, keep_bands: Callable[..., Path], tmp_path: Path) -> None:
    changes = (
        *(
            f"networks.{name}.{key}"
            for name in ("unet", "fpn")
            for key in ("encoder=tu-test_efficientnet", "weights=none")
        ),
        *("crop=64", "batch=2", "max_steps=4", "least_steps=1", "precision=32-true", "accelerator=cpu"),
        *("augmentation.band_dropout=0.5", "folds=0"),
    )
    model = highwall.train(run.dataset.root, tmp_path / "run", preset="quick", changes=changes)
    known = measurements(model.facts)
    assert [one.bands for one in known] == [RGB, ("B03", "B04", "B08"), (*RGB, "B08")]
    told = json.loads((tmp_path / "run" / "training.json").read_text())
    assert told["missing_bands"] == [one.to_json() for one in known]
    image = keep_bands(run.dataset.tiles[0].image, tmp_path / "tile.tif", RGB)
    (mask,) = highwall.predict(tmp_path / "run" / "model", image, tmp_path / "out")
    assert mask.exists()
