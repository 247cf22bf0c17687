from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pystac
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rio_cogeo.cogeo import cog_validate

import highwall
from highwall.errors import BadInput
from highwall.files import sha256
from highwall.legend import DEFAULT_LEGEND, Legend
from highwall.products.work import work_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from highwall.scenes import Scene

RASTERS = ("classes.tif", "probabilities.tif")


def read(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as file:
        return file.read()


@pytest.mark.parametrize("shape", [(1, 1), (255, 257), (600, 600), (1000, 300)])
@pytest.mark.parametrize("crs", ["EPSG:32723", None])
def test_a_constant_predictor_makes_a_constant_map(
    make_scene: Callable[..., Scene], constant: Any, tmp_path: Path, shape: tuple[int, int], crs: str | None
) -> None:
    where = {} if crs else {"crs": None, "transform": None}
    scene = make_scene(*shape, **where)
    made = highwall.map_scene(scene, constant, tmp_path / "out", window=100, overlap=33)
    assert (read(tmp_path / "out" / "classes.tif") == 2).all()
    planes = read(tmp_path / "out" / "probabilities.tif")
    np.testing.assert_array_equal(planes, np.broadcast_to([[[25]], [[50]], [[93]], [[83]]], planes.shape))
    polygons = geopandas.read_file(tmp_path / "out" / "polygons.gpkg", layer="polygons")
    assert len(polygons) == 1
    assert polygons["class"][0] == "quarry pit"
    if crs:
        assert polygons.geometry[0].bounds == scene.geobox.boundingbox
        assert polygons["area_ha"][0] == pytest.approx(shape[0] * shape[1] / 100, rel=2e-3)  # UTM against the ellipsoid
    total = next(row for row in made.manifest["classes"] if row["class"] == "quarry pit")
    assert (total["polygons"], total["pixels"]) == (1, shape[0] * shape[1])


def test_what_a_map_leaves(make_scene: Callable[..., Scene], local: Any, tmp_path: Path) -> None:
    scene = make_scene(400, 300, hole=True, name="S2_20210304_scene")
    highwall.map_scene(
        scene, local, tmp_path / "out", window=128, overlap=32, parquet=True, command=["highwall", "map"]
    )
    folder = tmp_path / "out"
    assert [path.name for path in tmp_path.iterdir() if "scene" not in path.name] == ["out"]
    image = scene.read()
    answer = local(image.pixels[None])[0]
    with rasterio.open(folder / "classes.tif") as classes:
        assert (classes.shape, classes.crs, classes.transform) == ((400, 300), "EPSG:32723", scene.geobox.affine)
        assert (classes.dtypes, classes.nodata, classes.colorinterp) == (("uint8",), 255, (ColorInterp.palette,))
        colors = classes.colormap(1)
        assert {c.id: (*c.color, 255) for c in DEFAULT_LEGEND.classes}.items() <= colors.items()
        assert colors[255][3] == 0
        np.testing.assert_array_equal(classes.read(1), np.where(image.valid, answer.argmax(0), 255))
    with rasterio.open(folder / "probabilities.tif") as file:
        assert file.descriptions == DEFAULT_LEGEND.names
        assert (file.nodata, set(file.scales), set(file.offsets)) == (255, {0.004}, {0.0})
        planes = file.read(masked=True) * file.scales[0]
        np.testing.assert_array_equal(~planes.mask, np.broadcast_to(image.valid, planes.shape))
        assert np.abs(planes - answer).max() <= 0.002 + 1e-6
    for name in RASTERS:
        valid, errors, warnings = cog_validate(folder / name)
        assert (valid, errors, warnings) == (True, [], [])
    polygons = geopandas.read_file(folder / "polygons.gpkg", layer="polygons")
    assert set(polygons["scene"]) == {"S2_20210304_scene"}
    assert {date.isoformat()[:10] for date in polygons["date"]} == {"2021-03-04"}
    parquet = geopandas.read_parquet(folder / "polygons.parquet")
    assert parquet.geometry.geom_equals(polygons.geometry).all()
    with sqlite3.connect(folder / "polygons.gpkg") as base:
        assert base.execute("select f_table_name, useAsDefault from layer_styles").fetchall() == [("polygons", 1)]


def test_the_item_is_valid_and_the_manifest_true(make_scene: Callable[..., Scene], local: Any, tmp_path: Path) -> None:
    scene = make_scene(100, 80)
    highwall.map_scene(scene, local, tmp_path / "out")
    document = json.loads((tmp_path / "out" / "item.json").read_text())
    core = pystac.Item.from_dict(document | {"stac_extensions": []}, preserve_dict=True)
    assert core.validate() == ["https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"]
    item = pystac.Item.from_file(tmp_path / "out" / "item.json")
    assert item.ext.proj.code == "EPSG:32723"
    assert item.ext.proj.shape == [100, 80]
    assert item.ext.proj.transform[:6] == list(scene.geobox.affine)[:6]
    classes = {entry["value"]: entry["title"] for entry in document["assets"]["classes"]["classification:classes"][:-1]}
    assert classes == dict(zip(DEFAULT_LEGEND.ids, DEFAULT_LEGEND.names, strict=True))
    assert [link.href for link in item.links if link.rel == "derived_from"] == [Path(scene.planes["B02"].path).as_uri()]
    west, south, east, north = item.bbox
    assert -45.01 < west < east < -44.98
    assert -23 < south < north < -22
    for asset in item.assets.values():
        assert asset.extra_fields["file:checksum"] == "1220" + sha256(tmp_path / "out" / asset.href.rsplit("/", 1)[-1])
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    names = {path.name for path in (tmp_path / "out").iterdir()} - {"manifest.json"}
    assert set(manifest["files"]) == names
    assert all(manifest["files"][name]["sha256"] == sha256(tmp_path / "out" / name) for name in names)


class Stop(Exception):  # noqa: N818 - no error: what a test does to a run
    pass


class Local:
    """A local predictor that stops after so many windows, and knows how many it was asked about."""

    fingerprint = "local"

    def __init__(self, local: Any, most: int = 10**9) -> None:
        self.local, self.left, self.asked = local, most, 0

    def __call__(self, reflectance: NDArray[np.float32]) -> Any:
        self.left -= len(reflectance)
        self.asked += len(reflectance)
        if self.left < 0:
            raise Stop
        return self.local(reflectance)


def test_a_run_that_stopped_goes_on_to_the_same_bytes(
    make_scene: Callable[..., Scene], local: Any, tmp_path: Path
) -> None:
    scene = make_scene(500, 200, hole=True)
    options: dict[str, Any] = {"window": 64, "overlap": 40, "batch": 3}
    whole = Local(local)
    highwall.map_scene(scene, whole, tmp_path / "whole", **options)
    out = tmp_path / "out"
    asked = 0
    for most in (7, 40, 45, 60):
        part = Local(local, most)
        with pytest.raises(Stop):
            highwall.map_scene(scene, part, out, **options)
        assert not out.exists()
        asked += part.asked
    rest = Local(local)
    highwall.map_scene(scene, rest, out, **options)
    assert rest.asked < whole.asked / 2
    assert [path.name for path in tmp_path.glob(".*")] == []
    for name in (*RASTERS, "polygons.gpkg"):
        assert sha256(out / name) == sha256(tmp_path / "whole" / name), name


def test_a_map_that_is_there_is_not_made_again(make_scene: Callable[..., Scene], local: Any, tmp_path: Path) -> None:
    scene = make_scene(90, 90)
    first = highwall.map_scene(scene, local, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    predictor = Local(local, 0)
    predictor.__qualname__ = local.__qualname__
    with pytest.raises(BadInput, match="is there already"):  # another predictor
        highwall.map_scene(scene, predictor, tmp_path / "out")
    again = highwall.map_scene(scene, local, tmp_path / "out")
    assert again.manifest == first.manifest
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


def test_another_run_is_left_alone(make_scene: Callable[..., Scene], local: Any, tmp_path: Path) -> None:
    scene, out = make_scene(90, 90), tmp_path / "out"
    highwall.map_scene(scene, local, out)
    before = {path: sha256(path) for path in out.iterdir()}
    for change in ({"window": 128}, {"minimum_ha": 1}, {"legend": Legend.from_names({0: "a", 1: "b", 2: "c", 3: "d"})}):
        with pytest.raises(BadInput, match="holds something else"):
            highwall.map_scene(scene, local, out, **change)
    with pytest.raises(BadInput, match="holds something else"):
        highwall.map_scene(make_scene(90, 90, seed=1, name="other"), local, out)
    assert {path: sha256(path) for path in out.iterdir()} == before
    shutil.rmtree(out)
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInput, match="holds something else"):
        highwall.map_scene(scene, local, out)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_an_unfinished_run_of_another_kind_is_left_alone(
    make_scene: Callable[..., Scene], local: Any, tmp_path: Path
) -> None:
    scene = make_scene(200, 90)
    with pytest.raises(Stop):
        highwall.map_scene(scene, Local(local, 7), tmp_path / "out", window=32, batch=1, overlap=0)
    left = {path: path.read_bytes() for path in work_folder(tmp_path / "out").iterdir()}
    assert len(left) == 3
    with pytest.raises(BadInput, match="differs in options"):
        highwall.map_scene(scene, Local(local), tmp_path / "out", window=64, overlap=0)
    assert {path: path.read_bytes() for path in work_folder(tmp_path / "out").iterdir()} == left


def test_a_run_does_not_go_on_with_another_scene_of_that_name(
    make_scene: Callable[..., Scene], local: Any, tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        highwall.map_scene(make_scene(200, 90), Local(local, 7), tmp_path / "out", window=32, batch=1, overlap=0)
    with pytest.raises(BadInput, match="differs in scene"):
        highwall.map_scene(make_scene(200, 90, seed=1), Local(local), tmp_path / "out", window=32, batch=1, overlap=0)


def test_a_link_is_followed(make_scene: Callable[..., Scene], local: Any, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("far")
    scene = make_scene(30, 30)
    for name in ("link", "dangling"):
        highwall.map_scene(scene, local, tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {"real", "link", "dangling", "far", "scene.tif"}
    assert (tmp_path / "real" / "manifest.json").exists()
    assert (tmp_path / "far" / "manifest.json").exists()


def test_progress_goes_forwards_to_the_end(make_scene: Callable[..., Scene], local: Any, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    highwall.map_scene(
        make_scene(200, 300, hole=True),
        local,
        tmp_path / "out",
        window=64,
        progress=lambda *call: calls.append(call),
        overlap=8,
    )
    assert calls == sorted(calls)
    assert calls[-1][0] == calls[-1][1]


def test_small_scenes_are_mirrored_to_the_size_of_a_window(
    make_scene: Callable[..., Scene], local: Any, tmp_path: Path
) -> None:
    seen: list[NDArray[np.float32]] = []

    def spy(reflectance: NDArray[np.float32]) -> Any:
        seen.extend(reflectance)
        return local(reflectance)

    scene = make_scene(20, 45)
    highwall.map_scene(scene, spy, tmp_path / "out", window=64, overlap=8)
    pixels = scene.read().pixels
    (window,) = seen
    np.testing.assert_array_equal(window, np.pad(pixels, [(0, 0), (0, 44), (0, 19)], mode="symmetric"))


def test_an_empty_folder_is_taken(make_scene: Callable[..., Scene], local: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    highwall.map_scene(make_scene(50, 50), local, str(tmp_path / "out"))
    assert (tmp_path / "out" / "manifest.json").exists()


def test_ground_without_any_data_makes_an_empty_map(
    make_scene: Callable[..., Scene], constant: Any, tmp_path: Path
) -> None:
    scene = make_scene(60, 70)
    with rasterio.open(scene.planes["B02"].path, "r+") as file:
        file.write(np.zeros((6, 60, 70), np.uint16))
    highwall.map_scene(scene, Local(constant, 0), tmp_path / "out")
    assert (read(tmp_path / "out" / "classes.tif") == 255).all()
    assert len(geopandas.read_file(tmp_path / "out" / "polygons.gpkg", layer="polygons")) == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"window": 0}, "window"),
        ({"overlap": 256}, "overlap"),
        ({"batch": 0}, "batch"),
        ({"minimum_ha": -1}, "minimum mapping unit"),
        ({"minimum_ha": float("nan")}, "minimum mapping unit"),
        ({"bands": ["B01"]}, "band B01 is missing"),
        ({"clouds": "product"}, "brings no mask of clouds"),
    ],
)
def test_options_that_make_no_sense_leave_nothing(
    make_scene: Callable[..., Scene], constant: Any, tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    scene = make_scene(20, 20)
    with pytest.raises(BadInput, match=says):
        highwall.map_scene(scene, constant, tmp_path / "out", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]
