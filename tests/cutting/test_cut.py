from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.features import rasterize

from highwall.cutting import cut
from highwall.scenes import open_scene
from highwall.scenes.scene import Flag
from highwall.tiles import check, open_dataset, read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.image import Image

NAMES = ("background", "waste dump", "quarry pit", "tailings pond")
SIZE = 64


def tiles(folder: Path) -> Iterator[tuple[tuple[int, int], Image, NDArray[np.uint8]]]:
    """Yield the cell, image and labels of each tile, as training reads them."""
    dataset = open_dataset(folder)
    for tile in dataset.tiles:
        row, column = map(int, tile.image.stem.split("_")[-2:])
        yield (row, column), read_image(tile.image, dataset.encoding), read_labels(tile, dataset.encoding)


def at(cell: tuple[int, int], size: int = SIZE) -> tuple[slice, slice]:
    row, column = cell
    return slice(row * size, (row + 1) * size), slice(column * size, (column + 1) * size)


def padded(plane: NDArray[Any], cell: tuple[int, int], fill: int, size: int = SIZE) -> NDArray[Any]:
    part = plane[..., *at(cell, size)]
    pad = [(0, 0)] * (plane.ndim - 2) + [(0, size - part.shape[-2]), (0, size - part.shape[-1])]
    return np.pad(part, pad, constant_values=fill)


def draw(ground: Any, number: int = 14, seed: int = 3) -> tuple[list[Any], list[int]]:
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, ground.shape[::-1], (number, 2))
    return [ground.star(rng, *place, rng.uniform(3, 40)) for place in places], rng.integers(1, 4, number).tolist()


FORMATS = [
    *itertools.product(["gpkg"], ["EPSG:32723", "EPSG:4326", "EPSG:3857", "ESRI:102033"]),
    *itertools.product(["fgb", "shp", "shp.zip"], ["EPSG:32723"]),
    ("geojson", "EPSG:4326"),
]


@pytest.mark.parametrize(("suffix", "crs"), FORMATS)
def test_each_tile_is_what_rasterio_makes_of_the_whole_layer(
    make_ground: Any, tmp_path: Path, crs: str, suffix: str
) -> None:
    ground = make_ground()
    shapes, ids = draw(ground, number=9)
    layer = ground.layer(shapes, **{"class": [NAMES[i] for i in ids]})
    layer.to_crs(crs).to_file(tmp_path / f"mines.{suffix}", driver="ESRI Shapefile" if "shp" in suffix else None)
    made = cut(open_scene(ground.path), tmp_path / f"mines.{suffix}", tmp_path / "out", size=32)
    truth = ground.truth(shapes, ids)
    wrong = 0
    for cell, image, labels in tiles(tmp_path / "out"):
        counts = padded(ground.counts, cell, 0, size=32)
        np.testing.assert_array_equal(image.pixels, counts * np.float32(1e-4))
        wrong += int((labels != padded(truth, cell, 255, size=32)).sum())
    assert wrong <= (0 if crs == "EPSG:32723" else 3)  # edges are straight in one projection, not in another
    report = check(tmp_path / "out")
    assert (report.errors, report.leaks) == ((), ())
    assert len(set(report.sites.values())) == made.sites
    assert made.tiles["val"] > 0


def test_cells_with_polygons_are_all_there_and_counted(make_ground: Any, tmp_path: Path) -> None:
    ground = make_ground()
    shapes, ids = draw(ground)
    ground.layer(shapes, **{"class": ids}).to_file(tmp_path / "mines.gpkg")
    made = cut(open_scene(ground.path), tmp_path / "mines.gpkg", tmp_path / "out", size=SIZE, empty=0.5)
    covered = rasterize(shapes, ground.shape, transform=ground.transform).astype(bool)
    known = covered & (ground.truth(shapes, ids) != 255)
    whole = [(r, c) for r in range(7) for c in range(8) if padded(np.ones(ground.shape), (r, c), 0).mean() >= 0.5]
    expected = {cell for cell in whole if known[at(cell)].any()}
    found = {cell: labels for cell, _, labels in tiles(tmp_path / "out")}
    empty = found.keys() - expected
    assert expected <= found.keys()
    assert len(empty) == made.empty <= round(0.5 * len(expected))
    assert not any(covered[at(cell)].any() for cell in empty)
    assert sum(made.tiles.values()) == len(found)
    labels = np.concatenate([values.ravel() for values in found.values()])
    counts = {name: int((labels == i).sum()) for i, name in enumerate(NAMES)} | {"unknown": int((labels == 255).sum())}
    assert made.pixels == counts


