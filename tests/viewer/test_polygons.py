from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely

from highwall.products.review import clear, decide
from highwall.viewer.maps import find_maps
from highwall.viewer.polygons import PROPERTIES, PolygonStore, read_features

if TYPE_CHECKING:
    from pathlib import Path

    from highwall.viewer.maps import ShownMap


@pytest.fixture
def shown(make_map: Any) -> ShownMap:
    return find_maps([make_map(size=(60, 80))])[0][0]


def document(shown: ShownMap, **most: int) -> Any:
    return json.loads(read_features(shown, **most).document({}))


def table(folder: Path) -> Any:
    return geopandas.read_file(folder / "polygons.gpkg", layer="polygons").set_index("id", drop=False)


def test_polygons_are_those_of_the_file_in_degrees(shown: ShownMap) -> None:
    told = document(shown)
    truth = table(shown.folder).to_crs("OGC:CRS84")
    assert told["left_out"] == told["tolerance"] == 0
    assert {feature["id"] for feature in told["features"]} == set(truth["id"])
    for feature in told["features"]:
        row = truth.loc[feature["id"]]
        outline = shapely.geometry.shape(feature["geometry"])
        np.testing.assert_allclose(shapely.get_coordinates(outline), shapely.get_coordinates(row.geometry), atol=6e-8)
        assert set(feature["properties"]) == {*PROPERTIES, "review"}
        assert feature["properties"]["review"] is None
        for name in PROPERTIES:
            value = feature["properties"][name]
            if value is None:
                assert row[name] is None or np.isnan(row[name])
            elif isinstance(value, float):
                assert value == pytest.approx(row[name], rel=1e-9)
            else:
                assert value == row[name]
                assert isinstance(value, bool) == isinstance(row[name], bool | np.bool_)


def test_the_largest_are_kept(shown: ShownMap) -> None:
    told, truth = document(shown, most=7), table(shown.folder)
    assert told["left_out"] == len(truth) - 7
    areas = sorted(truth["area_ha"], reverse=True)[:7]
    assert [feature["properties"]["area_ha"] for feature in told["features"]] == pytest.approx(areas)


def test_outlines_are_simplified_as_far_as_need_be(shown: ShownMap) -> None:
    exact, points = document(shown), 3000
    simple = document(shown, most_points=points)
    count = sum(shapely.get_num_coordinates(shapely.geometry.shape(f["geometry"])) for f in exact["features"])
    assert count > max(points, 5 * len(exact["features"])), "else the test shows nothing"
    outlines = [shapely.geometry.shape(feature["geometry"]) for feature in simple["features"]]
    assert shapely.get_num_coordinates(outlines).sum() <= max(points, 5 * len(outlines))
    assert not shapely.is_empty(outlines).any()
    truth = table(shown.folder).loc[[feature["id"] for feature in simple["features"]]].geometry.values
    ground = geopandas.GeoSeries(outlines, crs="OGC:CRS84").to_crs("EPSG:32723").values
    assert shapely.hausdorff_distance(ground, truth).max() <= 2 * simple["tolerance"] + 0.1


def test_a_map_across_the_date_line_stays_in_one_piece(make_map: Any) -> None:
    transform = rasterio.Affine(100, 0, 814_000, 0, -100, 8_000_000)
    shown = find_maps([make_map(size=(60, 80), transform=transform, crs="EPSG:32760")])[0][0]
    west, south, east, north = shown.bounds
    assert west < 180 < east
    for feature in document(shown)["features"]:
        left, low, right, up = shapely.geometry.shape(feature["geometry"]).bounds
        assert west - 1e-3 <= left < right <= east + 1e-3
        assert south - 1e-3 <= low < up <= north + 1e-3


def test_reviews_are_told_and_the_document_is_kept_till_the_file_changes(shown: ShownMap) -> None:
    store = PolygonStore()
    state, packed = store.document(shown)
    assert store.document(shown)[1] is packed
    review = decide(shown.folder, 3, "reclass", class_id=2, note='a "pit", unïque', reviewer="Ana")
    changed, again = store.document(shown)
    assert changed != state
    told = {f["id"]: f["properties"]["review"] for f in json.loads(gzip.decompress(again))["features"]}
    assert told.pop(3) == review.to_json()
    assert set(told.values()) == {None}
    clear(shown.folder, 3, reviewer="Ana", version=review.version)
    last = json.loads(gzip.decompress(store.document(shown)[1]))
    assert all(feature["properties"]["review"] is None for feature in last["features"])


def test_a_map_without_polygons(make_map: Any) -> None:
    folder = make_map(size=(60, 80))
    with closing(sqlite3.connect(folder / "polygons.gpkg")) as base, base:
        for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f"DROP TRIGGER {name}")
        base.execute("DELETE FROM polygons")
        base.execute("UPDATE gpkg_ogr_contents SET feature_count = 0 WHERE table_name = 'polygons'")
    told = document(find_maps([folder])[0][0])
    assert (told["features"], told["left_out"]) == ([], 0)
