"""A map goes on with its networks computed as they were when it was begun."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch

from highwall.errors import BadInput
from highwall.files import write_json
from highwall.models.backends import PLAIN, backends_on
from highwall.products.map import map_scene
from highwall.products.plan import as_before
from highwall.products.work import CLAIM, MANIFEST, earlier_claim, work_folder

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = [name for name in backends_on(torch.device("cpu")) if name != PLAIN]


def test_the_claim_tells_how_networks_are_computed(trained: Any, tmp_path: Path) -> None:
    tile = trained.dataset / "open" / "images" / "tile8.tif"
    map_scene(tile, trained.model, tmp_path / "map")
    assert json.loads((tmp_path / "map" / MANIFEST).read_text())["claim"]["backend"] == PLAIN
    assert earlier_claim(tmp_path / "map")["backend"] == PLAIN


@pytest.mark.parametrize("name", OTHERS)
def test_the_same_command_finds_a_map_that_was_computed_in_another_way(trained: Any, tmp_path: Path, name: str) -> None:
    tile = trained.dataset / "open" / "images" / "tile8.tif"
    first = map_scene(tile, trained.model.computed_by(name), tmp_path / "map")
    before = (first.folder / MANIFEST).read_bytes()
    again = map_scene(tile, trained.model, tmp_path / "map")
    assert (again.folder / MANIFEST).read_bytes() == before


@pytest.mark.parametrize("name", OTHERS)
def test_what_was_begun_in_one_way_is_not_ended_in_another(trained: Any, tmp_path: Path, name: str) -> None:
    begun = work_folder(tmp_path / "map")
    begun.mkdir()
    write_json(begun / CLAIM, {"backend": name})
    assert as_before(trained.model, earlier_claim(tmp_path / "map")).computed_with == name  # type: ignore[attr-defined]


def test_what_is_not_to_be_had_here_stays_out(trained: Any) -> None:
    assert as_before(trained.model, {"backend": "torch-float16"}) is trained.model
    assert as_before(trained.model, {}) is trained.model
    assert as_before(len, {"backend": PLAIN}) is len


@pytest.mark.parametrize("text", ['{"claim": "mine"}', '{"claim": [1]}', "[]", "{", '{"claim": null}'])
def test_what_is_no_claim_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    assert earlier_claim(tmp_path) == {}


def test_the_root_is_no_place_for_a_map(trained: Any) -> None:
    with pytest.raises(BadInput, match="mount point"):
        map_scene(trained.dataset / "open" / "images" / "tile8.tif", trained.model, "/")
