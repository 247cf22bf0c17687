from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.tiles import Encoding, Tile
from highwall.training.config import PRESETS, make_recipe
from highwall.training.fit import check_devices
from highwall.training.task import Task


def test_presets_are_what_they_are_without_changes() -> None:
    for name, recipe in PRESETS.items():
        assert make_recipe(name) == recipe


def test_single_settings_change_and_the_others_stay() -> None:
    recipe = make_recipe(
        "quick",
        ["networks.unet.encoder=mit_b0", "networks.unet.weights=none", "crop=none", "forest.trees=7", "rate = 2e-3"],
    )
    assert recipe.networks["unet"].encoder == "mit_b0"
    assert recipe.networks["unet"].weights is None
    assert recipe.networks["fpn"] == PRESETS["quick"].networks["fpn"]
    assert (recipe.crop, recipe.forest.trees, recipe.rate) == (None, 7, 2e-3)
    assert recipe.forest.max_depth == PRESETS["quick"].forest.max_depth


def test_a_third_network_can_be_added_and_all_be_replaced() -> None:
    added = make_recipe("quick", ["networks.third.architecture=linknet", "networks.third.encoder=resnet18"])
    assert list(added.networks) == ["unet", "fpn", "third"]
    alone = make_recipe("quick", ['networks={"only": {"architecture": "Unet", "encoder": "resnet18"}}'])
    assert alone.networks["only"].architecture == "unet"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("epoch=3", "epoch"),
        ("forest.tree=3", "tree"),
        ("networks.unet.encodr=x", "encodr"),
        ("rate.x=1", "rate.x"),
        ("crop=100", "crop"),
        ("crop=0", "crop"),
        ("rate=-1", "rate"),
        ("rate=fast", "rate"),
        ("batch=1.5", "batch"),
        ("networks.unet.encoder=mit_b9", "mit_b9"),
        ("networks.unet.architecture=vnet", "vnet"),
        ("networks.unet.architecture=dpt", "dpt"),  # its networks would train, and then could not be asked
        ("networks={}", "networks"),
        ('networks={"forest": {"architecture": "unet", "encoder": "resnet18"}}', "forest"),
        ("learn_from=train", "learn_from"),
        ("batch", "key=value"),
        ("=3", ""),
        ("folds=1", "folds"),
        ("rate=NaN", "rate"),
        ("rate=Infinity", "rate"),
    ],
)
def test_what_cannot_be_set_is_bad_input(change: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        make_recipe("quick", [change])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("preset", "changes"), [("0try", ["folds=3"]), ("default", ["learn_from=val"]), ("0try", [])])
def test_a_compact_forest_is_chosen_out_of_fold_or_not_at_all(preset: str, changes: list[str]) -> None:
    with pytest.raises(BadInput, match="compact forest is chosen out of fold"):
        make_recipe(preset, [*changes, "compact=true"])


def test_there_is_no_other_preset() -> None:
    with pytest.raises(BadInput, match="0try, default, quick"):
        make_recipe("slow")


@given(
    st.lists(st.tuples(st.integers(32, 400), st.integers(32, 400)), min_size=1, max_size=8).map(tuple),
    st.sampled_from([None, 32, 64, 256]),
    st.integers(1, 9),
    st.integers(1, 60),
    st.none() | st.integers(1, 200),
    st.integers(1, 40),
)
def test_a_training_keeps_within_its_steps_and_ends_with_a_validation(
    shapes: tuple[tuple[int, int], ...],
    crop: int | None,
    batch: int,
    epochs: int,
    max_steps: int | None,
    least_steps: int,
) -> None:
    recipe = PRESETS["quick"].model_copy(
        update={"crop": crop, "batch": batch, "epochs": epochs, "max_steps": max_steps, "least_steps": least_steps}
    )
    tile = Tile(Path("a.tif"), None, "val")
    task = Task("networks", (), shapes, (), Encoding((), 1, 0), recipe, 0)
    assert 1 <= task.epochs <= epochs
    choosing = replace(task, recipe=recipe.model_copy(update={"keep": "best"}), validation=(tile,))
    assert choosing.epochs % choosing.pace == 0
    assert task.epochs - choosing.epochs < task.pace
    assert task.steps == task.epochs * task.steps_per_epoch
    if max_steps is not None:
        assert task.steps <= max_steps
    if task.epochs > task.pace:
        assert task.pace * task.steps_per_epoch >= least_steps


@pytest.mark.parametrize("change", ["accelerator=abacus", "accelerator=tpu", "strategy=luck"])
def test_devices_that_are_not_there_are_bad_input(change: str) -> None:
    with pytest.raises(BadInput, match="accelerator, devices or strategy"):
        check_devices(make_recipe("quick", [change]))
