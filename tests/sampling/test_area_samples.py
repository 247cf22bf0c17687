from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import Geod

from highwall.errors import BadInput
from highwall.legend import DEFAULT_LEGEND
from highwall.sampling.area import estimate_areas
from highwall.sampling.draw import draw_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

NAMES = np.array(DEFAULT_LEGEND.names)


@pytest.fixture
def folder(make_map: Callable[..., Path], quarters: NDArray[np.uint8]) -> Path:
    return make_map(quarters)


@pytest.fixture
def labelled(folder: Path, tmp_path: Path) -> gpd.GeoDataFrame:
    """A sample of that map; every fifth point is another class than the map says."""
    draw_sample(folder, tmp_path / "drawn.gpkg", 60)
    points = gpd.read_file(tmp_path / "drawn.gpkg", layer="samples")
    truth = points["stratum"].to_numpy().copy()
    truth[::5] = (truth[::5] + 1) % 4
    points["reference"] = NAMES[truth]
    return points


def expected(points: gpd.GeoDataFrame) -> list[list[int]]:
    counts = np.zeros((4, 4), int)
    np.add.at(counts, (points["stratum"], [DEFAULT_LEGEND.names.index(name) for name in points["reference"]]), 1)
    return counts.tolist()


def test_any_file_of_points_gives_the_same(folder: Path, labelled: gpd.GeoDataFrame, tmp_path: Path) -> None:
    degrees = labelled.to_crs(4326)
    labelled.to_file(tmp_path / "a.gpkg")
    degrees.to_file(tmp_path / "b.geojson")
    labelled.assign(geometry=shapely.multipoints(shapely.get_coordinates(labelled.geometry)[:, None])).to_file(
        tmp_path / "c.shp"
    )
    ids = labelled["reference"].map({name: n for n, name in enumerate(NAMES)})
    labelled.assign(reference=ids, x=labelled.geometry.x, y=labelled.geometry.y).to_csv(tmp_path / "d.csv")
    degrees.assign(longitude=degrees.geometry.x, latitude=degrees.geometry.y).to_csv(tmp_path / "e.csv")
    labelled.assign(reference=ids.astype(float)).to_file(tmp_path / "f.gpkg")
    for name in ("a.gpkg", "b.geojson", "c.shp", "d.csv", "e.csv", "f.gpkg"):
        areas = estimate_areas(folder, tmp_path / name)
        assert areas.counts.tolist() == expected(labelled), name
        assert areas.notes == ("1.7% of the map is unknown, and in none of the areas",)


def test_mapped_areas_are_those_of_the_known_ground(
    folder: Path, labelled: gpd.GeoDataFrame, quarters: NDArray[np.uint8], tmp_path: Path
) -> None:
    labelled.to_file(tmp_path / "a.gpkg")
    document = estimate_areas(folder, tmp_path / "a.gpkg").to_json()
    box = gpd.GeoSeries([shapely.box(500_000, 7_499_800, 500_300, 7_500_000)], crs="EPSG:32723").to_crs(4326)
    pixel = abs(Geod(ellps="WGS84").geometry_area_perimeter(box[0])[0]) / 1e4 / quarters.size
    for class_id, row in enumerate(document["classes"].values()):
        assert row["mapped_ha"] == pytest.approx((quarters == class_id).sum() * pixel, rel=1e-5)
        assert row["area_ha"] == pytest.approx(row["share"] * (quarters < 255).sum() * pixel, rel=1e-5)
        assert row["interval_ha"][0] < row["area_ha"] < row["interval_ha"][1]
    assert document["points"] == len(labelled)
    assert document["unknown_share"] == pytest.approx(10 / quarters.size)


def test_points_that_do_not_count_are_counted(folder: Path, labelled: gpd.GeoDataFrame, tmp_path: Path) -> None:
    used = labelled.iloc[10:]
    labelled = labelled.drop(columns="stratum")
    labelled.loc[:2, "reference"] = [None, "", " "]
    labelled.loc[3:4, "reference"] = ["unknown", "255"]
    labelled.loc[5:7, "geometry"] = shapely.points([[499_999, 7_499_900], [500_100, 7_500_001], [1e9, 1e9]])
    labelled.loc[8, "geometry"] = None
    labelled.loc[9, "geometry"] = shapely.Point(500_005, 7_499_995)
    labelled.to_file(tmp_path / "a.gpkg")
    areas = estimate_areas(folder, tmp_path / "a.gpkg")
    assert areas.counts.tolist() == expected(used)
    assert set(areas.notes[:4]) == {
        "points outside of the map, left out: 4",
        "points on ground that is unknown in the map, left out: 1",
        "points not labelled yet, left out: 3",
        "points labelled unknown, left out: 2",
    }
    assert "no column stratum" in areas.notes[4]


