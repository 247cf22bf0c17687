"""The report of an evaluation says what its JSON says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pages import read_page

import highwall
from highwall.reports import report_evaluation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOSTILE = "<b onclick=x>&\"'<!--.tif"


def _numbers(score: Any) -> set[float]:
    bounds = score["interval"]
    alone = {score[key] for key in ("miou", "miou_all", "accuracy")} | set(score["iou"].values())
    ranges = [bounds[key] for key in ("miou", "miou_all", "accuracy")] + list(bounds["iou"].values())
    return {x for x in alone if x is not None} | {x for pair in ranges if pair is not None for x in pair}


@pytest.fixture(scope="module")
def page(
    trained: Any, make_tiles: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, str, Any]:
    root = tmp_path_factory.mktemp("report")
    data = make_tiles(root / "data", {"train": 1, "val": 4}, seed=70)
    for kind in ("images", "masks"):
        (data / "val" / kind / "tile2.tif").rename(data / "val" / kind / HOSTILE)
    evaluation = highwall.evaluate(trained.model, data)
    report_evaluation(trained.model, evaluation, data, root / "new" / "a.html", command="highwall evaluate '<&>'")
    return trained.model, (root / "new" / "a.html").read_text("utf-8"), json.loads(json.dumps(evaluation.to_json()))


def test_its_numbers_are_those_of_the_json(page: Any) -> None:
    _, html, document = page
    found = read_page(html)
    for score in document["scores"].values():
        assert _numbers(score) <= set(found.values)
    counts = {x for row in document["confusion"][document["final"]] for x in row}
    assert counts <= set(found.values)
    matrix = document["confusion"][document["final"]]
    assert {count / sum(row) for row in matrix for count in row} <= set(found.values)
    assert {one["error"] for one in document["reliability"].values()} <= set(found.values)
    score = document["scores"][document["final"]]
    assert f"Mean IoU {100 * score['miou']:.1f}\N{NO-BREAK SPACE}% on 4 tiles of 4 sites (val)" in found.text
    worst = min(list(score["iou"])[1:], key=lambda name: score["iou"][name])
    assert f"Worst at {worst} (IoU {100 * score['iou'][worst]:.1f}" in found.text


def test_hostile_names_stay_text(page: Any) -> None:
    _, html, _ = page
    found = read_page(html)
    assert f"val/{HOSTILE}" in found.text
    assert "highwall evaluate '<&>'" in found.text
    assert "onclick" not in {name for _, attributes in found.tags for name in attributes}


def test_there_is_all_to_look_at(page: Any) -> None:
    model, html, document = page
    found = read_page(html)
    assert {"tiles", "scores", "confusion", "sites", "reliability", "data", "next", "repeat"} <= set(found.ids)
    kinds = [str(image["src"]).split(";")[0].removeprefix("data:image/") for image in found.images]
    assert kinds.count("jpeg") == 3 * 4  # true colour, short-wave infrared and doubt of each tile
    assert kinds.count("png") == 2 * 4 + 1  # truth and answer, and the ramp
    assert kinds.count("svg+xml") >= 2
    alts = [str(image["alt"]) for image in found.images]
    assert sum(alt.startswith("truth: ") for alt in alts) == 4
    assert sum(tag == "circle" for tag, _ in found.tags) == 4  # a dot a site
    assert model.id in found.text
    assert all(key in found.text for key in document["tiles"])
    assert len(html) < 6e6


def test_tiles_that_lie_nowhere_have_no_map(trained: Any, make_tiles: Callable[..., Path], tmp_path: Path) -> None:
    data = make_tiles(tmp_path / "data", {"val": 1}, referenced=False, classes=(0, 1))
    evaluation = highwall.evaluate(trained.model, data)
    report_evaluation(trained.model, evaluation, data, tmp_path / "a.html")
    found = read_page((tmp_path / "a.html").read_text("utf-8"))
    assert "sites" not in found.ids
    assert "never occurs in the labels" in found.text
    assert "no interval" in found.text
