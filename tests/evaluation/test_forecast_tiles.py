from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

import highwall
from highwall.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = ["background", "waste dump", "quarry pit", "tailings pond"]


@pytest.fixture(scope="module")
def ground(make_tiles: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled tiles from anywhere that look like those of the training."""
    return make_tiles(tmp_path_factory.mktemp("ground"), {"val": 4}, seed=200, referenced=False)


def told(model: Any, folder: Path) -> dict[str, Any]:
    """Forecast, as JSON has it."""
    document = highwall.forecast(model, folder).to_json(tuple(NAMES))
    return dict(json.loads(json.dumps(document, allow_nan=False)))


def test_a_forecast_for_tiles_without_labels_holds_the_contract(trained: Any) -> None:
    result = highwall.forecast(trained.folder, trained.dataset, split="open")
    document = json.loads(json.dumps(result.to_json(tuple(NAMES)), allow_nan=False))
    assert {"accuracy", "miou", "iou", "interval", "shift", "tiles", "notes", "sentence"} <= set(document)
    low, high = document["interval"]["miou"]
    assert 0 <= low <= document["miou"] <= high <= 1
    assert 0 <= document["accuracy"] <= 1
    assert list(document["iou"]) == NAMES
    targets = [value for name, value in document["iou"].items() if name != "background" and value is not None]
    assert document["miou"] == pytest.approx(np.mean(targets))
    assert 0 <= document["shift"]["auc"] <= 1
    assert list(document["tiles"]) == ["open/tile8.tif", "open/tile9.tif"]
    assert document["shift"]["outside"] == np.mean([tile["outside"] for tile in document["tiles"].values()])
    assert document["sentence"] == result.sentence
    assert f"about {100 * document['miou']:.0f} ({100 * low:.0f} to {100 * high:.0f})" in result.sentence


@pytest.mark.parametrize("labels", ["none", "all wrong"])
def test_labels_are_not_looked_at(trained: Any, ground: Path, tmp_path: Path, labels: str) -> None:
    other = shutil.copytree(ground / "val", tmp_path / "val")
    for path in (other / "masks").iterdir():
        with rasterio.open(path, "r+") as mask:
            mask.write((mask.read() + 1) % 4)
    if labels == "none":
        other = (other / "images").rename(tmp_path / "images")
    expected, found = told(trained.model, ground), told(trained.model, other)
    assert [*found.pop("tiles").values()] == [*expected.pop("tiles").values()]
    assert found == expected


def test_all_splits_but_train_are_taken(trained: Any) -> None:
    result = highwall.forecast(trained.model, trained.dataset)
    assert {tile.split for tile in result.tiles} == {"val", "open"}
    assert len(result.tiles) == 4


def with_offset(folder: Path) -> Path:
    for path in folder.rglob("images/*.tif"):
        with rasterio.open(path, "r+") as image:
            image.write(image.read() + 1000)
    return folder


def test_where_an_offset_is_missing_less_is_expected(trained: Any, ground: Path, tmp_path: Path) -> None:
    shifted = with_offset(shutil.copytree(ground, tmp_path / "shifted"))
    before, after = (highwall.forecast(trained.model, folder) for folder in (ground, shifted))
    assert before.scores is not None
    assert after.scores is not None
    truth = [
        highwall.evaluate(trained.model, folder).to_json()["scores"][trained.model.final]["miou"]
        for folder in (ground, shifted)
    ]
    assert truth[0] > truth[1] + 0.3  # else there is nothing to foretell
    assert after.scores.miou < before.scores.miou - 0.15  # half of it, at least: Dice makes networks sure of themselves
    seen, strange = before.shift.observations, after.shift.observations
    assert (strange.strangeness > seen.strangeness).all()
    assert (strange.dissimilarity > seen.dissimilarity).all()
    assert after.shift.outside.all()
    assert after.shift.domain.auc == 1
    assert "other ground, an offset of about +1,000 counts" in after.sentence
    assert "4 of 4 tiles lie outside" in after.sentence


def test_tiles_that_were_learned_from_are_no_news_and_it_is_said(trained: Any) -> None:
    result = highwall.forecast(trained.model, trained.dataset, split="train")
    assert "ground that was learned from" in result.sentence
    assert not result.shift.outside.any()
    (note,) = result.notes
    assert note.startswith("6 of 6 tiles ")
    assert "learned from" in note


def test_ground_without_any_data_is_bad_input(trained: Any, tmp_path: Path, save: Any) -> None:
    save(tmp_path / "empty.tif", np.zeros((6, 64, 64), np.uint16), names=trained.model.bands)
    with pytest.raises(BadInput, match="data"):
        highwall.forecast(trained.model, tmp_path)


def test_a_model_without_a_record_cannot_forecast(trained: Any, ground: Path) -> None:
    with pytest.raises(BadInput, match="can't forecast"):
        highwall.forecast(replace(trained.model, record=None), ground)


def test_without_a_judgement_the_ground_is_told_and_no_score(trained: Any, ground: Path) -> None:
    record = replace(trained.model.record, judgement=None)
    document = told(replace(trained.model, record=record), ground)
    expected = told(trained.model, ground)
    assert document["miou"] is document["accuracy"] is document["interval"]["miou"] is None
    assert document["iou"] == dict.fromkeys(NAMES)
    assert document["shift"] == expected["shift"]
    assert document["tiles"] == expected["tiles"]
    assert document["sentence"].startswith("Nothing is known of the score to expect: ")
    assert any("too few sites" in note for note in document["notes"])
