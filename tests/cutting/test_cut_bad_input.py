from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pytest
import shapely

from highwall.cutting import cut
from highwall.errors import BadInput
from highwall.legend import Legend
from highwall.scenes import open_scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def refuse(make_ground: Any, tmp_path: Path) -> Callable[..., str]:
    """Cut, expect to be refused in one line with nothing left behind, and return the line."""
    ground = make_ground((128, 128))

    def run(polygons: Path, scene: Any = None, **options: Any) -> str:
        with pytest.raises(BadInput) as error:
            cut(scene or open_scene(ground.path), polygons, tmp_path / "out", **{"size": 64, **options})
        assert "\n" not in str(error.value)
        assert not (tmp_path / "out").exists()
        assert not list(tmp_path.glob(".*"))
        return str(error.value)

    return run


@pytest.fixture
def mines(make_ground: Any, tmp_path: Path) -> Path:
    """A square pit in the middle."""
    ground = make_ground((128, 128))
    path = tmp_path / "mines.gpkg"
    ground.layer([ground.square(30, 30, 50)], **{"class": ["quarry pit"], "site": ["A"]}).to_file(path)
    return path


def test_a_scene_without_georeference(make_ground: Any, mines: Path, refuse: Any) -> None:
    scene = open_scene(make_ground((128, 128), crs=None).path)
    assert "no georeference" in refuse(mines, scene)


def test_polygons_elsewhere_name_both_extents(mines: Path, refuse: Any) -> None:
    layer = gpd.read_file(mines)
    layer.geometry = layer.translate(100_000, 0)
    layer.to_crs(4326).to_file(mines)
    line = refuse(mines)
    assert "no polygon lies on ground" in line
    west, _, east, _ = layer.to_crs(4326).total_bounds
    assert f"layer covers longitude {west:.3f} to {east:.3f}" in line
    assert "the scene longitude -45.000 to -44.988" in line


def test_an_empty_layer(mines: Path, refuse: Any) -> None:
    gpd.read_file(mines).iloc[:0].to_file(mines)
    assert "no polygon lies on ground (the layer is empty" in refuse(mines)


def test_a_projection_that_does_not_reach_the_scene(mines: Path, refuse: Any) -> None:
    north = shapely.box(0, 0, 1000, 1000)
    gpd.GeoDataFrame({"class": [1]}, geometry=[north], crs="EPSG:3995").to_file(mines)  # arctic
    assert "no polygon lies on ground" in refuse(mines)


@pytest.mark.parametrize("name", ["none.gpkg", "folder/none.shp"])
def test_no_such_file(tmp_path: Path, refuse: Any, name: str) -> None:
    assert f"{name}: no such file" in refuse(tmp_path / name)


def test_a_file_that_is_no_vector_layer(tmp_path: Path, refuse: Any) -> None:
    (tmp_path / "mines.txt").write_text("pits and dumps")
    assert "mines.txt: not readable as vector layer" in refuse(tmp_path / "mines.txt")


@pytest.mark.parametrize("share", [0.0, 0.05, 0.4, 0.7, 0.95])
@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "fgb"])
def test_a_file_that_was_cut_short(mines: Path, refuse: Any, suffix: str, share: float) -> None:
    whole = mines.with_suffix(f".{suffix}")
    layer = gpd.read_file(mines)
    layer = gpd.GeoDataFrame(gpd.pd.concat([layer] * 500), crs=layer.crs).to_crs(4326)
    layer.to_file(whole)
    data = whole.read_bytes()
    whole.write_bytes(data[: int(share * len(data))])
    assert whole.name in refuse(whole)


def test_no_coordinate_reference_system(mines: Path, refuse: Any, tmp_path: Path) -> None:
    gpd.read_file(mines).to_file(tmp_path / "mines.shp")
    (tmp_path / "mines.prj").unlink()
    assert "no coordinate reference system" in refuse(tmp_path / "mines.shp")