def test_a_map_that_lies_nowhere_has_shares(
    make_map: Callable[..., Path], quarters: NDArray[np.uint8], tmp_path: Path
) -> None:
    folder = make_map(quarters, "nowhere", crs=None)
    draw_sample(folder, tmp_path / "a.gpkg", 40)
    points = gpd.read_file(tmp_path / "a.gpkg", layer="samples")
    points.assign(reference=points["stratum"].astype(str)).to_file(tmp_path / "b.gpkg")
    areas = estimate_areas(folder, tmp_path / "b.gpkg")
    assert areas.counts.tolist() == np.diag(np.bincount(points["stratum"])).tolist()
    row = areas.to_json()["classes"]["quarry pit"]
    assert np.isnan([row["mapped_ha"], row["area_ha"], *row["interval_ha"]]).all()
    assert row["share"] == pytest.approx(150 / 590)
    assert "the map has no coordinate reference system: shares of pixels, no areas" in areas.notes
    points.assign(reference="0").set_crs(32723, allow_override=True).to_file(tmp_path / "c.gpkg")
    with pytest.raises(BadInput, match="the map has no coordinate reference system"):
        estimate_areas(folder, tmp_path / "c.gpkg")


def test_a_sample_of_another_map_is_refused(
    make_map: Callable[..., Path], labelled: gpd.GeoDataFrame, quarters: NDArray[np.uint8], tmp_path: Path
) -> None:
    labelled.to_file(tmp_path / "a.gpkg")
    with pytest.raises(BadInput, match="drawn from another map"):
        estimate_areas(make_map(np.roll(quarters, 10, 0), "other"), tmp_path / "a.gpkg")
    elsewhere = Affine(10, 0, 600_000, 0, -10, 7_500_000)
    with pytest.raises(BadInput, match="drawn from another map"):
        estimate_areas(make_map(quarters, "elsewhere", transform=elsewhere), tmp_path / "a.gpkg")


def without(column: str) -> Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]:
    return lambda points: points.drop(columns=column)


def one_quarry_pit(points: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return points.drop(index=points.index[points["stratum"] == 2][1:])


def as_lines(points: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return points.set_geometry(points.geometry.apply(lambda p: shapely.LineString([p, (0, 0)])))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("reference"), "has no column reference (it has id, stratum, note)"),
        (lambda points: points.assign(reference="dump"), "'dump' in the column reference is no class of the map"),
        (lambda points: points.assign(reference=1.5), "'1.5' in the column reference"),
        (lambda points: points.assign(reference=None), "no labelled points"),
        (lambda points: points.iloc[:0], "holds no points"),
        (one_quarry_pit, "1 labelled points where the map has quarry pit; each class needs two"),
        (as_lines, "geometries of type linestring"),
        (lambda points: points.set_geometry(points.buffer(5)), "geometries of type polygon"),
        (lambda points: points.set_crs(None, allow_override=True), "the file has no coordinate reference system"),
        (lambda points: points.assign(stratum="pit"), "the column stratum holds what is no number"),
    ],
)
def test_a_bad_sample_is_refused_in_one_line(
    folder: Path, labelled: gpd.GeoDataFrame, tmp_path: Path, change: Any, words: str
) -> None:
    change(labelled).to_file(tmp_path / "a.gpkg")
    with pytest.raises(BadInput) as error:
        estimate_areas(folder, tmp_path / "a.gpkg")
    assert words in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "a.gpkg"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "", "not readable as CSV"),
        ("a.csv", "lon,lat,reference\n1,2,0\n", "neither columns x and y nor longitude and latitude"),
        ("a.csv", "x,y,reference\neast,2,0\n", "the column x holds what is no number"),
        ("a.csv", "x,y,reference\n", "holds no points"),
        ("a.gpkg", "points", "not readable as vector layer"),
        ("b.gpkg", None, "no such file"),
    ],
)
def test_a_bad_file_is_refused(folder: Path, tmp_path: Path, name: str, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=words):
        estimate_areas(folder, tmp_path / name)


@pytest.mark.parametrize("level", [0, 1, float("nan")])
def test_a_level_is_between_0_and_1(folder: Path, tmp_path: Path, level: float) -> None:
    with pytest.raises(BadInput, match="confidence level"):
        estimate_areas(folder, tmp_path / "a.gpkg", level=level)
