"""From a review to the next model and to areas, as a person goes about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas
import pytest

import highwall
from highwall.products.review import decide

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_from_a_review_to_a_model(
    make_block_map: Callable[..., Any], highwall_command: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path
) -> None:
    made = make_block_map((192, 128))
    count = len(made.polygons())
    for polygon, own in made.polygons()["class_id"].items():
        kind = polygon % 4
        if kind == 2:
            decide(made.folder, polygon, "reclass", class_id=own % 3 + 1, reviewer="ana")
        elif kind != 3:
            decide(made.folder, polygon, "accept" if kind else "reject", reviewer="ana")
    decided = sum(polygon % 4 != 3 for polygon in made.polygons().index)
    tiles, told = tmp_path / "tiles", tmp_path / "told.json"
    arguments = ("tiles", made.scene, made.folder, "-o", tiles, "--size", 64, "--val", 0)
    done = highwall_command(*arguments, "--bands", "B02,B03,B04,B08,B11,B12", "--json", told)
    assert done.status == 0, done.err
    assert f"review: {decided} of {count} polygons decided" in done.out
    assert json.loads(told.read_text())["empty"] == 0
    done = highwall_command("check", tiles)
    assert done.status == 0, done.err
    changes = [part for change in (*tiny, "max_steps=4") for part in ("--set", change)]
    done = highwall_command("train", tiles, "-o", tmp_path / "run", "--preset", "quick", *changes)
    assert done.status == 0, done.err
    assert highwall.load_model(tmp_path / "run" / "model").legend.names[3] == "tailings pond"


@pytest.mark.parametrize(
    "option",
    [
        ("--layer", "polygons"),
        ("--column", "class"),
        ("--class", "a=1"),
        ("--others", "error"),
        ("--overlaps", "later"),
    ],
)
def test_options_for_other_polygons_are_refused(
    make_block_map: Callable[..., Any],
    highwall_command: Callable[..., Any],
    tmp_path: Path,
    option: tuple[str, str],
) -> None:
    made = make_block_map()
    decide(made.folder, 1, "accept", reviewer="ana")
    done = highwall_command("tiles", made.scene, made.folder, "-o", tmp_path / "tiles", *option)
    assert done.status == 2
    assert "is a map: its review says what its polygons are" in done.err


def test_areas_of_a_reviewed_map(
    make_block_map: Callable[..., Any], highwall_command: Callable[..., Any], tmp_path: Path
) -> None:
    made = make_block_map()
    samples, told = tmp_path / "samples.gpkg", tmp_path / "told.json"
    assert highwall_command("area", made.folder, samples, "--draw", 80).status == 0
    table = geopandas.read_file(samples, layer="samples")
    table["reference"] = table["stratum"].replace({1: 0}).astype(str)  # all dumps are wrong
    table.to_file(tmp_path / "labelled.gpkg")
    before = highwall_command("area", made.folder, tmp_path / "labelled.gpkg", "--json", told)
    assert before.status == 0, before.err
    assert "review" not in before.out
    document = json.loads(told.read_text())
    assert document["review"] is None
    polygons = made.polygons()["class_id"]
    dumps = [*polygons[polygons == 1].index]
    for polygon in dumps:
        decide(made.folder, polygon, "reject", reviewer="ana")
    after = highwall_command("area", made.folder, tmp_path / "labelled.gpkg", "--json", told)
    assert after.status == 0, after.err
    out = " ".join(after.out.split())
    assert f"the map after its review ({len(dumps)} of {len(polygons)} polygons decided: 0 accepted" in out
    assert "overall accuracy after the review: 100% ± 0.0%" in out
    assert "strata are the classes as the model mapped them" in out
    reviewed = json.loads(told.read_text())
    assert reviewed["classes"] == document["classes"]
    assert reviewed["review"]["rejected"] == len(dumps)
    assert reviewed["review"]["classes"]["waste dump"]["mapped_ha"] == 0
    assert reviewed["review"]["classes"]["waste dump"]["users_accuracy"]["value"] is None


def test_polygons_of_a_reviewed_map_are_cut_by_layer(
    make_block_map: Callable[..., Any], highwall_command: Callable[..., Any], tmp_path: Path
) -> None:
    made = make_block_map()
    decide(made.folder, 1, "reject", reviewer="ana")
    arguments = ("tiles", made.scene, made.folder / "polygons.gpkg", "--bands", "B02,B03,B04,B08,B11,B12", "--size", 32)
    done = highwall_command(*arguments, "-o", tmp_path / "none")
    assert done.status == 2
    assert "several layers with polygons (polygons, reviewed); choose one with --layer" in done.err
    counts = {}
    for layer in ("polygons", "reviewed"):
        told = tmp_path / f"{layer}.json"
        how = ("--layer", layer, "--others", "unknown", "--empty", 0)  # nobody has decided about most
        done = highwall_command(*arguments, "-o", tmp_path / layer, *how, "--json", told)
        assert done.status == 0, done.err
        counts[layer] = json.loads(told.read_text())["pixels"]
    assert counts["polygons"]["waste dump"] > 0
    assert sum(counts["reviewed"][name] for name in ("waste dump", "quarry pit", "tailings pond")) == 0
