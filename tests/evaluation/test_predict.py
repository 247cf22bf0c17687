from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

import highwall
from highwall.errors import BadInput
from highwall.legend import DEFAULT_LEGEND

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def holed(trained: Any, tmp_path: Path) -> Path:
    """A copy of two tiles without masks, one with a hole."""
    folder = shutil.copytree(trained.dataset / "open" / "images", tmp_path / "tiles")
    with rasterio.open(folder / "tile8.tif", "r+") as image:
        image.write(np.zeros((6, 20, 30), np.uint16), window=((40, 60), (10, 40)))
    return folder


def test_masks_lie_where_the_tiles_lie(trained: Any, holed: Path, tmp_path: Path) -> None:
    masks = highwall.predict(trained.model, holed, tmp_path / "out")
    assert [path.name for path in masks] == ["tile8.tif", "tile9.tif"]
    assert sorted((tmp_path / "out").iterdir()) == sorted(masks)
    for path in masks:
        with rasterio.open(path) as mask, rasterio.open(holed / path.name) as image:
            assert mask.shape == image.shape
            assert mask.crs == image.crs
            assert mask.transform == image.transform
            assert mask.dtypes == ("uint8",)
            assert mask.nodata == 255
            assert mask.colorinterp == (ColorInterp.palette,)
            colors = mask.colormap(1)
            assert {c.id: (*c.color, 255) for c in DEFAULT_LEGEND.classes}.items() <= colors.items()
            values = mask.read(1)
            assert set(np.unique(values)) <= {0, 1, 2, 3, 255}
            np.testing.assert_array_equal(values == 255, (image.read() == 0).all(0))


def test_probabilities_add_up_and_agree_with_the_masks(trained: Any, holed: Path, tmp_path: Path) -> None:
    masks = highwall.predict(trained.model, holed, tmp_path / "out", probabilities=True)
    for path in masks:
        with rasterio.open(path) as mask, rasterio.open(path.parent / "probabilities" / path.name) as file:
            values, planes = mask.read(1), file.read()
            assert file.descriptions == DEFAULT_LEGEND.names
            assert file.dtypes == ("float32",) * 4
            assert np.isnan(file.nodata)
            assert (file.crs, file.transform, file.shape) == (mask.crs, mask.transform, mask.shape)
        valid = values != 255
        np.testing.assert_array_equal(np.isnan(planes).all(0), ~valid)
        np.testing.assert_allclose(planes[:, valid].sum(0), 1, atol=1e-5)
        assert planes[:, valid].min() >= 0
        best = planes[:, valid].max(0)
        chosen = np.take_along_axis(planes[:, valid], values[valid][None].astype(int), 0)[0]
        np.testing.assert_allclose(chosen, best, atol=1e-6)


def test_a_mask_is_the_final_level_of_the_model(trained: Any, holed: Path, tmp_path: Path) -> None:
    highwall.predict(trained.folder, holed, tmp_path / "out")
    with rasterio.open(holed / "tile9.tif") as image, rasterio.open(tmp_path / "out" / "tile9.tif") as mask:
        pixels = image.read().astype(np.float32) * np.float32(1e-4)
        np.testing.assert_array_equal(
            mask.read(1), trained.model.levels(pixels[None])[trained.model.final][0].argmax(0)
        )


def test_one_file_is_enough(trained: Any, holed: Path, tmp_path: Path) -> None:
    (mask,) = highwall.predict(trained.model, holed / "tile9.tif", tmp_path / "out")
    assert mask == tmp_path / "out" / "tile9.tif"
    highwall.predict(trained.model, holed, tmp_path / "all")
    assert mask.read_bytes() == (tmp_path / "all" / "tile9.tif").read_bytes()


@pytest.mark.parametrize("shape", [(1, 1), (5, 70), (100, 33)])
def test_tiles_of_any_size_without_georeference(
    trained: Any, draw: Any, save: Any, tmp_path: Path, shape: tuple[int, int]
) -> None:
    pixels, _ = draw(0, 128)
    save(tmp_path / "tiles" / "a.tif", pixels[:, : shape[0], : shape[1]])
    (path,) = highwall.predict(trained.model, tmp_path / "tiles", tmp_path / "out")
    with rasterio.open(path) as mask:
        assert mask.shape == shape
        assert mask.crs is None
        assert (mask.read(1) != 255).all()


def test_nan_and_nodata_are_holes(trained: Any, draw: Any, save: Any, tmp_path: Path) -> None:
    pixels, _ = draw(0)
    reflectance = (pixels * 1e-4).astype(np.float32)
    reflectance[2, :5] = np.nan
    reflectance[:, 60:] = -9999
    save(tmp_path / "tiles" / "a.tif", reflectance, nodata=-9999)
    (path,) = highwall.predict(trained.model, tmp_path / "tiles", tmp_path / "out")
    with rasterio.open(path) as mask:
        values = mask.read(1)
    assert (values[:5] == 255).all()
    assert (values[60:] == 255).all()
    assert (values[5:60] != 255).all()


def test_a_folder_for_each_of_several_splits(trained: Any, tmp_path: Path) -> None:
    for split, source in (("open", "open"), ("closed", "val")):
        shutil.copytree(trained.dataset / source / "images", tmp_path / "data" / split / "images")
    masks = highwall.predict(trained.model, tmp_path / "data", tmp_path / "out", probabilities=True)
    names = {path.relative_to(tmp_path / "out").as_posix() for path in masks}
    assert names == {"open/tile8.tif", "open/tile9.tif", "closed/tile6.tif", "closed/tile7.tif"}
    assert (tmp_path / "out" / "closed" / "probabilities" / "tile6.tif").exists()
    only = highwall.predict(trained.model, tmp_path / "data", tmp_path / "only", split="closed")
    assert [path.relative_to(tmp_path / "only").as_posix() for path in only] == ["tile6.tif", "tile7.tif"]


def test_images_are_never_overwritten(trained: Any, holed: Path) -> None:
    before = {path: path.read_bytes() for path in holed.iterdir()}
    with pytest.raises(BadInput, match="overwrite"):
        highwall.predict(trained.model, holed, holed)
    with pytest.raises(BadInput, match="overwrite"):
        highwall.predict(trained.model, holed / "tile9.tif", holed.parent / "." / "tiles" / ".." / "tiles")
    assert {path: path.read_bytes() for path in holed.iterdir()} == before


def test_probabilities_do_not_overwrite_images_either(trained: Any, holed: Path, tmp_path: Path) -> None:
    images = tmp_path / "out" / "probabilities"
    shutil.copytree(holed, images)
    before = {path: path.read_bytes() for path in images.iterdir()}
    with pytest.raises(BadInput, match="overwrite"):
        highwall.predict(trained.model, images, tmp_path / "out", probabilities=True)
    assert {path: path.read_bytes() for path in images.iterdir()} == before


def test_a_tile_that_cannot_be_read_leaves_no_masks_behind(trained: Any, holed: Path, tmp_path: Path) -> None:
    with rasterio.open(holed / "tile9.tif", "r+") as image:
        image.write(np.zeros((6, 64, 64), np.uint16))  # opens well, but no pixel holds data
    with pytest.raises(BadInput, match=r"tile9\.tif"):
        highwall.predict(trained.model, holed, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_masks_replace_older_ones(trained: Any, holed: Path, tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in highwall.predict(trained.model, holed, tmp_path / "out")}
    (tmp_path / "out" / "tile8.tif").write_text("old")
    again = {path: path.read_bytes() for path in highwall.predict(trained.model, holed, tmp_path / "out")}
    assert again == first
