"""Grids and legends that are rare, in what a map says of itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rio_cogeo.cogeo import cog_validate

from highwall.legend import DEFAULT_LEGEND, Legend
from highwall.products.item import map_item
from highwall.products.rasters import write_classes, write_probabilities
from highwall.products.scratch import CLASSES, HEAD, PROBABILITIES
from highwall.scenes import Scene

if TYPE_CHECKING:
    from pathlib import Path

NORTH_UP = Affine(10, 0, 499_980, 0, -10, 7_600_000)


def item(grid: GeoBox, legend: Legend = DEFAULT_LEGEND) -> dict[str, Any]:
    return map_item(Scene("scene", grid, {}), legend, "model", {"classes.tif": ("00", 1)})


@pytest.mark.parametrize(
    "grid",
    [
        GeoBox((10_980, 10_980), NORTH_UP, "EPSG:32633"),
        GeoBox((150, 130), Affine(10, 0, 500_000, 0, 10, 7_500_000), "EPSG:32723"),  # south is up
        GeoBox((150, 130), Affine(0, 10, 500_000, 10, 0, 7_500_000), "EPSG:32723"),  # a quarter turn
        GeoBox((1, 1), NORTH_UP, "EPSG:32633"),
        GeoBox((30_000, 1), NORTH_UP, "EPSG:32633"),
        GeoBox((10_980, 10_980), Affine(10, 0, 300_000, 0, -10, 7_600_000), "EPSG:32601"),  # across the date line
        GeoBox((10_980, 10_980), Affine(10, 0, 799_980, 0, -10, 8_000_000), "EPSG:32760"),
        GeoBox((10_980, 10_980), Affine(10, 0, 166_021.44, 0, -10, 0), "EPSG:32601"),  # a sliver beyond it
        GeoBox((150, 130), Affine(1e-4, 0, 179.995, 0, -1e-4, 50), "EPSG:4326"),
        GeoBox((150, 130), Affine(1e-4, 0, -180.005, 0, -1e-4, 50), "EPSG:4326"),
        GeoBox((150, 130), Affine(1e-4, 0, 200, 0, -1e-4, 50), "EPSG:4326"),
        GeoBox((180, 360), Affine(1, 0, -180, 0, -1, 90), "EPSG:4326"),
    ],
)
def test_the_footprint_is_valid_geojson_and_holds_the_ground(grid: GeoBox) -> None:
    document = item(grid)
    ground = shapely.geometry.shape(document["geometry"])
    assert ground.is_valid
    assert shapely.get_num_coordinates(ground) < 100
    assert all(part.exterior.is_ccw for part in shapely.get_parts(ground))
    west, south, east, north = document["bbox"]
    assert -180 <= min(west, east) <= max(west, east) <= 180
    height, width = grid.shape
    rows, columns = (side.ravel() for side in np.mgrid[0.1:0.9:5j, 0.1:0.9:5j] * [[[height]], [[width]]])
    x, y = grid.affine * (columns, rows)
    longitude, latitude = Transformer.from_crs(str(grid.crs), "OGC:CRS84", always_xy=True).transform(x, y)
    longitude = (longitude + 180) % 360 - 180
    assert shapely.intersects_xy(ground, longitude, latitude).all()
    inside = (longitude >= west) & (longitude <= east) if west < east else (longitude >= west) | (longitude <= east)
    assert inside.all()
    assert ((latitude >= south) & (latitude <= north)).all()
    assert (east - west) % 360 < 7 or grid.shape == (180, 360)


def test_names_of_classes_are_what_the_classification_extension_allows() -> None:
    legend = Legend.from_names({0: "waste dump", 1: "Halde (Größe/Abraum)", 2: "露天矿"})
    classes = item(GeoBox((5, 5), NORTH_UP, "EPSG:32633"), legend)["assets"]["classes"]["classification:classes"]
    assert all(re.fullmatch("[0-9A-Za-z_-]+", entry["name"]) for entry in classes)
    assert classes[0]["name"] == "waste_dump"
    assert [entry["title"] for entry in classes[:-1]] == list(legend.names)


@pytest.mark.parametrize("shape", [(1, 1), (513, 1), (2000, 1), (1, 2000), (2000, 3)])
def test_the_rasters_of_narrow_scenes_are_valid_cogs(tmp_path: Path, shape: tuple[int, int]) -> None:
    classes = np.random.default_rng(0).integers(0, 4, shape).astype(np.uint8)
    (tmp_path / CLASSES).write_bytes(HEAD + classes.tobytes())
    (tmp_path / PROBABILITIES).write_bytes(HEAD + np.repeat(classes[:, None], 4, axis=1).tobytes())
    grid = GeoBox(shape, NORTH_UP, "EPSG:32633")
    write_classes(tmp_path / "classes.tif", tmp_path, grid, DEFAULT_LEGEND)
    write_probabilities(tmp_path / "probabilities.tif", tmp_path, grid, DEFAULT_LEGEND)
    for name in ("classes.tif", "probabilities.tif"):
        valid, errors, _ = cog_validate(tmp_path / name, quiet=True)
        assert (valid, errors) == (True, [])
        with rasterio.open(tmp_path / name) as file:
            np.testing.assert_array_equal(file.read(1), classes)
