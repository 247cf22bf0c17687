from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import rasterio
import rasterio.shutil
from pyproj import Transformer

from highwall.errors import BadInput
from highwall.viewer.describe import forecast_sentence
from highwall.viewer.maps import FILES, find_maps

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_is_a_map_or_holds_some(make_map: Any, tmp_path: Path) -> None:
    one, two = make_map("one"), make_map("many/two")
    three = make_map("many/three")
    (tmp_path / "many" / "notes").mkdir()
    (tmp_path / "many" / ".x.part").symlink_to(one)
    found, failures = find_maps([one, tmp_path / "many", two, tmp_path / "one" / ".." / "one"])
    assert [(shown.id, shown.folder) for shown in found] == [(0, one), (1, three), (2, two)]
    assert failures == []


def test_what_is_no_map_is_refused_in_a_line(make_map: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, reason in ((tmp_path / "empty", "is no map and holds none"), (tmp_path / "none", "no such folder")):
        with pytest.raises(BadInput, match=reason):
            find_maps([path])
    with pytest.raises(BadInput, match="no georeference"):
        find_maps([make_map("nowhere", crs=None, transform=None)])


@pytest.mark.parametrize("name", [*FILES, "item.json", "manifest.json"])
def test_a_damaged_map_is_refused_and_left_out_of_several(make_map: Any, tmp_path: Path, name: str) -> None:
    whole, damaged = make_map("many/a"), make_map("many/b")
    content = (damaged / name).read_bytes()
    (damaged / name).write_bytes(b"{}" if name.endswith("json") else b"no map")
    with pytest.raises(BadInput, match=name):
        find_maps([damaged])
    found, failures = find_maps([tmp_path / "many"])
    assert [shown.folder for shown in found] == [whole]
    assert len(failures) == 1
    assert name in failures[0]
    (damaged / name).write_bytes(content)
    assert len(find_maps([tmp_path / "many"])[0]) == 2


@pytest.mark.parametrize("name", FILES)
def test_links_out_of_the_folder_are_not_followed(make_map: Any, tmp_path: Path, name: str) -> None:
    folder = make_map()
    shown = find_maps([folder])[0][0]
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    for ask in (lambda: shown.file(name), lambda: find_maps([folder])):
        with pytest.raises(BadInput, match="is a link"):
            ask()


def test_other_files_are_not_given_out(make_map: Any) -> None:
    shown = find_maps([make_map()])[0][0]
    for name in ("manifest.json", "item.json", "../map/classes.tif", "", "classes.tif/", "/etc/passwd"):
        with pytest.raises(BadInput):
            shown.file(name)


def test_planes_of_another_map_are_refused(make_map: Any) -> None:
    one, two = make_map("one"), make_map("two", (100, 90))
    (one / "probabilities.tif").write_bytes((two / "probabilities.tif").read_bytes())
    with pytest.raises(BadInput, match="don't belong together"):
        find_maps([one])


@pytest.mark.parametrize("corner", [(500_000, 7_500_000), (807_000, 8_000_000)])
def test_bounds_hold_the_corners(make_map: Any, corner: tuple[int, int]) -> None:
    transform = rasterio.Affine(100, 0, corner[0], 0, -100, corner[1])
    shown = find_maps([make_map(transform=transform, crs="EPSG:32760")])[0][0]
    west, south, east, north = shown.bounds
    to_degrees = Transformer.from_crs("EPSG:32760", "OGC:CRS84", always_xy=True)
    corners = [to_degrees.transform(*(transform * at)) for at in ((0, 0), (200, 0), (0, 150), (200, 150))]
    longitudes = [x + 360 if x < 0 else x for x, _ in corners]
    assert (west, east) == pytest.approx((min(longitudes), max(longitudes)), abs=1e-3)
    assert (south, north) == pytest.approx((min(y for _, y in corners), max(y for _, y in corners)), abs=1e-3)
    assert (east > 180) == (corner[0] == 807_000)


@pytest.mark.parametrize("name", FILES)
def test_no_format_that_leads_elsewhere_is_opened(make_map: Any, name: str) -> None:
    folder = make_map(size=(60, 80))
    with rasterio.open(folder / "classes.tif") as file:
        rasterio.shutil.copy(file, folder / "x.vrt", driver="VRT")
    layer = '<OGRVRTLayer name="polygons"><SrcDataSource>{}</SrcDataSource></OGRVRTLayer>'
    raster = (folder / "x.vrt").read_text()
    path = (folder / name).rename(folder.parent / name)
    (folder / name).write_text(
        f"<OGRVRTDataSource>{layer.format(path)}</OGRVRTDataSource>" if name == "polygons.gpkg" else raster
    )
    with pytest.raises(BadInput, match=r"no GeoPackage|no TIFF"):
        find_maps([folder])


@pytest.mark.parametrize(
    "odd",
    [
        {"outside_share": float("nan")},
        {"forecast": {"miou": 0.5}},
        {"forecast": "good"},
        {"notes": ["\ud800"]},
        {"notes": [5]},
        {"classes": {"1": 2}},
    ],
    ids=str,
)
def test_one_odd_manifest_does_not_take_the_other_maps_away(make_map: Any, tmp_path: Path, odd: dict[str, Any]) -> None:
    whole, other = make_map("many/a", size=(60, 80)), make_map("many/b", size=(60, 80))
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps(manifest | odd))
    found, failures = find_maps([tmp_path / "many"])
    assert [shown.folder for shown in found] == [whole]
    assert len(failures) == 1
    assert "manifest.json" in failures[0]


def test_the_forecast_is_a_sentence() -> None:
    told = {"miou": 0.34, "interval": {"miou": [0.15, 0.53]}, "outside": 0.25, "windows": 48}
    assert forecast_sentence(told) == (
        "mIoU to expect: 34 (15 to 53); 25% of 48 windows looked at are unlike the training tiles"
    )
    assert forecast_sentence(json.loads(json.dumps(told)) | {"miou": None}) is None
    assert forecast_sentence(None) is None
