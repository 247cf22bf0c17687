from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.tiles import open_dataset
from highwall.training.folds import site_folds
from highwall.training.roles import HELD_OUT, honest_roles, reference_roles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=40), st.integers(2, 6), st.integers(0, 2**31))
def test_tiles_of_a_site_share_a_fold(sites: list[int], folds: int, seed: int) -> None:
    result = site_folds(sites, folds, seed)
    seen = defaultdict(set)
    for site, fold in zip(sites, result, strict=True):
        seen[site].add(fold)
    assert all(len(found) == 1 for found in seen.values())
    count = min(folds, len(set(sites)))
    assert set(result) == set(range(count))  # every fold is used
    assert result == site_folds(sites, folds, seed)


def test_another_seed_cuts_otherwise() -> None:
    cuts = {tuple(site_folds(range(12), 3, seed)) for seed in range(20)}
    assert len(cuts) > 10


def move(dataset: Path, key: str, at: tuple[int, int]) -> None:
    """Put a tile elsewhere on the ground, so many pixels east and south."""
    split, name = key.split("/")
    for kind in ("images", "masks"):
        with rasterio.open(dataset / split / kind / name, "r+") as file:
            file.transform = rasterio.transform.from_origin(500_000 + 10 * at[0], 7_500_000 - 10 * at[1], 10, 10)


def keys(tiles: Any) -> set[str]:
    return {tile.key for tile in tiles}


def test_validation_tiles_that_overlap_training_tiles_do_not_judge(
    tmp_path: Path, make_tiles: Callable[..., Path]
) -> None:
    root = make_tiles(tmp_path, {"train": 3, "val": 3})
    move(root, "val/tile3.tif", (230, 30))  # over train/tile1.tif, at 200
    move(root, "val/tile4.tif", (464, 0))  # touches train/tile2.tif, at 400, 64 wide
    roles = honest_roles(open_dataset(root), 0)
    assert keys(roles.train) == {"train/tile0.tif", "train/tile1.tif", "train/tile2.tif"}
    assert keys(roles.validation) == {"val/tile5.tif"}
    assert len(roles.notes) == 1
    assert roles.notes[0].startswith("2 of 3 validation tiles")


def test_a_validation_tile_that_only_reaches_training_ground_through_another_does_not_judge(
    tmp_path: Path, make_tiles: Callable[..., Path]
) -> None:
    root = make_tiles(tmp_path, {"train": 1, "val": 3})
    move(root, "val/tile1.tif", (50, 0))
    move(root, "val/tile2.tif", (100, 0))
    roles = honest_roles(open_dataset(root), 0)
    assert keys(roles.validation) == {"val/tile3.tif"}


@pytest.mark.parametrize("splits", [{"train": 10}, {"region": 10}])
def test_without_validation_tiles_whole_training_sites_are_held_out(
    tmp_path: Path, make_tiles: Callable[..., Path], splits: dict[str, int]
) -> None:
    root = make_tiles(tmp_path, splits)
    (split,) = splits
    for number in (1, 3, 5):
        move(root, f"{split}/tile{number}.tif", (200 * (number - 1) + 40, 40))  # pairs 0-1, 2-3, 4-5
    dataset = open_dataset(root)
    for seed in range(5):
        roles = honest_roles(dataset, seed)
        learned, held_out = keys(roles.train), keys(roles.validation)
        assert learned | held_out == keys(dataset.tiles)
        assert not learned & held_out
        for pair in (0, 2, 4):
            assert ({f"{split}/tile{pair}.tif", f"{split}/tile{pair + 1}.tif"} <= learned) or (
                {f"{split}/tile{pair}.tif", f"{split}/tile{pair + 1}.tif"} <= held_out
            )
        assert 1 <= len(held_out) <= 10 - len(held_out)
        assert len(roles.sites) == len(roles.train)
        assert "held out" in roles.notes[0]
    assert len({frozenset(keys(honest_roles(dataset, seed).validation)) for seed in range(8)}) > 1
    assert HELD_OUT == 5


def test_where_all_validation_tiles_leak_training_sites_are_held_out(
    tmp_path: Path, make_tiles: Callable[..., Path]
) -> None:
    root = make_tiles(tmp_path, {"train": 5, "val": 1})
    move(root, "val/tile5.tif", (10, 10))
    roles = honest_roles(open_dataset(root), 0)
    assert len(roles.train) == 4
    assert keys(roles.validation) < {f"train/tile{n}.tif" for n in range(5)}
    assert len(roles.notes) == 2


def test_one_site_alone_has_nobody_to_judge(tmp_path: Path, make_tiles: Callable[..., Path]) -> None:
    roles = honest_roles(open_dataset(make_tiles(tmp_path, {"train": 1})), 0)
    assert len(roles.train) == 1
    assert roles.validation == ()
    assert "nothing can judge" in roles.notes[0]


def test_the_reference_takes_splits_as_they_are(tmp_path: Path, make_tiles: Callable[..., Path]) -> None:
    root = make_tiles(tmp_path, {"train": 3, "val": 2})
    move(root, "val/tile3.tif", (10, 10))
    dataset = open_dataset(root)
    roles = reference_roles(dataset)
    assert keys(roles.train) == keys(dataset.split("train"))
    assert keys(roles.validation) == keys(dataset.split("val"))
    with pytest.raises(BadInput, match="val split"):
        reference_roles(replace(dataset, tiles=dataset.split("train")))


def test_tiles_without_masks_cannot_be_trained_on(tmp_path: Path, make_tiles: Callable[..., Path]) -> None:
    with pytest.raises(BadInput, match="no labelled training tiles"):
        honest_roles(open_dataset(make_tiles(tmp_path, {"open": 2})), 0)