def test_each_tile_lies_where_it_was_cut(make_ground: Any, tmp_path: Path) -> None:
    ground = make_ground((150, 200))
    ground.layer([ground.square(60, 60, 50)], **{"class": ["quarry pit"]}).to_file(tmp_path / "mines.gpkg")
    cut(open_scene(ground.path), tmp_path / "mines.gpkg", tmp_path / "out", size=SIZE)
    for path in sorted((tmp_path / "out").rglob("*.tif")):
        row, column = map(int, path.stem.split("_")[-2:])
        with rasterio.open(path) as file:
            assert file.crs.to_epsg() == 32723
            assert file.transform == ground.transform * Affine.translation(column * SIZE, row * SIZE)
            assert file.shape == (SIZE, SIZE)
            if path.parent.name == "masks":
                assert file.nodata == 255
                assert file.colormap(1)[2] == (86, 60, 140, 255)
                assert file.tags(1)["class_3"] == "tailings pond"
            else:
                assert (file.nodata, file.dtypes[0]) == (0, "uint16")
                assert file.descriptions == ("B02", "B03", "B04", "B08", "B11", "B12")


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:4326", Affine(1e-4, 0, -45, 0, -1e-4, -20)),  # pixels of degrees
        ("EPSG:32723", Affine(10, 0, 500_000, 0, 10, 7_400_000)),  # south up
        ("EPSG:32723", Affine.translation(500_000, 7_500_000) * Affine.rotation(30) * Affine.scale(10, -10)),
        ("EPSG:32660", Affine(10, 0, 829_000, 0, -10, 7_500_000)),  # across 180 degrees east
    ],
)
def test_any_grid_will_do(make_ground: Any, tmp_path: Path, crs: str, transform: Affine) -> None:
    ground = make_ground((200, 300), transform=transform, crs=crs)
    shapes, ids = draw(ground, number=8)
    ground.layer(shapes, **{"class": ids}).to_file(tmp_path / "mines.gpkg")
    cut(open_scene(ground.path), tmp_path / "mines.gpkg", tmp_path / "out", size=SIZE)
    truth = ground.truth(shapes, ids)
    wrong = 0
    for cell, image, labels in tiles(tmp_path / "out"):
        np.testing.assert_array_equal(image.pixels, padded(ground.counts, cell, 0) * np.float32(1e-4))
        wrong += int((labels != padded(truth, cell, 255)).sum())
    assert wrong <= 3
    assert not check(tmp_path / "out").leaks


def test_polygons_in_degrees_are_found_in_a_scene_across_180_degrees(make_ground: Any, tmp_path: Path) -> None:
    ground = make_ground((128, 128), transform=Affine(10, 0, 829_000, 0, -10, 7_500_000), crs="EPSG:32660")
    ground.layer([ground.square(20, 20, 60)], **{"class": [2]}).to_crs(4326).to_file(tmp_path / "mines.gpkg")
    made = cut(open_scene(ground.path), tmp_path / "mines.gpkg", tmp_path / "out", size=SIZE)
    assert made.pixels["quarry pit"] == 3600


