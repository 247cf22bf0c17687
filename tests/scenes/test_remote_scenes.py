"""Scenes on a server: real HTTP, with ranges, on this machine; the same server speaks enough of S3 for reading."""

from __future__ import annotations

import json
import socket
import threading
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import rasterio
from affine import Affine

from highwall.errors import BadInput
from highwall.scenes import open_scene
from highwall.scenes.paths import gdal_path, is_remote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from highwall.scenes import Scene

BANDS = ("B02", "B03", "B04")


class Handler(SimpleHTTPRequestHandler):
    """Serves files, whole or a range of them, and keeps a list of what was asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(body=True)

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def answer(self, *, body: bool) -> None:
        from pathlib import Path  # noqa: PLC0415 - needed while it runs

        path = Path(self.directory) / unquote(urlsplit(self.path).path).lstrip("/")
        if not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        content, asked = path.read_bytes(), self.headers.get("Range")
        first, last = 0, len(content) - 1
        if asked:
            start, _, stop = asked.removeprefix("bytes=").partition("-")
            first, last = int(start), min(int(stop or last), last)
        self.server.asked.append((path.name, last - first + 1 if body else 0))  # type: ignore[attr-defined]
        self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.end_headers()
        if body:
            self.wfile.write(content[first : last + 1])

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a GeoTIFF of three bands, one file for each band, and an item."""
    root = tmp_path_factory.mktemp("bucket")
    counts = np.random.default_rng(0).integers(1, 6000, (3, 1024, 1024)).astype(np.uint16)
    profile: dict[str, Any] = {
        "driver": "COG",
        "dtype": "uint16",
        "width": 1024,
        "height": 1024,
        "crs": "EPSG:32723",
        "transform": Affine(10, 0, 600_000, 0, -10, 7_500_000),
        "blocksize": 256,
        "compress": "deflate",
    }
    (root / "scene").mkdir()
    with rasterio.open(root / "scene" / "all.tif", "w", count=3, **profile) as file:
        file.write(counts)
        file.descriptions = BANDS
    for band, plane in zip(BANDS, counts, strict=True):
        with rasterio.open(root / "scene" / f"{band}.tif", "w", count=1, **profile) as file:
            file.write(plane, 1)
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "S2B_23KPR",
        "geometry": None,
        "properties": {"datetime": "2023-01-07T13:12:19Z", "s2:processing_baseline": "02.12"},
        "links": [],
        "assets": {band: {"href": f"../../../scene/{band}.tif"} for band in BANDS},
    }
    for place in ("scene/item.json", "collections/s2/items/S2B_23KPR"):
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(item).replace("../../../scene", "." if place.endswith("json") else "../../../scene"))
    return root


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def url(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def assert_same(scene: Scene, root: Path) -> None:
    expected = open_scene(root / "scene" / "all.tif").read()
    image = scene.read()
    assert image.bands == expected.bands
    assert image.geobox == expected.geobox
    np.testing.assert_array_equal(image.pixels, expected.pixels)
    np.testing.assert_array_equal(image.valid, expected.valid)


def test_a_geotiff_on_a_server(url: str, root: Path) -> None:
    scene = open_scene(f"{url}/scene/all.tif")
    assert scene.id == "all"
    assert_same(scene, root)
    assert open_scene(f"{url}/scene/all.tif?signature=a%2Fb.c").id == "all"


def test_a_window_costs_a_window(server: ThreadingHTTPServer, url: str, root: Path) -> None:
    scene = open_scene(f"{url}/scene/all.tif?part")
    server.asked.clear()  # type: ignore[attr-defined]
    scene.read((slice(0, 200), slice(0, 200)), ["B02"])
    asked: list[tuple[str, int]] = server.asked  # type: ignore[attr-defined]
    assert {name for name, _ in asked} == {"all.tif"}, "neighbours of a file were looked for"
    assert 0 < sum(size for _, size in asked) < (root / "scene" / "all.tif").stat().st_size / 4


def test_files_on_a_server(url: str, root: Path) -> None:
    assert_same(open_scene([f"{url}/scene/{band}.tif" for band in BANDS]), root)


def test_items_on_a_server(url: str, root: Path) -> None:
    scene = open_scene(f"{url}/scene/item.json")
    assert scene.planes["B02"].path == f"/vsicurl/{url}/scene/B02.tif"
    assert_same(scene, root)
    assert_same(open_scene(f"{url}/collections/s2/items/S2B_23KPR"), root)


def test_a_bucket(server: ThreadingHTTPServer, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {
        "AWS_S3_ENDPOINT": f"127.0.0.1:{server.server_port}",
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_NO_SIGN_REQUEST": "YES",
    }.items():
        monkeypatch.setenv(key, value)
    scene = open_scene("s3://scene/all.tif")
    assert scene.planes["B02"].path == "/vsis3/scene/all.tif"
    assert_same(scene, root)


def test_an_eopf_product_on_a_server(url: str, root: Path) -> None:
    zarr = pytest.importorskip("zarr", reason="needs highwall[eopf]")
    product = zarr.open_group(root / "product.zarr", mode="w", zarr_format=2)
    product.attrs["other_metadata"] = {"horizontal_CRS_code": "EPSG:32723"}
    group = product.create_group("measurements/reflectance/r10m")
    counts = np.random.default_rng(1).integers(1001, 6000, (40, 50)).astype(np.uint16)
    centres = {"x": 600_005 + 10 * np.arange(50), "y": 7_499_995 - 10 * np.arange(40)}
    for name, values in {"b02": counts, **centres}.items():
        array = group.create_array(name, shape=values.shape, dtype=values.dtype, chunks=values.shape)
        array[:] = values
        array.attrs["_ARRAY_DIMENSIONS"] = ["y", "x"] if name == "b02" else [name]
    group["b02"].attrs.update({"scale_factor": 1e-4, "add_offset": -0.1})
    zarr.consolidate_metadata(root / "product.zarr")
    scene = open_scene(f"{url}/product.zarr")
    assert scene.id == "product"
    np.testing.assert_array_equal(
        scene.read().pixels[0], (counts.astype(np.float32) - np.float32(1000)) * np.float32(1e-4)
    )


@pytest.mark.parametrize(
    "name",
    ["scene/none.tif", "scene/none.json", "none.zarr", "collections/s2/items/none"],
)
def test_what_is_not_there_is_refused_in_one_line(url: str, name: str) -> None:
    with pytest.raises(BadInput) as error:
        open_scene(f"{url}/{name}")
    assert name in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["item.json", "all.tif", "none.zarr"])
def test_a_server_that_does_not_answer_is_refused_in_one_line(name: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"http://127.0.0.1:{free.getsockname()[1]}/{name}"
    with pytest.raises(BadInput) as error:
        open_scene(place)
    assert place in str(error.value)
    assert "\n" not in str(error.value)


def test_addresses(tmp_path: Path) -> None:
    assert gdal_path("https://a.example/b/c.tif?d=e") == "/vsicurl/https://a.example/b/c.tif?d=e"
    assert gdal_path("s3://bucket/key.tif") == "/vsis3/bucket/key.tif"
    assert gdal_path("gs://bucket/key.tif") == "/vsigs/bucket/key.tif"
    assert gdal_path("/vsizip//a.zip/b.tif") == "/vsizip//a.zip/b.tif"
    assert gdal_path(f"file://{tmp_path}") == gdal_path(str(tmp_path)) == str(tmp_path)
    assert [is_remote(place) for place in ("s3://a/b", "/vsicurl/http://a", "C:/a.tif", "/a/b.tif")] == [1, 1, 0, 0]
    with pytest.raises(BadInput, match="no such file or folder"):
        gdal_path(str(tmp_path / "none.tif"))
