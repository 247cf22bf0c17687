from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import geopandas
import numpy as np
import pyogrio
import pytest
from affine import Affine
from geopandas.testing import assert_geodataframe_equal
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize

from highwall.legend import DEFAULT_LEGEND
from highwall.products.components import find_components
from highwall.products.labels import Labels, Provenance
from highwall.products.polygon_layer import write_parquet, write_polygons
from highwall.products.style import classes_qml

if TYPE_CHECKING:
    from pathlib import Path

UTM = Affine(10, 0, 500_000, 0, -10, 7_500_000)
SCENE = Provenance("S2A_20210506", dt.date(2021, 5, 6), "model-1")
COLUMNS = (
    *("id", "class_id", "class", "area_ha", "perimeter_m", "mean_probability", "least_probability", "edge_share"),
    *("below_minimum", "touches_masked", "applicability", "outside_experience", "scene", "date", "model"),
)


@pytest.fixture
def labels() -> Labels:
    classes = np.zeros((60, 50), np.uint8)
    classes[5:25, 5:25] = 1  # 4 ha less the hole
    classes[10:12, 10:12] = 0
    classes[12, 12] = 0
    classes[30:33, 30:33] = 2  # 0.09 ha
    classes[40:50, 20:30] = 3
    classes[40:50, 30:40] = 255
    classes[58:, 48:] = 3
    probabilities = np.zeros((60, 4, 50), np.uint8)
    np.put_along_axis(probabilities, np.where(classes < 4, classes, 0)[:, None].astype(int), 200, axis=1)
    probabilities[45, 3, 25] = 100
    return Labels(classes, probabilities, GeoBox(classes.shape, UTM, "EPSG:32723"), DEFAULT_LEGEND)


def read(path: Path) -> Any:
    return geopandas.read_file(path, layer="polygons")


def test_the_layer_tells_what_the_map_holds(labels: Labels, tmp_path: Path) -> None:
    totals = write_polygons(tmp_path / "polygons.gpkg", labels, SCENE, minimum_ha=0.5)
    table = read(tmp_path / "polygons.gpkg")
    assert [*table.columns] == [*COLUMNS, "geometry"]
    assert table.crs == "EPSG:32723"
    assert table["id"].tolist() == [1, 2, 3, 4]
    assert table["class"].tolist() == ["waste dump", "quarry pit", "tailings pond", "tailings pond"]
    np.testing.assert_allclose(table["area_ha"], np.array([3.95, 0.09, 1, 0.04]) / 0.9996**2, rtol=1e-5)
    np.testing.assert_allclose(table["perimeter_m"], np.array([800 + 120, 120, 400, 80]) / 0.9996, rtol=1e-3)
    np.testing.assert_allclose(table["mean_probability"], [0.8, 0.8, 0.796, 0.8])
    np.testing.assert_allclose(table["least_probability"], [0.8, 0.8, 0.4, 0.8])
    np.testing.assert_allclose(table["edge_share"], find_components(labels).edge_pixels / [395, 9, 100, 4])
    assert table["below_minimum"].tolist() == [False, True, False, True]
    assert table["touches_masked"].tolist() == [False, False, True, True]
    assert set(table["scene"]) == {"S2A_20210506"}
    assert set(table["date"].dt.date) == {dt.date(2021, 5, 6)}
    assert set(table["model"]) == {"model-1"}
    pairs = zip(table.geometry, table["class_id"], strict=True)
    burnt = rasterize(pairs, labels.classes.shape, transform=UTM, dtype=np.uint8)
    np.testing.assert_array_equal(burnt, np.where(labels.classes < 4, labels.classes, 0))
    for total in totals:
        ours = table[table["class_id"] == total.class_id]
        assert total.to_json() == {
            "class_id": total.class_id,
            "class": DEFAULT_LEGEND.names[total.class_id],
            "polygons": len(ours),
            "below_minimum": int(ours["below_minimum"].sum()),
            "polygons_outside": None,
            "pixels": int((labels.classes == total.class_id).sum()),
            "uncorrected_area_ha": pytest.approx(ours["area_ha"].sum()),
        }


def test_ground_outside_the_training_experience_is_flagged(labels: Labels, tmp_path: Path) -> None:
    applicability = np.full(labels.classes.shape, 200, np.uint8)
    applicability[30:33, 30:33], applicability[58:, 48:] = 124, 125  # a polygon just below one half, and one on it
    applicability[40:45, 20:30], applicability[45:50, 20:30] = 249, 0  # a mean just below
    totals = write_polygons(tmp_path / "a.gpkg", replace(labels, applicability=applicability), SCENE)
    table = read(tmp_path / "a.gpkg")
    np.testing.assert_allclose(table["applicability"], [0.8, 0.496, 0.498, 0.5])
    assert table["outside_experience"].tolist() == [False, True, True, False]
    assert {total.name: total.polygons_outside for total in totals} == {
        "waste dump": 0,
        "quarry pit": 1,
        "tailings pond": 1,
    }
    write_polygons(tmp_path / "b.gpkg", labels, SCENE)
    unknown = read(tmp_path / "b.gpkg")
    assert unknown[["applicability", "outside_experience"]].isna().all(axis=None)
    others = [name for name in COLUMNS if name not in ("applicability", "outside_experience")]
    assert_geodataframe_equal(table[[*others, "geometry"]], unknown[[*others, "geometry"]])


