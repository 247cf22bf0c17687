from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from highwall.errors import BadInput
from highwall.files import write_json
from highwall.scenes import open_scene
from highwall.viewer.cache import cache_folder, tidy
from highwall.viewer.maps import find_maps
from highwall.viewer.picture import GAMMA, picture_bands, picture_key, write_picture
from highwall.viewer.pictures import Pictures
from highwall.viewer.source import find_scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from highwall.scenes import Scene

TRUE, FALSE = ("B04", "B03", "B02"), ("B12", "B08", "B04")


@pytest.fixture
def smooth(make_scene: Callable[..., Scene], tmp_path: Path) -> Path:
    """Write a scene that JPEG hardly changes, with a hole in it."""
    scene = make_scene(700, 600)
    path = Path(scene.planes["B02"].path)
    rows, columns = np.indices((700, 600))
    counts = np.stack([500 + (band + 1) * (rows * 2 + columns) // 2 for band in range(6)]).astype(np.uint16)
    counts[:, 100:180, 200:300] = 0
    with rasterio.open(path, "r+") as file:
        file.write(counts)
    return path


def made(folder: Path, cache: Path, scene: str | None = None) -> Pictures:
    maps, _ = find_maps([folder])
    pictures = Pictures(maps, cache, scene, say=lambda _line: None)
    pictures.start()
    pictures.wait()
    return pictures


@pytest.mark.parametrize("bands", [TRUE, FALSE])
def test_a_picture_is_the_scene_stretched(smooth: Path, tmp_path: Path, bands: tuple[str, ...]) -> None:
    scene, path = open_scene(smooth), tmp_path / "pictures" / "picture.tif"
    write_picture(path, scene, bands)
    assert [found.name for found in path.parent.iterdir()] == ["picture.tif"]
    valid, errors, _ = cog_validate(path)
    assert (valid, errors) == (True, [])
    image = scene.read(bands=bands)
    with rasterio.open(path) as file:
        assert (file.crs, file.transform) == ("EPSG:32723", scene.geobox.affine)
        drawn, mask = file.read().astype(int), file.dataset_mask()
        assert file.overviews(1)
    np.testing.assert_array_equal(mask > 0, image.valid)
    low, high = np.percentile(image.pixels[:, image.valid], (2, 98), axis=1)[:, :, None, None]
    expected = 255 * np.clip((image.pixels - low) / (high - low), 0, 1) ** (1 / GAMMA)
    off = np.abs(drawn - expected)[:, image.valid]
    assert np.percentile(off, 95) < 10  # a sample gives the percentiles, and JPEG the rest


def test_bands_of_pictures() -> None:
    assert picture_bands("true", ("B02", "B03", "B04")) == TRUE
    assert picture_bands("false", ("B04", "B08", "B11", "B12")) == FALSE
    assert picture_bands("false", ("B04", "B08", "B11")) == ("B11", "B08", "B04")
    for picture, bands, reason in (("true", TRUE[:2], "lacks B02"), ("false", TRUE, "lacks B12 or B11, B08")):
        with pytest.raises(BadInput, match=reason):
            picture_bands(picture, bands)


def test_a_picture_is_made_once_until_the_scene_changes(make_map: Any, tmp_path: Path) -> None:
    folder, cache = make_map(), tmp_path / "cache"
    first = made(folder, cache)
    paths = {name: first.path(0, name) for name in ("true", "false")}
    assert first.to_json(0) == {name: {"ready": True, "why": None, "wait": False} for name in paths}
    assert sorted(cache.iterdir()) == sorted(filter(None, paths.values()))
    contents = {path: (path.read_bytes(), path.stat().st_ino) for path in cache.iterdir()}
    again = made(folder, cache)
    assert {name: again.path(0, name) for name in paths} == paths
    assert {path: (path.read_bytes(), path.stat().st_ino) for path in cache.iterdir()} == contents
    scene = open_scene(tmp_path / "scene-map.tif")
    key = picture_key(scene, TRUE)
    (tmp_path / "scene-map.tif").touch()
    assert picture_key(scene, TRUE) != key


def test_a_scene_that_is_gone_may_be_named(make_map: Any, tmp_path: Path) -> None:
    folder = make_map()
    elsewhere = (tmp_path / "scene-map.tif").rename(tmp_path / "moved.tif")
    pictures = made(folder, tmp_path / "cache")
    state = pictures.to_json(0)
    assert not any(told["wait"] for told in state.values())
    assert pictures.path(0, "true") is None
    assert all(not told["ready"] and "scene-map.tif is not there any more" in told["why"] for told in state.values())
    assert all(told["ready"] for told in made(folder, tmp_path / "cache", str(elsewhere)).to_json(0).values())


def test_a_scene_on_another_grid_is_not_taken_for_the_old_one(make_map: Any, make_scene: Any) -> None:
    folder = make_map(size=(60, 80))
    make_scene(61, 80, name="scene-map")
    with pytest.raises(BadInput, match="another grid"):
        find_scene(find_maps([folder])[0][0])


def test_servers_are_left_alone(make_map: Any) -> None:
    folder = make_map(size=(60, 80))
    item = json.loads((folder / "item.json").read_text())
    remote = ("https://example.com/scene.tif", "/vsicurl/https://example.com/scene.tif", "s3://bucket/scene.tif")
    for address in (*remote, "file:///vsicurl/https://example.com/scene.tif", "file:///vsicurl%2Fhttp://a.b/c.tif"):
        item["links"] = [{"rel": "derived_from", "href": address}]
        write_json(folder / "item.json", item)
        with pytest.raises(BadInput, match=f"on a server .{address}"):
            find_scene(find_maps([folder])[0][0])
    write_json(folder / "item.json", item | {"links": []})
    with pytest.raises(BadInput, match="doesn't tell"):
        find_scene(find_maps([folder])[0][0])


def test_bands_keep_the_names_that_a_person_gave_them(
    local: Any, make_scene: Callable[..., Scene], tmp_path: Path
) -> None:
    import highwall  # noqa: PLC0415 - only here

    path, names = Path(make_scene(60, 80).planes["B02"].path), ("B04", "B03", "B02", "B12", "B11", "B08")
    scene = highwall.open_scene(path, bands=names)
    highwall.map_scene(scene, local, tmp_path / "map", window=64, overlap=16)
    found = find_scene(find_maps([tmp_path / "map"])[0][0])
    assert {band: plane.index for band, plane in found.planes.items()} == {name: n + 1 for n, name in enumerate(names)}


def test_a_file_for_each_band(local: Any, save: Callable[..., Path], tmp_path: Path) -> None:
    import highwall  # noqa: PLC0415 - only here

    counts = np.random.default_rng(0).integers(1, 6000, (60, 80)).astype(np.uint16)
    files = [save(tmp_path / "x" / f"a_{band}.tif", counts, (0, 0)) for band in ("B02", "B03", "B04", "B08")]
    highwall.map_scene(highwall.open_scene(files), local, tmp_path / "map", window=64, overlap=16)
    found = find_scene(find_maps([tmp_path / "map"])[0][0])
    assert {band: plane.path for band, plane in found.planes.items()} == {
        band: str(path) for band, path in zip(("B02", "B03", "B04", "B08"), files, strict=True)
    }


def test_who_stops_leaves_nothing_half_done(smooth: Path, tmp_path: Path) -> None:
    class Stop(Exception):  # noqa: N818 - no error: what a test does
        pass

    def stop(done: int, _total: int) -> None:
        if done:
            raise Stop

    with pytest.raises(Stop):
        write_picture(tmp_path / "cache" / "a.tif", open_scene(smooth), TRUE, stop)
    assert list((tmp_path / "cache").iterdir()) == []


def test_pictures_that_are_still_to_come_are_waited_for(make_map: Any, tmp_path: Path) -> None:
    pictures = Pictures(find_maps([make_map(size=(60, 80))])[0], tmp_path / "cache", say=lambda _line: None)
    assert pictures.to_json(0) == {name: {"ready": False, "why": None, "wait": True} for name in ("true", "false")}
    pictures.start()
    pictures.wait()
    assert not any(told["wait"] for told in pictures.to_json(0).values())


def test_stop_ends_the_thread(make_map: Any, tmp_path: Path) -> None:
    maps, _ = find_maps([make_map(size=(60, 80))])
    pictures = Pictures(maps * 50, tmp_path / "cache", say=lambda _line: None)
    pictures.start()
    pictures.stop(patience=60)
    assert "pictures" not in {thread.name for thread in threading.enumerate()}


def test_the_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    import os  # noqa: PLC0415 - only here

    for number in range(5):
        (tmp_path / f"{number}.tif").write_bytes(bytes(100))
        os.utime(tmp_path / f"{number}.tif", (number, number))
    (tmp_path / ".9.1.part.tif").write_bytes(bytes(100))
    (tmp_path / ".8.1.part.tif").write_bytes(bytes(100))
    os.utime(tmp_path / ".8.1.part.tif", (1, 1))
    tidy(tmp_path, largest=250)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".9.1.part.tif", "3.tif", "4.tif"]


def test_the_cache_is_where_the_system_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "highwall" / "pictures"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder().name == "pictures"
