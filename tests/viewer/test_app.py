from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from highwall.products.review import decide, read_reviews
from highwall.viewer.app import STATIC

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient

OURS = {"Origin": "http://127.0.0.1:8642"}


@pytest.fixture
def folder(make_map: Any) -> Path:
    return make_map(size=(60, 80), judged=True)


@pytest.fixture
def viewer(folder: Path, make_viewer: Callable[..., TestClient]) -> TestClient:
    return make_viewer([folder])


def tile(viewer: TestClient, layer: str, zoom: int = 14) -> str:
    west, south, east, north = viewer.get("/api/maps").json()["maps"][0]["bounds"]
    latitude = np.radians((south + north) / 2)
    x = ((west + east) / 2 + 180) / 360 * 2**zoom
    y = (1 - np.arcsinh(np.tan(latitude)) / np.pi) / 2 * 2**zoom
    return f"/api/maps/0/tiles/{layer}/{zoom}/{int(x)}/{int(y)}.png"


def review(**other: Any) -> dict[str, Any]:
    return {"polygon": 1, "decision": "accept", "class_id": None, "note": "", "reviewer": "Ana", "version": 0} | other


def test_the_maps_are_described(viewer: TestClient, folder: Path) -> None:
    answer = viewer.get("/api/maps").json()
    manifest = json.loads((folder / "manifest.json").read_text())
    (told,) = answer["maps"]
    assert isinstance(answer["reviewer"], str)
    assert {"id": 0, "name": "map", "writable": True}.items() <= told.items()
    same = ("scene", "model", "classes", "areas", "unknown_share", "outside_share", "notes")
    assert {key: told[key] for key in same} == {key: manifest[key] for key in same}
    assert [entry["id"] for entry in told["legend"]] == [1, 2, 3]
    assert told["legend"][0] == {"id": 1, "name": "waste dump", "color": "#d55e00"}
    ready = {"ready": True, "why": None, "wait": False}
    assert told["pictures"] == viewer.get("/api/maps/0/pictures").json() == {"true": ready, "false": ready}
    assert set(told["ramps"]) == {"probability", "applicability"}
    for layer in (*told["layers"], "true", "false"):
        assert viewer.get(tile(viewer, layer)).status_code == 200


def test_tiles_are_pictures_that_browsers_keep(viewer: TestClient, png: Any, folder: Path) -> None:
    for layer in ("classes", "true", "probability-1"):
        answer = viewer.get(tile(viewer, layer))
        assert answer.headers["content-type"] == "image/png"
        assert png(answer.content).shape == (4, 256, 256)
        assert png(answer.content)[3].any()
        tag = {"If-None-Match": answer.headers["etag"]}
        assert viewer.get(tile(viewer, layer), headers=tag).status_code == 304
    content = (folder / "classes.tif").read_bytes()
    stale = {"If-None-Match": viewer.get(tile(viewer, "classes")).headers["etag"]}
    (folder / "classes.tif").write_bytes(content)
    assert viewer.get(tile(viewer, "classes"), headers=stale).status_code == 200


def test_a_picture_that_is_none_is_not_there(folder: Path, tmp_path: Path, make_viewer: Any) -> None:
    (tmp_path / "scene-map.tif").unlink()
    viewer = make_viewer([folder])
    answer = viewer.get(tile(viewer, "true"))
    assert answer.status_code == 404
    assert "not there any more" in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        *("/api/maps/1/polygons", "/api/maps/-1/pictures", "/api/maps/x/pictures", f"/api/maps/{'9' * 5000}/pictures"),
        *("/api/maps/0/tiles/none/1/1/1.png", "/api/maps/0/tiles/classes/1/1/1.jpg", "/api/maps/0/tiles/classes/1/1"),
        *("/api/maps/0/tiles/..%2f..%2fx/1/1/1.png", "/api/maps/0/tiles/probability-9/1/1/1.png"),
        *("/api/maps/0/download/manifest.json", "/api/maps/0/download/..%2Fmanifest.json", "/api/maps/0/download/"),
        *("/api/maps/0/download/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/api/maps/0/download/classes.tif%00.tif"),
        *("/assets/..%2findex.html", "/assets/%2e%2e/%2e%2e/app.py", "/assets/", "/app.py", "/docs", "/openapi.json"),
    ],
)
def test_other_things_are_not_there(viewer: TestClient, path: str) -> None:
    assert viewer.get(path).status_code == 404


numbers = st.one_of(st.integers(-2, 26), st.integers(-(2**66), 2**66), st.just(2**40), st.just(30))