def test_layers_to_choose_from(mines: Path, refuse: Any) -> None:
    gpd.read_file(mines).to_file(mines, layer="more", mode="a")
    assert "several layers with polygons (mines, more); choose one with --layer" in refuse(mines)
    assert "no layer 'other' (it has mines, more)" in refuse(mines, layer="other")


def test_no_layer_with_polygons(mines: Path, refuse: Any, tmp_path: Path) -> None:
    layer = gpd.read_file(mines)
    layer.geometry = layer.centroid
    layer.to_file(tmp_path / "points.gpkg")
    assert "no layer with polygons" in refuse(tmp_path / "points.gpkg")
    layer.drop(columns="geometry").to_csv(tmp_path / "table.csv")
    assert "no layer with polygons" in refuse(tmp_path / "table.csv")


def test_polygons_that_hold_no_centre_of_a_pixel(make_ground: Any, mines: Path, refuse: Any) -> None:
    ground = make_ground((128, 128))
    ground.layer([ground.square(30.6, 30.6, 0.3)], **{"class": [1]}).to_file(mines)
    assert "no pixel's centre" in refuse(mines)


def test_polygons_where_there_is_no_data(make_ground: Any, mines: Path, refuse: Any) -> None:
    hole = (slice(20, 100), slice(20, 100))
    assert "no tile to cut" in refuse(mines, open_scene(make_ground((128, 128), hole=hole).path))


def test_only_unknown_polygons(mines: Path, refuse: Any) -> None:
    assert "no tile to cut" in refuse(mines, classes={"quarry pit": "unknown"})


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"size": 8}, "too small"),
        ({"empty": -0.1}, "impossible"),
        ({"empty": float("inf")}, "impossible"),
        ({"empty": float("nan")}, "impossible"),
        ({"val": 1.0}, "impossible"),
        ({"val": -0.1}, "impossible"),
        ({"seed": -1}, "negative"),
        ({"bands": ["B99"]}, "no Sentinel-2 band"),
        ({"bands": ["B09"]}, "band B09 is missing"),
        ({"column": "kind"}, "no column 'kind' (there are class, site)"),
        ({"column": "site"}, "values of column 'site' that are no class: A (1)"),
        ({"classes": {"quarry pit": "mine"}}, "mine is no class (classes are background, waste dump"),
        ({"legend": Legend.from_names({1: "pit", 2: "dump"})}, "no class 0"),
    ],
)
def test_impossible_wishes(mines: Path, refuse: Any, options: dict[str, Any], why: str) -> None:
    assert why in refuse(mines, **options)


def test_a_scene_with_none_of_the_bands(make_ground: Any, mines: Path, refuse: Any) -> None:
    scene = open_scene(make_ground((128, 128), bands=("B01", "B09")).path)
    assert "has none of B02" in refuse(mines, scene)


def test_a_folder_with_something_in_it_is_left_alone(make_ground: Any, mines: Path, tmp_path: Path) -> None:
    scene = open_scene(make_ground((128, 128)).path)
    (tmp_path / "out").mkdir()
    cut(scene, mines, tmp_path / "out", size=64)  # an empty one is taken
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    with pytest.raises(BadInput, match="not empty"):
        cut(scene, mines, tmp_path / "out", size=64)
    with pytest.raises(BadInput, match="not empty"):
        cut(scene, mines, mines, size=64)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")} == before


def test_a_scene_that_is_damaged_leaves_nothing(make_ground: Any, mines: Path, refuse: Any) -> None:
    path = make_ground((128, 128), compress="deflate").path
    data = path.read_bytes()
    scene = open_scene(path)
    path.write_bytes(data[:2000] + bytes(len(data) - 4000) + data[-2000:])
    assert "ground.tif" in refuse(mines, scene)


def test_an_interruption_leaves_nothing(make_ground: Any, mines: Path, tmp_path: Path) -> None:
    def stop(cells: Any) -> Any:
        yield cells[0]
        raise KeyboardInterrupt

    before = sorted(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        cut(open_scene(make_ground((128, 128)).path), mines, tmp_path / "out", size=64, track=stop)
    assert sorted(tmp_path.iterdir()) == before