def test_the_schema_does_not_depend_on_the_applicability(labels: Labels, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    known = replace(labels, applicability=np.full(labels.classes.shape, 200, np.uint8))
    for name, each in (("a", labels), ("b", known)):
        write_polygons(tmp_path / f"{name}.gpkg", each, SCENE)
        write_parquet(tmp_path / f"{name}.gpkg", tmp_path / f"{name}.parquet")
    one, two = (pyogrio.read_info(tmp_path / name, layer="polygons") for name in ("a.gpkg", "b.gpkg"))
    for key in ("fields", "dtypes", "ogr_subtypes"):
        np.testing.assert_array_equal(one[key], two[key])
    schemas = [parquet.read_schema(tmp_path / name).remove_metadata() for name in ("a.parquet", "b.parquet")]
    assert schemas[0] == schemas[1]
    assert str(schemas[0].field("outside_experience").type) == "bool"


def test_an_empty_map_makes_an_empty_layer(labels: Labels, tmp_path: Path) -> None:
    empty = replace(labels, classes=np.where(labels.classes == 255, 255, 0).astype(np.uint8))
    totals = write_polygons(tmp_path / "a.gpkg", empty, SCENE)
    table = read(tmp_path / "a.gpkg")
    assert [*table.columns] == [*COLUMNS, "geometry"]
    assert (len(table), table.crs) == (0, "EPSG:32723")
    assert [(t.polygons, t.pixels, t.uncorrected_area_ha) for t in totals] == [(0, 0, 0)] * 3
    full = tmp_path / "b.gpkg"
    write_polygons(full, labels, SCENE)
    one, two = (pyogrio.read_info(path, layer="polygons") for path in (tmp_path / "a.gpkg", full))
    for key in ("fields", "dtypes", "crs", "geometry_type"):
        np.testing.assert_array_equal(one[key], two[key])


def test_without_georeference_or_date_there_are_polygons_but_no_areas(labels: Labels, tmp_path: Path) -> None:
    nowhere = replace(labels, geobox=GeoBox(labels.classes.shape, Affine.scale(1, -1), None))
    totals = write_polygons(tmp_path / "a.gpkg", nowhere, replace(SCENE, date=None))
    table = read(tmp_path / "a.gpkg")
    assert table.crs is None
    assert len(table) == 4
    assert table[["area_ha", "perimeter_m", "date"]].isna().all(axis=None)
    assert not table["below_minimum"].any()
    assert all(np.isnan(total.uncorrected_area_ha) for total in totals)


def test_the_same_map_makes_the_same_bytes(labels: Labels, tmp_path: Path) -> None:
    for name in ("a.gpkg", "b.gpkg"):
        write_polygons(tmp_path / name, labels, SCENE)
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gpkg", "b.gpkg"]
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


def test_geoparquet_holds_the_same_table(labels: Labels, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    write_polygons(tmp_path / "a.gpkg", labels, SCENE)
    write_parquet(tmp_path / "a.gpkg", tmp_path / "a.parquet")
    table = geopandas.read_parquet(tmp_path / "a.parquet")
    layer = read(tmp_path / "a.gpkg").astype({"outside_experience": "boolean"})  # nulls make pandas take it for numbers
    assert_geodataframe_equal(table, layer, check_dtype=False)


def test_the_style_lies_where_qgis_looks_for_it(labels: Labels, tmp_path: Path) -> None:
    write_polygons(tmp_path / "a.gpkg", labels, SCENE)
    assert [*map(tuple, pyogrio.list_layers(tmp_path / "a.gpkg"))] == [("polygons", "Polygon"), ("layer_styles", None)]
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as database:
        database.row_factory = sqlite3.Row
        (style,) = database.execute("SELECT * FROM layer_styles").fetchall()
        ((geometry,),) = database.execute("SELECT column_name FROM gpkg_geometry_columns").fetchall()
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert (style["f_table_name"], style["f_geometry_column"], style["useAsDefault"]) == ("polygons", geometry, 1)
    renderer = ET.fromstring(style["styleQML"]).find("renderer-v2")  # noqa: S314 - ours
    assert renderer is not None
    targets = [DEFAULT_LEGEND.classes[index] for index in DEFAULT_LEGEND.targets]
    assert renderer.attrib["attr"] == "class"
    assert [c.attrib["value"] for c in renderer.iter("category")] == [c.name for c in targets]
    fills = [o.attrib["value"] for o in renderer.iter("Option") if o.attrib.get("name") == "color"]
    assert fills == [",".join(map(str, (*c.color, 128))) for c in targets]
    sld = ET.fromstring(style["styleSLD"])  # noqa: S314 - ours
    literals = [e.text for e in sld.iter("{http://www.opengis.net/ogc}Literal")]
    assert literals == [c.name for c in targets]


def test_the_raster_style_names_all_classes() -> None:
    entries = [e.attrib for e in ET.fromstring(classes_qml(DEFAULT_LEGEND)).iter("paletteEntry")]  # noqa: S314 - ours
    assert [(int(e["value"]), e["label"], e["color"].upper()) for e in entries] == [
        (c.id, c.name, f"#{c.hex}") for c in DEFAULT_LEGEND.classes
    ]
