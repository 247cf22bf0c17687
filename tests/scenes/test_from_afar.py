"""Scenes from afar, against the same scenes read pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling

from highwall.scenes import open_scene

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.scenes import Scene

STEP = 8
SHAPE = (200, 136)


def write(folder: Path, band: str, blocks: NDArray[np.uint16], fold: int, overviews: bool) -> None:
    """Write a band of blocks as wide and high as a step; one pixel of the file is `fold` of the scene."""
    counts = np.kron(blocks, np.ones((STEP // fold, STEP // fold), np.uint16))
    where = {"crs": "EPSG:32723", "transform": Affine(10 * fold, 0, 500_000, 0, -10 * fold, 7_500_000)}
    height, width = counts.shape
    path = folder / f"{band}.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=height, width=width, dtype="uint16", nodata=0, **where
    ) as file:
        file.write(counts, 1)
    if overviews:
        with rasterio.open(path, "r+") as file:
            file.build_overviews([2, 4], Resampling.average)


@pytest.fixture(params=[False, True])
def scene(tmp_path: Path, request: Any) -> Scene:
    """Two bands of 10 m and one of 20 m, with blocks without data."""
    rng = np.random.default_rng(0)
    for band, fold in (("B03", 1), ("B08", 1), ("B11", 2)):
        blocks = rng.integers(1, 6000, (SHAPE[0] // STEP, SHAPE[1] // STEP)).astype(np.uint16)
        blocks[5:9, 3:6] = 0
        write(tmp_path, band, blocks, fold, request.param)
    return open_scene(tmp_path)


@pytest.mark.parametrize("rows", [slice(0, 200), slice(64, 128), slice(128, 200)])
def test_a_scene_of_blocks_is_the_same_from_afar(scene: Scene, rows: slice) -> None:
    window = (rows, slice(0, SHAPE[1]))
    with scene.open() as reader:
        pixels, valid = reader.from_afar(window, STEP)
        image = reader.read(window)
        with rasterio.open(scene.planes["B03"].path) as file:
            assert reader.has_overviews == bool(file.overviews(1))
    middle = np.s_[..., STEP // 2 :: STEP, STEP // 2 :: STEP]
    assert pixels.shape == (3, (rows.stop - rows.start) // STEP, SHAPE[1] // STEP)
    np.testing.assert_array_equal(valid, image.valid[middle])
    np.testing.assert_allclose(pixels[:, valid], image.pixels[middle][:, valid], atol=1e-6)


def test_the_last_row_and_column_may_be_narrower(scene: Scene) -> None:
    with scene.open() as reader:
        pixels, valid = reader.from_afar((slice(0, 200), slice(0, SHAPE[1])), 7)
    assert pixels.shape == (3, 29, 20)
    assert valid.shape == (29, 20)