def test_overlaps_are_unknown_or_of_the_later_polygon(make_ground: Any, tmp_path: Path) -> None:
    ground = make_ground((64, 64))
    shapes = [ground.square(10, 10, 20), ground.square(20, 20, 20), ground.square(25, 5, 10), ground.square(12, 12, 3)]
    ground.layer(shapes, **{"class": [3, 1, 1, 3]}).to_file(tmp_path / "mines.gpkg")
    scene = open_scene(ground.path)
    expected = np.zeros((64, 64), np.uint8)
    expected[10:30, 10:30] = 3
    expected[20:40, 20:40] = 1
    expected[5:15, 25:35] = 1
    later = expected.copy()
    later[12:15, 12:15] = 3
    crossed = np.zeros((64, 64), bool)
    crossed[20:30, 20:30] = crossed[10:15, 25:30] = True
    made = cut(scene, tmp_path / "mines.gpkg", tmp_path / "a", size=64)
    ((_, _, labels),) = tiles(tmp_path / "a")
    np.testing.assert_array_equal(labels, np.where(crossed, 255, later))
    assert any("overlap, unknown: 125" in note for note in made.notes)
    cut(scene, tmp_path / "mines.gpkg", tmp_path / "b", size=64, overlaps="later")
    ((_, _, labels),) = tiles(tmp_path / "b")
    np.testing.assert_array_equal(labels, later)


def test_unknown_polygons_missing_data_and_clouds_are_unknown(make_ground: Any, tmp_path: Path, save: Any) -> None:
    ground = make_ground((64, 64), hole=np.s_[:, 50:])
    shapes = [ground.square(0, 0, 30), ground.square(20, 20, 20)]
    ground.layer(shapes, **{"class": ["waste dump", "unknown"]}).to_file(tmp_path / "mines.gpkg")
    clouds = np.zeros((64, 64), np.uint8)
    clouds[40:] = 9
    save(tmp_path / "scl.tif", clouds, (0, 0))
    scene = replace(open_scene(ground.path), clouds=Flag(str(tmp_path / "scl.tif"), frozenset({8, 9})))
    cut(scene, tmp_path / "mines.gpkg", tmp_path / "out", size=64)
    expected = np.zeros((64, 64), np.uint8)
    expected[:30, :30] = 1
    expected[20:40, 20:40] = expected[40:] = expected[:, 50:] = 255
    ((_, image, labels),) = tiles(tmp_path / "out")
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(image.valid, ground.counts.any(0))


def test_cells_mostly_without_data_are_left_out_and_counted(make_ground: Any, tmp_path: Path) -> None:
    ground = make_ground((128, 150), hole=np.s_[64:, :40])  # and the third column of cells is 22 pixels wide
    shapes = [ground.square(30, 30, 80), ground.square(130, 0, 10), ground.square(5, 70, 5)]
    ground.layer(shapes, **{"class": [2, 2, 2]}).to_file(tmp_path / "mines.gpkg")
    made = cut(open_scene(ground.path), tmp_path / "mines.gpkg", tmp_path / "out", size=64, val=0)
    assert {cell for cell, _, _ in tiles(tmp_path / "out")} == {(0, 0), (0, 1), (1, 1)}
    lost = (64 - 40) * (110 - 64) + 100
    assert f"cells left out, since less than half of each holds data: 2 (with {lost} labelled pixels)" in made.notes


def test_cells_that_clouds_hide_are_left_out_and_counted(make_ground: Any, tmp_path: Path, save: Any) -> None:
    ground = make_ground((64, 128))
    ground.layer([ground.square(50, 10, 30)], **{"class": [2]}).to_file(tmp_path / "mines.gpkg")
    clouds = np.zeros((64, 128), np.uint8)
    clouds[:50, 60:] = 1
    save(tmp_path / "clouds.tif", clouds, (0, 0))
    scene = replace(open_scene(ground.path), clouds=Flag(str(tmp_path / "clouds.tif"), frozenset({1})))
    made = cut(scene, tmp_path / "mines.gpkg", tmp_path / "out", size=64)
    assert [cell for cell, _, _ in tiles(tmp_path / "out")] == [(0, 0)]
    assert any("hide all that polygons cover of them: 1" in note for note in made.notes)