def test_no_address_of_a_tile_fails(viewer: TestClient) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(["classes", "true", "probability-1"]), numbers, numbers, numbers)
    def ask(layer: str, z: int, x: int, y: int) -> None:
        answer = viewer.get(f"/api/maps/0/tiles/{layer}/{z}/{x}/{y}.png")
        exists = 0 <= z <= 24 and 0 <= x < 2**z and 0 <= y < 2**z
        assert answer.status_code == (200 if exists else 400)

    ask()


def test_files_are_downloaded_as_they_are(viewer: TestClient, folder: Path, tmp_path: Path) -> None:
    for name in ("polygons.gpkg", "classes.tif", "probabilities.tif"):
        answer = viewer.get(f"/api/maps/0/download/{name}")
        assert answer.content == (folder / name).read_bytes()
        assert answer.headers["content-disposition"] == f'attachment; filename="map-{name}"'
    (tmp_path / "secret").write_text("secret")
    (folder / "classes.tif").unlink()
    (folder / "classes.tif").symlink_to(tmp_path / "secret")
    for path in ("/api/maps/0/download/classes.tif", tile(viewer, "classes"), tile(viewer, "masked")):
        answer = viewer.get(path)
        assert answer.status_code == 404
        assert "secret" not in answer.text


def test_polygons_come_packed_or_not(viewer: TestClient) -> None:
    packed = viewer.get("/api/maps/0/polygons", headers={"Accept-Encoding": "gzip"})
    plain = viewer.get("/api/maps/0/polygons", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert plain.json()["type"] == "FeatureCollection"
    same = viewer.get("/api/maps/0/polygons", headers={"If-None-Match": packed.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


def test_decisions_are_kept_in_the_map(viewer: TestClient, folder: Path) -> None:
    answer = viewer.post("/api/maps/0/review", json=review(note="a heap"), headers=OURS)
    assert answer.status_code == 200
    kept = read_reviews(folder)[1]
    assert answer.json() == {"review": kept.to_json()}
    features = viewer.get("/api/maps/0/polygons").json()["features"]
    assert {f["id"]: f["properties"]["review"] for f in features if f["properties"]["review"]} == {1: kept.to_json()}
    again = review(decision="reclass", class_id=3, version=1)
    assert viewer.post("/api/maps/0/review", json=again, headers=OURS).json()["review"]["class_id"] == 3
    late = viewer.post("/api/maps/0/review", json=review(decision="reject", reviewer="Bo", version=1), headers=OURS)
    assert late.status_code == 409
    assert late.json()["review"] == read_reviews(folder)[1].to_json()
    gone = viewer.post("/api/maps/0/review", json=review(decision="clear", version=2), headers=OURS)
    assert (gone.status_code, gone.json()) == (200, {"review": None})
    assert read_reviews(folder) == {}


@pytest.mark.parametrize(
    "other",
    [
        *({"polygon": 10**6}, {"polygon": "1"}, {"polygon": True}, {"polygon": 1.5}, {"polygon": 2**70}),
        *({"decision": "maybe"}, {"decision": None}, {"decision": "reclass"}, {"class_id": 2}),
        *({"decision": "reclass", "class_id": 0}, {"decision": "reclass", "class_id": 9}, {"class_id": "2"}),
        *({"note": 5}, {"note": "x" * 20_000}, {"reviewer": ""}, {"reviewer": None}, {"version": "0"}, {"more": 1}),
    ],
)
def test_a_review_without_sense_is_refused_in_a_line(viewer: TestClient, folder: Path, other: dict[str, Any]) -> None:
    before = (folder / "polygons.gpkg").read_bytes()
    answer = viewer.post("/api/maps/0/review", json=review(**other), headers=OURS)
    assert answer.status_code == 400
    assert "\n" not in answer.json()["error"]
    assert (folder / "polygons.gpkg").read_bytes() == before


def test_bodies_that_are_no_review(viewer: TestClient) -> None:
    as_json = OURS | {"Content-Type": "application/json; charset=utf-8"}
    for body in (b"", b"{", b"[]", b"null", b"[" * 50_000, b"\xff", b'{"polygon": 1}'):
        assert viewer.post("/api/maps/0/review", content=body, headers=as_json).status_code == 400
    assert viewer.post("/api/maps/0/review", content=b" " * 10**6, headers=as_json).status_code == 413
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = viewer.post("/api/maps/0/review", content=b"{}", headers=OURS | {"Content-Type": kind})
        assert answer.status_code == 415
    assert viewer.post("/api/maps/0/review", json=review()).status_code == 403  # from no page of ours
    assert viewer.get("/api/maps/0/review").status_code == 405


def test_a_map_that_cannot_be_written_to(folder: Path, read_only: Callable[[Path], Path], make_viewer: Any) -> None:
    viewer = make_viewer([read_only(folder)])
    assert viewer.get("/api/maps").json()["maps"][0]["writable"] is False
    assert viewer.get("/api/maps/0/polygons").json()["features"]
    answer = viewer.post("/api/maps/0/review", json=review(), headers=OURS)
    assert answer.status_code == 403
    assert "read-only" in answer.json()["error"]


def test_a_file_that_breaks_while_it_is_shown(viewer: TestClient, folder: Path) -> None:
    (folder / "probabilities.tif").write_bytes(b"gone")
    answer = viewer.get(tile(viewer, "probability-1"))
    assert (answer.status_code, set(answer.json())) == (500, {"error"})
    assert viewer.get(tile(viewer, "classes")).status_code == 200


def test_maps_of_one_name_are_told_apart(make_map: Any, make_viewer: Any) -> None:
    folders = [make_map(name, size=(60, 80)) for name in ("spring/map", "autumn/map", "other")]
    told = make_viewer(folders).get("/api/maps").json()["maps"]
    assert [one["name"] for one in told] == ["spring/map", "autumn/map", "other"]


def test_reviews_are_seen_while_another_program_keeps_a_log(viewer: TestClient, folder: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(folder / "polygons.gpkg", isolation_level=None)) as qgis:
        assert qgis.execute("PRAGMA journal_mode = wal").fetchone() == ("wal",)
        qgis.execute("SELECT count(*) FROM polygons").fetchone()
        assert viewer.get("/api/maps/0/polygons").status_code == 200  # which is kept at hand
        assert viewer.post("/api/maps/0/review", json=review(), headers=OURS).status_code == 200
        features = viewer.get("/api/maps/0/polygons").json()["features"]
        assert [f["id"] for f in features if f["properties"]["review"]] == [1]
        copy = tmp_path / "copy.gpkg"
        copy.write_bytes(viewer.get("/api/maps/0/download/polygons.gpkg").content)
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT polygon, decision FROM review").fetchall() == [(1, "accept")]


def test_a_log_that_is_gone_does_not_hide_polygons(
    folder: Path, read_only: Callable[[Path], Path], make_viewer: Any
) -> None:
    decide(folder, 1, "accept", reviewer="Ana")
    with closing(sqlite3.connect(folder / "polygons.gpkg")) as database:
        database.execute("PRAGMA journal_mode = wal")
    features = make_viewer([read_only(folder)]).get("/api/maps/0/polygons").json()["features"]
    assert [f["id"] for f in features if f["properties"]["review"]] == [1]


def test_numbers_without_end_are_left_out(viewer: TestClient, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "polygons.gpkg")) as database, database:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):  # for the triggers of the index
            database.create_function(name, 1, lambda _geometry: 0)
        database.execute("UPDATE polygons SET area_ha = 9e999 WHERE id = 1")
    features = viewer.get("/api/maps/0/polygons").json()["features"]
    assert [f["id"] for f in features if f["properties"]["area_ha"] is None] == [1]


def test_no_decision_falls_upon_a_map_that_took_the_place(viewer: TestClient, folder: Path, make_map: Any) -> None:
    other = make_map("other", size=(50, 60))
    shutil.rmtree(folder)
    other.rename(folder)
    answer = viewer.post("/api/maps/0/review", json=review(), headers=OURS)
    assert answer.status_code == viewer.get("/api/maps/0/polygons").status_code == 410
    assert "start highwall view again" in answer.json()["error"]
    assert read_reviews(folder) == {}


def test_no_decision_goes_through_a_link(viewer: TestClient, folder: Path, tmp_path: Path) -> None:
    outside = (folder / "polygons.gpkg").rename(tmp_path / "outside.gpkg")
    (folder / "polygons.gpkg").symlink_to(outside)
    content = outside.read_bytes()
    assert viewer.post("/api/maps/0/review", json=review(), headers=OURS).status_code == 404
    assert outside.read_bytes() == content


def test_nothing_is_written_but_reviews(viewer: TestClient, folder: Path) -> None:
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    told = viewer.get("/api/maps").json()["maps"][0]
    for path in ("/", "/api/maps/0/polygons", *(tile(viewer, layer) for layer in told["layers"])):
        viewer.get(path)
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before
    with sqlite3.connect(folder / "polygons.gpkg") as base:
        assert "review" not in {name for (name,) in base.execute("SELECT name FROM sqlite_master")}


def test_the_page_and_its_files(viewer: TestClient) -> None:
    page = viewer.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.text == (STATIC / "index.html").read_text("utf-8")
    assert viewer.head("/").content == b""
    for path in (STATIC / "assets").iterdir():
        answer = viewer.get(f"/assets/{path.name}")
        assert answer.content == path.read_bytes()
        assert "immutable" in answer.headers["cache-control"]
