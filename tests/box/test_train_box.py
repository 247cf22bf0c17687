"""The training of the model in the box, on a small scale."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

from highwall.box.slim import MOST, size, slim, thinned
from highwall.box.train import make_tiles, train_box
from highwall.errors import BadInput
from highwall.models.folder import load_model, save_model
from highwall.models.readme import GROUND, REAL, readme

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def tiles(grounds: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten tiles to train on, and one to validate with."""
    folder = tmp_path_factory.mktemp("box") / "tiles"
    make_tiles(grounds, folder, 10, side=64)
    return folder


def test_tiles_are_made_once(grounds: list[Path], tiles: Path) -> None:
    images = sorted((tiles / "train" / "images").glob("*.tif"))
    assert len(images) == 10
    assert len(list((tiles / "val" / "images").glob("*.tif"))) == 1
    before = [path.stat().st_mtime_ns for path in images]
    make_tiles(grounds, tiles, 10, side=64)
    assert [path.stat().st_mtime_ns for path in images] == before
    ids = set()
    for path in (tiles / "train" / "masks").glob("*.tif"):
        with rasterio.open(path) as mask:
            ids |= set(np.unique(mask.read(1)).tolist())
    assert {0, 2} < ids <= {0, 1, 2, 3, 255}


def test_tiles_of_other_scenes_are_not_taken_for_these(grounds: list[Path], tiles: Path) -> None:
    with pytest.raises(BadInput, match="made with other scenes or numbers"):
        make_tiles(grounds[:1], tiles, 10, side=64)
    with pytest.raises(BadInput, match="made with other scenes or numbers"):
        make_tiles(grounds, tiles, 11, side=64)


def test_a_folder_of_somebody_else_is_left_alone(grounds: list[Path], tmp_path: Path) -> None:
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        make_tiles(grounds, tmp_path / "tiles", 4, side=64)
    assert [path.name for path in tmp_path.rglob("*")] == ["tiles", "thesis.txt"]


def test_ground_that_is_not_free_is_refused(grounds: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "rstoolbox_trombetas.tif"
    other.write_bytes(grounds[0].read_bytes())
    with pytest.raises(BadInput, match="not known to be free"):
        make_tiles([other], tmp_path / "tiles", 4, side=64)


def test_the_model_is_small_and_its_card_tells_its_ground(
    grounds: list[Path], tiles: Path, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    one_network = (change for change in tiny if "fpn" not in change)
    changes = (*one_network, "epochs=1", "augmentation.elastic=0", "compact=false")
    model = train_box(tiles, tmp_path / "run", grounds, changes)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.fingerprint == model.fingerprint
    assert loaded.id == f"highwall-default-{loaded.fingerprint[:12]}"
    assert size(tmp_path / "model") < MOST
    assert [one["scene"] for one in loaded.facts[GROUND]] == ["oscd_milano_1", "oscd_nantes_1"]
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    for told in ("no authority", "made up", "Milan", "Copernicus", "oscd_nantes_1", "10 tiles"):
        assert told in card
    row = {"set": "objects", "scene": "there", "what": "a pit", "value": "61% found", "learned_from": "no"}
    assert "| objects | there | a pit | 61% found | no |" in readme(
        replace(loaded, facts={**loaded.facts, REAL: [row]})
    )


def test_a_thinned_record_keeps_its_mixture(trained: Any) -> None:
    record = trained.model.record
    few = thinned(record, 20)
    assert len(few.trials) == 20
    for values, kept in (
        (record.trials.change, few.trials.change),
        (record.trials.observations.kinship, few.trials.observations.kinship),
    ):
        for value in np.unique(values):
            assert abs((kept == value).sum() - 20 * (values == value).mean()) <= 2
    assert thinned(record, len(record.trials)) is record
    assert few.judgement is record.judgement


def test_a_slim_model_leaves_the_other_as_it_is(trained: Any) -> None:
    before = trained.model.fingerprint
    small = slim(trained.model)
    del trained.model.__dict__["fingerprint"]
    assert trained.model.fingerprint == before != small.fingerprint
    assert slim(small).fingerprint == small.fingerprint