def test_reflectance_of_zero_and_less_is_no_missing_data(make_ground: Any, tmp_path: Path) -> None:
    ground = make_ground((64, 64))
    ground.layer([ground.square(5, 5, 10)], **{"class": [1]}).to_file(tmp_path / "mines.gpkg")
    scene = open_scene(ground.path, offset=-0.1)
    made = cut(scene, tmp_path / "mines.gpkg", tmp_path / "out", size=64)
    ((_, image, _),) = tiles(tmp_path / "out")
    shifted = ground.counts.astype(int) - 1000
    np.testing.assert_array_equal(image.pixels, np.maximum(shifted, 1).astype(np.float32) * np.float32(1e-4))
    assert image.valid.all()
    assert any(note.endswith(f": {(shifted < 1).sum()}") for note in made.notes)


def test_a_scene_with_other_bands_gives_tiles_of_those(make_ground: Any, tmp_path: Path) -> None:
    ground = make_ground((64, 64), bands=("B01", "B04", "B03", "B8A", "B02"))
    ground.layer([ground.square(5, 5, 10)], **{"class": [1]}).to_file(tmp_path / "mines.gpkg")
    scene = open_scene(ground.path)
    made = cut(scene, tmp_path / "mines.gpkg", tmp_path / "a", size=64)
    assert open_dataset(tmp_path / "a").encoding.bands == ("B02", "B03", "B04")
    assert any("B08 B11 B12" in note for note in made.notes)
    made = cut(scene, tmp_path / "mines.gpkg", tmp_path / "b", size=64, bands=["b8a", "B1"])
    assert not any("B08" in note for note in made.notes)
    ((_, image, _),) = tiles(tmp_path / "b")
    assert image.bands == ("B8A", "B01")
    np.testing.assert_array_equal(image.pixels, ground.counts[[3, 0]] * np.float32(1e-4))


def test_the_same_seed_gives_the_same_files(make_ground: Any, tmp_path: Path) -> None:
    ground = make_ground()
    shapes, ids = draw(ground, number=4)
    ground.layer(shapes, **{"class": ids}).to_file(tmp_path / "mines.gpkg")
    scene = open_scene(ground.path)
    files = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        cut(scene, tmp_path / "mines.gpkg", tmp_path / name, size=32, seed=seed)
        found = sorted((tmp_path / name).rglob("*.*"))
        files.append({str(p.relative_to(tmp_path / name)): p.read_bytes() for p in found})
    assert files[0] == files[1]
    assert files[0].keys() != files[2].keys()


def test_invalid_polygons_are_mended_and_what_is_none_is_left_out(make_ground: Any, tmp_path: Path) -> None:
    ground = make_ground((64, 64))
    corner = ground.transform
    bow = shapely.Polygon([corner * p for p in ((0, 0), (20, 20), (20, 0), (0, 20))])
    path = tmp_path / "mines.geojson"
    shapes = [bow, shapely.Point(corner * (40, 40)), ground.square(30, 30, 10), None, shapely.Polygon()]
    ground.layer(shapes, **{"class": [1] * 5}).to_crs(4326).to_file(path)
    made = cut(open_scene(ground.path), path, tmp_path / "out", size=64)
    ((_, _, labels),) = tiles(tmp_path / "out")
    triangles = [
        shapely.Polygon([corner * p for p in part])
        for part in (((0, 0), (10, 10), (0, 20)), ((20, 0), (10, 10), (20, 20)))
    ]
    expected = rasterize([*triangles, shapes[2]], (64, 64), transform=corner)
    assert (labels != expected).sum() <= 40  # pixel centres on the diagonals
    assert (labels == 1).sum() > 250
    notes = "\n".join(made.notes)
    assert "invalid polygons, made valid: 1" in notes
    assert "no polygons, left out: 1" in notes
    assert "without geometry, left out: 2" in notes
