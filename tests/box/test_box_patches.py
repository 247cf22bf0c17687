"""Patches that are known to show a mine, or none, become labels and tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio

from highwall.box.patches import SEEN, Patch, kind_of, label, lay_patches, mosaic, read_patches
from highwall.errors import BadInput
from highwall.tiles import check, open_dataset, sites

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FOREST = (0.02, 0.04, 0.03, 0.30, 0.16, 0.07)
SAND = (0.12, 0.16, 0.22, 0.28, 0.36, 0.32)
WATER = (0.08, 0.10, 0.09, 0.06, 0.02, 0.01)
CLOUD = (0.60, 0.60, 0.60, 0.62, 0.50, 0.40)


def _ground(side: int = 48) -> NDArray[np.float32]:
    return np.broadcast_to(np.float32(FOREST)[:, None, None], (6, side, side)).copy()


def _set(pixels: NDArray[np.float32], what: tuple[float, ...], rows: slice, columns: slice) -> None:
    pixels[:, rows, columns] = np.float32(what)[:, None, None]


def test_what_is_bare_in_a_mine_is_pit_and_what_is_wet_pond() -> None:
    pixels = _ground()
    _set(pixels, SAND, np.s_[10:30], np.s_[10:30])
    _set(pixels, WATER, np.s_[12:20], np.s_[12:20])
    _set(pixels, CLOUD, np.s_[40:48], np.s_[40:48])
    pixels[:, 0, :5] = 0
    expected = np.zeros((48, 48), np.uint8)
    expected[10:30, 10:30] = 2
    expected[12:20, 12:20] = 3
    expected[40:48, 40:48] = 255
    expected[0, :5] = 255
    assert (label(pixels, "gold") == expected).all()
    assert set(np.unique(label(pixels, "none")).tolist()) == {0, 255}


def test_a_river_is_no_pond_beside_a_gold_mine() -> None:
    pixels = _ground()
    _set(pixels, WATER, np.s_[:], np.s_[20:24])  # runs through: 192 pixels
    _set(pixels, WATER, np.s_[0:3], np.s_[0:3])  # small, though at the edge
    gold, industry = label(pixels, "gold"), label(pixels, "industry")
    assert (gold[:, 20:24] == 255).all()
    assert (gold[0:3, 0:3] == 3).all()
    assert (industry[:, 20:24] == 3).all()


def test_names_tell_the_kind() -> None:
    assert kind_of("mining_12") == "gold"
    assert kind_of("natural_7") == "none"
    assert {kind_of(name) for name in SEEN["mines"]} == {"industry"}
    assert {kind_of(name) for name in SEEN["unclear"]} == {None}


def test_a_mosaic_shows_patches_as_they_are() -> None:
    """Every pixel of a tile has the spectrum and the label that it has in a patch."""
    sand = _ground()
    _set(sand, SAND, np.s_[5:40], np.s_[7:21])
    patches = [Patch(sand, label(sand, kind), kind) for kind in ("gold", "industry")]
    patches.append(Patch(_ground(), label(_ground(), "none"), "none"))
    image, labels = mosaic(patches, np.random.default_rng(0), 256)
    assert image.valid.all()
    bare = image.pixels[3] < image.pixels[4]
    assert set(np.unique(labels[bare]).tolist()) <= {2, 255}
    assert set(np.unique(labels[~bare]).tolist()) <= {0, 255}
    assert 0 < (labels == 255).mean() < 0.1
    again, _ = mosaic(patches, np.random.default_rng(0), 256)
    assert (again.pixels == image.pixels).all()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Patches as the repository has them."""
    rng = np.random.default_rng(0)
    names = {"train": ("mining_1", SEEN["mines"][0], "natural_7"), "val": ("mining_2", SEEN["mines"][1], "natural_8")}
    for split, ones in names.items():
        (tmp_path / split / "images").mkdir(parents=True)
        for name in ones:
            for when in ("t0", "t1"):
                counts = rng.integers(200, 4000, (48, 48, 6)).astype(np.int16)
                np.save(tmp_path / split / "images" / f"{name}_{when}.npy", counts)
    return tmp_path


def test_patches_become_tiles_of_sites_of_their_own(folder: Path, tmp_path: Path) -> None:
    assert [one.kind for one in read_patches(folder, ["train"])] == ["industry", "industry", "gold", "none", "none"]
    out = tmp_path / "tiles"
    lay_patches(folder, out, {"train": 3, "val": 2}, 128, 0)
    dataset = open_dataset(out)
    assert len(dataset.tiles) == 5
    assert len(set(sites(dataset).values())) == 5
    assert not check(out).errors
    with rasterio.open(out / "train" / "images" / "patches_000.tif") as tile:
        assert tile.shape == (128, 128)
        assert tile.descriptions == ("B02", "B03", "B04", "B08", "B11", "B12")


def test_other_folders_are_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(BadInput, match="has no patches"):
        read_patches(tmp_path / "nothing", ["train"])
    np.save(folder / "train" / "images" / "natural_9_t0.npy", np.zeros((48, 48, 3), np.int16))
    with pytest.raises(BadInput, match="no patch of 6 bands"):
        read_patches(folder, ["train"])
