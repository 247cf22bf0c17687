"""Open water, shores and ponds on scenes whose windows can be looked at one by one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling

from highwall.mapping.sea import BANDS, LEAST, SHORE, open_sea, pixel_metres, water
from highwall.mapping.windows import make_grid
from highwall.scenes import open_scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.scenes import Scene

SEA = np.array([0.05, 0.04, 0.03, 0.015, 0.008, 0.006])
GRASS = np.array([0.04, 0.07, 0.05, 0.30, 0.18, 0.09])
METRES = 40
"""Height and width of a pixel: scenes stay small."""


def paint(wet: NDArray[np.bool_], seed: int = 0) -> NDArray[np.uint16]:
    """Make counts of six bands: sea where it is wet, grass elsewhere, and the noise of a sensor."""
    reflectance = np.where(wet[..., None], SEA, GRASS).transpose(2, 0, 1)
    noise = np.random.default_rng(seed).normal(0, 0.001, reflectance.shape)
    return np.rint(np.clip(reflectance + noise, 1e-4, None) * 1e4).astype(np.uint16)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Scene]:
    def make(counts: NDArray[np.uint16], overviews: bool = True, **profile: Any) -> Scene:
        path = tmp_path / "coast.tif"
        shape = {"count": 6, "height": counts.shape[1], "width": counts.shape[2], "dtype": "uint16", "nodata": 0}
        where = {"crs": "EPSG:32723", "transform": Affine(METRES, 0, 500_000, 0, -METRES, 7_500_000)}
        tiles = {"tiled": True, "blockxsize": 256, "blockysize": 256}
        with rasterio.open(path, "w", driver="GTiff", **(shape | where | tiles | profile)) as file:
            file.write(counts)
            file.descriptions = ("B02", "B03", "B04", "B08", "B11", "B12")
        if overviews:
            with rasterio.open(path, "r+") as file:
                file.build_overviews([2, 4], Resampling.average)
        return open_scene(path)

    return make


def coast(side: int = 600) -> NDArray[np.bool_]:
    """Sea in the west behind a winding shore, an island in it, and a pond of 4 km across in the east."""
    y, x = np.mgrid[:side, :side]
    wet = x < 330 + 40 * np.sin(y / 60)
    wet[500:503, 60:63] = False
    wet |= (y - 200) ** 2 + (x - 520) ** 2 < 50**2
    return wet


def by_hand(wet: NDArray[np.bool_], unknown: NDArray[np.bool_], window: int, overlap: int) -> NDArray[np.bool_]:
    """Tell which windows lie in open sea, pixel by pixel."""
    grid, around = make_grid(wet.shape, window, overlap), max(math.ceil(SHORE / METRES), window)
    found = np.zeros((len(grid.rows), len(grid.columns)), bool)
    for row, top in enumerate(grid.rows.starts):
        for column, left in enumerate(grid.columns.starts):
            box = (
                slice(max(top - around, 0), top + window + around),
                slice(max(left - around, 0), left + window + around),
            )
            dry = (~wet & ~unknown)[box].any()
            found[row, column] = not dry and (wet & ~unknown)[box].sum() * METRES**2 >= LEAST * 1e6
    return found


@pytest.mark.parametrize("overviews", [False, True])
@pytest.mark.parametrize("window", [48, 64, 100])
def test_open_sea_is_found_and_shores_and_ponds_are_not(
    write: Callable[..., Scene], window: int, overviews: bool
) -> None:
    wet = coast()
    scene = write(paint(wet), overviews)
    grid = make_grid(scene.shape, window, window // 4)
    found, expected = open_sea(scene, grid), by_hand(wet, np.zeros_like(wet), window, window // 4)
    assert found is not None
    assert not (found & ~expected).any()  # no window near any ground, and so no pond
    assert expected.sum() >= 10
    assert found.sum() > 0.7 * expected.sum()  # coarse pixels at the shore are ground
    for top, left in zip(*np.nonzero(found), strict=True):
        rows, columns = grid.rows.starts[top], grid.columns.starts[left]
        assert wet[rows : rows + window, columns : columns + window].all()


def test_clouds_hide_ground_only_where_enough_water_is_seen(write: Callable[..., Scene]) -> None:
    y, x = np.mgrid[:600, :600]
    pond = (y - 300) ** 2 + (x - 300) ** 2 < 60**2
    scene = write(paint(pond))
    grid = make_grid(scene.shape, 64, 16)
    clouds = (~pond).astype(np.uint8)  # all but the pond is hidden
    assert open_sea(scene, grid, clouds) is None
    wet = coast()
    scene = write(paint(wet))
    found = open_sea(scene, grid, np.where(x < 100, 1, 0).astype(np.uint8))
    assert found is not None
    assert not (found & ~by_hand(wet, x < 100, 64, 16)).any()


def test_no_data_is_neither_water_nor_ground(write: Callable[..., Scene]) -> None:
    wet = coast()
    counts = paint(wet)
    counts[:, :300] = 0
    scene = write(counts)
    grid = make_grid(scene.shape, 64, 16)
    found = open_sea(scene, grid)
    assert found is not None
    assert not (found & ~by_hand(wet, np.arange(600)[:, None] < np.full((1, 600), 300), 64, 16)).any()


def test_scenes_without_a_sea_have_none(write: Callable[..., Scene]) -> None:
    grid = make_grid((600, 600), 64, 16)
    assert open_sea(write(paint(np.zeros((600, 600), bool))), grid) is None
    assert open_sea(write(paint(np.ones((100, 100), bool))), make_grid((100, 100), 64, 16)) is None  # 16 km2 in all
    scene = write(paint(coast()))
    assert open_sea(scene, grid) is not None
    without = type(scene)(scene.id, scene.geobox, {b: p for b, p in scene.planes.items() if b != "B11"})
    assert open_sea(without, grid) is None


@pytest.mark.parametrize(
    ("spectrum", "is_water"),
    [
        (SEA, True),
        ([0.12, 0.14, 0.10, 0.03, 0.02, 0.01], True),  # murky
        (GRASS, False),
        ([0.85, 0.83, 0.82, 0.78, 0.10, 0.08], False),  # snow
        ([0.50, 0.48, 0.50, 0.52, 0.40, 0.30], False),  # cloud
        ([0.16, 0.14, 0.13, 0.12, 0.11, 0.09], False),  # sun glint
        ([0.16, 0.19, 0.23, 0.28, 0.34, 0.31], False),  # rock
    ],
)
def test_water_is_told_from_what_looks_like_it(spectrum: Any, is_water: bool) -> None:
    bands = ("B02", "B03", "B04", "B08", "B11", "B12")
    pixels = np.array([spectrum[bands.index(band)] for band in BANDS], np.float32)[:, None, None]
    assert water(pixels).item() is is_water


def test_pixels_of_degrees_are_narrower_towards_the_poles(tmp_path: Path) -> None:
    path = tmp_path / "degrees.tif"
    where = {"crs": "EPSG:4326", "transform": Affine(1e-4, 0, 10, 0, -1e-4, 60.005)}
    with rasterio.open(path, "w", driver="GTiff", count=6, height=100, width=100, dtype="uint16", **where) as file:
        file.write(np.ones((6, 100, 100), np.uint16))
    height, width = pixel_metres(open_scene(path, bands=["B02", "B03", "B04", "B08", "B11", "B12"]).geobox)
    assert height == pytest.approx(11.1, abs=0.1)
    assert width == pytest.approx(height / 2, rel=0.01)  # cos 60°
