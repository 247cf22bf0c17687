from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyogrio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import highwall
from highwall.errors import BadInput
from highwall.products.review import Conflict, ReadOnly, Review, clear, decide, read_reviews, writable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.scenes import Scene


def dump(folder: Path) -> list[Any]:
    """Everything in the GeoPackage that is the model's: tables as SQL, all rows."""
    with sqlite3.connect(folder / "polygons.gpkg") as database:
        tables = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'polygons' OR name LIKE 'rtree%' ORDER BY name"
        ).fetchall()
        rows = [
            database.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall()  # noqa: S608 - ours
            for name in ("polygons", "rtree_polygons_geom_node")
        ]
        about = [
            database.execute(f"SELECT * FROM {name} WHERE table_name = 'polygons'").fetchall()  # noqa: S608 - ours
            for name in ("gpkg_contents", "gpkg_geometry_columns", "gpkg_extensions", "gpkg_ogr_contents")
        ]
        style = database.execute("SELECT * FROM layer_styles WHERE f_table_name = 'polygons'").fetchall()
    database.close()
    return [tables, rows, about, style]


def integrity(folder: Path) -> str:
    with sqlite3.connect(folder / "polygons.gpkg") as database:
        (found,) = database.execute("PRAGMA integrity_check").fetchone()
    database.close()
    return str(found)


def test_a_decision_is_read_back(make_block_map: Callable[..., Any]) -> None:
    folder = make_block_map().folder
    names = {path.name for path in folder.iterdir()}
    assert read_reviews(folder) == {}
    made = decide(folder, 2, "reclass", class_id=3, note="water, not rock", reviewer="ana", version=0)
    assert made == Review("reclass", 3, "water, not rock", "ana", made.at, 1)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(made.at)) < timedelta(minutes=1)
    other = decide(folder, 1, "accept", reviewer="bo")
    assert read_reviews(folder) == {1: other, 2: made}
    again = decide(folder, 2, "reject", reviewer="bo", version=1)
    assert (again.version, again.class_id, again.note) == (2, None, "")
    clear(folder, 1, reviewer="ana", version=1)
    assert read_reviews(folder) == {2: again}
    clear(folder, 3, reviewer="ana")
    assert read_reviews(folder) == {2: again}
    assert {path.name for path in folder.iterdir()} == names
    assert json.loads(json.dumps(made.to_json())) == made.to_json()


def test_whoever_decides_on_what_is_old_is_told(make_block_map: Callable[..., Any]) -> None:
    folder = make_block_map().folder
    first = decide(folder, 1, "accept", reviewer="ana")
    for version in (0, 2):
        with pytest.raises(Conflict) as told:
            decide(folder, 1, "reject", reviewer="bo", version=version)
        assert told.value.current == first
        with pytest.raises(Conflict):
            clear(folder, 1, reviewer="bo", version=version)
    assert read_reviews(folder) == {1: first}
    clear(folder, 1, reviewer="ana", version=1)
    with pytest.raises(Conflict) as told:
        decide(folder, 1, "reject", reviewer="bo", version=1)
    assert told.value.current is None
    assert read_reviews(folder) == {}
    assert decide(folder, 1, "reject", reviewer="bo").version == 3
    with pytest.raises(Conflict):  # what ana saw was version 1, though this is the first decision since
        decide(folder, 1, "accept", reviewer="ana", version=1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"polygon": 999_999}, "has no polygon 999999"),
        ({"polygon": -1}, "no id of a polygon"),
        ({"polygon": 2**64}, "no id of a polygon"),
        ({"polygon": True}, "no id of a polygon"),
        ({"polygon": "1"}, "no id of a polygon"),
        ({"decision": "maybe"}, "no decision"),
        ({"decision": "clear"}, "no decision"),
        ({"decision": "reclass"}, "a class belongs to"),
        ({"class_id": 1}, "a class belongs to"),
        ({"decision": "reclass", "class_id": 0}, "no class that a polygon"),
        ({"decision": "reclass", "class_id": 7}, r"1 waste dump, 2 quarry pit, 3 tailings pond"),
        ({"decision": "reclass", "class_id": 255}, "no class that a polygon"),
        ({"decision": "reclass", "class_id": "1"}, "no class that a polygon"),
        ({"note": "a\0b"}, "note is no text"),
        ({"note": "\ud800"}, "note is no text"),
        ({"note": 5}, "note is no text"),
        ({"note": "x" * 10_001}, "10,001 characters"),
        ({"reviewer": " \n"}, "needs the name"),
        ({"reviewer": "x" * 201}, "201 characters"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(
    make_block_map: Callable[..., Any], change: dict[str, Any], why: str
) -> None:
    folder = make_block_map().folder
    before = (folder / "polygons.gpkg").read_bytes()
    usual: dict[str, Any] = {"polygon": 1, "decision": "accept", "reviewer": "ana"}
    with pytest.raises(BadInput, match=why) as told:
        decide(folder, **usual | change)
    assert not isinstance(told.value, ReadOnly | Conflict)
    assert "\n" not in str(told.value)
    assert (folder / "polygons.gpkg").read_bytes() == before


@pytest.mark.parametrize("content", [None, b"", b"no database at all" * 100])
def test_what_is_no_map_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "polygons.gpkg").write_bytes(content)
    with pytest.raises(BadInput):
        decide(tmp_path, 1, "accept", reviewer="ana")
    if content != b"":  # to SQLite, that is a database without tables
        with pytest.raises(BadInput):
            read_reviews(tmp_path)


def test_the_model_s_own_table_is_as_it_was(make_block_map: Callable[..., Any]) -> None:
    folder = make_block_map().folder
    before = dump(folder)
    decide(folder, 1, "accept", reviewer="ana")
    decide(folder, 2, "reject", reviewer="ana")
    decide(folder, 2, "reclass", class_id=2, reviewer="ana", version=1)
    clear(folder, 1, reviewer="ana", version=1)
    assert dump(folder) == before
    assert integrity(folder) == "ok"


@pytest.mark.parametrize("crs", ["EPSG:32723", None])
def test_gdal_shows_decisions_and_polygons(make_block_map: Callable[..., Any], crs: str | None) -> None:
    where = {} if crs else {"crs": None, "transform": None}
    made = make_block_map(**where)
    path, before = made.folder / "polygons.gpkg", made.polygons()
    one = decide(made.folder, 1, "accept", reviewer="ana")
    two = decide(made.folder, 2, "reclass", class_id=3, note='"%; DROP TABLE review', reviewer="bo")
    decide(made.folder, 4, "reject", reviewer="bo")
    clear(made.folder, 4, reviewer="bo", version=1)
    decide(made.folder, 5, "reject", reviewer="bo")
    layers = dict(pyogrio.list_layers(path))
    assert layers == {"polygons": "Polygon", "reviewed": "Polygon", "layer_styles": None, "review": None}
    table = pyogrio.read_dataframe(path, layer="review").set_index("polygon")
    assert table["decision"].fillna("none").to_dict() == {1: "accept", 2: "reclass", 4: "none", 5: "reject"}
    assert table["version"].to_dict() == {1: 1, 2: 1, 4: 2, 5: 1}
    assert table["at"][1] == datetime.fromisoformat(one.at)
    assert table["note"][2] == two.note
    view = pyogrio.read_dataframe(path, layer="reviewed").set_index("id")
    assert len(view) == len(before)
    assert (view.crs == before.crs) or (crs is None)
    assert view.geometry.geom_equals(before.geometry).all()
    assert (view["mapped_class_id"] == before["class_id"]).all()
    assert view["label"].dropna().to_dict() == {1: before["class_id"][1], 2: 3, 5: 0}
    box = tuple(before.geometry[3].bounds)
    near = pyogrio.read_dataframe(path, layer="reviewed", bbox=box)
    assert set(near["id"]) == set(before.index[before.intersects(before.geometry[3].envelope)])
    with sqlite3.connect(path) as database:
        kinds = dict(database.execute("SELECT table_name, data_type FROM gpkg_contents"))
        foreign = database.execute("PRAGMA foreign_key_check").fetchall()
        types = {
            kind for name in ("review", "reviewed") for _, _, kind, *_ in database.execute(f"PRAGMA table_info({name})")
        }
        (qml,) = database.execute("SELECT styleQML FROM layer_styles WHERE f_table_name = 'reviewed'").fetchone()
    database.close()
    assert kinds == {
        "polygons": "features", "reviewed": "features", "layer_styles": "attributes", "review": "attributes",
    }  # fmt: skip
    assert foreign == []
    assert types <= {"INTEGER", "TEXT", "DATETIME", "POLYGON", "MEDIUMINT", "REAL", "BOOLEAN"}  # none is left open
    assert 'attr="decision"' in qml


def test_layers_that_somebody_removed_come_back(make_block_map: Callable[..., Any]) -> None:
    folder = make_block_map().folder
    decide(folder, 1, "accept", reviewer="ana")
    with sqlite3.connect(folder / "polygons.gpkg") as database:  # as GDAL removes a layer
        for statement in ("DELETE FROM gpkg_contents WHERE table_name = 'review'", "DROP TABLE review"):
            database.execute(statement)
        database.execute("DELETE FROM gpkg_geometry_columns WHERE table_name = 'reviewed'")
        database.execute("DELETE FROM gpkg_contents WHERE table_name = 'reviewed'")
        database.execute("DROP VIEW reviewed")
    database.close()
    assert read_reviews(folder) == {}
    decide(folder, 2, "reject", reviewer="ana")
    assert set(read_reviews(folder)) == {2}
    assert dict(pyogrio.list_layers(folder / "polygons.gpkg"))["reviewed"] == "Polygon"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    note=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=2000),
    reviewer=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=50).filter(
        lambda name: name.strip()
    ),
)
def test_any_note_is_read_back_by_us_and_by_gdal(kept: Path, note: str, reviewer: str) -> None:
    seen = read_reviews(kept)
    made = decide(kept, 1, "accept", note=note, reviewer=reviewer, version=seen[1].version if seen else 0)
    assert (made.note, made.reviewer) == (note, reviewer.strip())
    assert read_reviews(kept) == {1: made}
    (row,) = pyogrio.read_dataframe(kept / "polygons.gpkg", layer="review").to_dict("records")
    assert (row["note"], row["reviewer"]) == (note, reviewer.strip())


@pytest.fixture
def kept(make_block_map: Callable[..., Any]) -> Path:
    """A map that stays from example to example."""
    folder: Path = make_block_map().folder
    return folder


CROWD = """
import sys
from pathlib import Path
from highwall.products.review import Conflict, decide, read_reviews

folder, reviewer, polygons = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
lost = 0
for polygon in range(1, polygons + 1):
    version = 0
    while True:
        try:
            decide(folder, polygon, "accept", note=f"{reviewer} {polygon}", reviewer=reviewer, version=version)
        except Conflict as conflict:
            lost += 1
            version = conflict.current.version
            continue
        break
print(lost)
"""
"""Decides about all polygons; where somebody was faster, decides on top of that."""


def test_two_processes_lose_nothing(make_scene: Callable[..., Scene], local: Any, tmp_path: Path) -> None:
    highwall.map_scene(make_scene(40, 40), local, tmp_path / "out")
    command = [sys.executable, "-c", CROWD, str(tmp_path / "out")]
    names = ("ana", "bo")
    running = [
        subprocess.Popen([*command, name, "200"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 - ours
        for name in names
    ]
    ends = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0, 0], ends
    reviews = read_reviews(tmp_path / "out")
    assert set(reviews) == set(range(1, 201))
    assert {review.version for review in reviews.values()} == {2}
    assert sum(int(out) for out, _ in ends) == 200  # each polygon had one who came second
    assert all(review.note == f"{review.reviewer} {polygon}" for polygon, review in reviews.items())
    assert integrity(tmp_path / "out") == "ok"


KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
from highwall.products.review import decide, read_reviews

folder, kills = Path(sys.argv[1]), int(sys.argv[2])
moments = random.Random(0)
told = {}
for round in range(kills):
    seen = read_reviews(folder)
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        for polygon in range(1, 1000):
            version = seen[polygon].version if polygon in seen else 0
            review = decide(folder, polygon, "reject", note="x" * 5000, reviewer=f"round {round}", version=version)
            os.write(write, f"{polygon} {review.version}\\n".encode())  # it is acknowledged
        os._exit(0)
    os.close(write)
    time.sleep(moments.uniform(0.02, 0.4))
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    with os.fdopen(read) as lines:
        told |= {int(line.split()[0]): int(line.split()[1]) for line in lines if line.endswith("\\n")}
    found = read_reviews(folder)
    assert all(found[polygon].version >= version for polygon, version in told.items()), round
    extra = sum(review.version for review in found.values()) - sum(told.values())
    assert 0 <= extra <= round + 1, extra  # at most one a round was on the disk, but not told yet
print(len(told))
"""
"""Decides in a process that is killed over and over."""


def test_killed_ten_times_every_decision_that_was_told_is_there(
    make_scene: Callable[..., Scene], local: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    highwall.map_scene(make_scene(40, 40), local, folder)
    names, before = {path.name for path in folder.iterdir()}, dump(folder)
    arguments = [sys.executable, "-c", KILLER, str(folder), "10"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5
    assert integrity(folder) == "ok"
    assert dump(folder) == before
    assert len(pyogrio.read_dataframe(folder / "polygons.gpkg", layer="review")) >= int(done.stdout)
    decide(
        folder, 1, "accept", reviewer="ana", version=read_reviews(folder)[1].version
    )  # takes away a journal of theirs
    assert {path.name for path in folder.iterdir()} == names


def test_what_was_half_written_is_rolled_back_by_whoever_reads_first(
    make_block_map: Callable[..., Any], tmp_path: Path
) -> None:
    folder = make_block_map().folder
    one = decide(folder, 1, "accept", reviewer="ana")
    database = sqlite3.connect(folder / "polygons.gpkg", isolation_level=None)
    for statement in ("PRAGMA cache_size = 1", "BEGIN IMMEDIATE", "UPDATE review SET note = hex(zeroblob(500000))"):
        database.execute(statement)
    assert (folder / "polygons.gpkg-journal").stat().st_size > 0
    shutil.copytree(folder, tmp_path / "dead")  # as if the power failed now
    database.execute("ROLLBACK")
    database.close()
    assert (tmp_path / "dead" / "polygons.gpkg").read_bytes() != (folder / "polygons.gpkg").read_bytes()
    assert read_reviews(tmp_path / "dead") == {1: one}
    assert not (tmp_path / "dead" / "polygons.gpkg-journal").exists()
    assert integrity(tmp_path / "dead") == "ok"


def test_another_program_at_work_is_waited_for(make_block_map: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.setattr("highwall.products.review._PATIENCE", 0.2)
    folder = make_block_map().folder
    database = sqlite3.connect(folder / "polygons.gpkg", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    with pytest.raises(BadInput, match="another program is writing to it") as told:
        decide(folder, 1, "accept", reviewer="ana")
    assert not isinstance(told.value, ReadOnly)
    assert read_reviews(folder) == {}
    database.execute("ROLLBACK")
    database.close()
    decide(folder, 1, "accept", reviewer="ana")


def test_a_read_only_folder_is_read_and_says_what_it_is(
    make_block_map: Callable[..., Any], make_mount: Callable[[str], Path]
) -> None:
    made, disk = make_block_map(), make_mount("8m")
    one = decide(made.folder, 1, "accept", reviewer="ana")
    assert writable(made.folder)
    folder = disk / "map"
    shutil.copytree(made.folder, folder)
    assert writable(folder)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)  # noqa: S603, S607 - ours
    assert not writable(folder)
    assert read_reviews(folder) == {1: one}
    for polygon in (1, 2):
        with pytest.raises(ReadOnly, match="is read-only: decisions cannot be kept in it"):
            decide(folder, polygon, "accept", reviewer="ana", version=1)
    with pytest.raises(ReadOnly):
        clear(folder, 1, reviewer="ana", version=1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_protected_folder_or_file_is_read_only(make_block_map: Callable[..., Any], what: str) -> None:
    folder = make_block_map().folder
    one = decide(folder, 1, "accept", reviewer="ana")
    path, mode = (folder, 0o500) if what == "folder" else (folder / "polygons.gpkg", 0o400)
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        assert not writable(folder)
        assert read_reviews(folder) == {1: one}
        with pytest.raises(ReadOnly):
            decide(folder, 2, "accept", reviewer="ana")
    finally:
        path.chmod(before)


def test_a_full_disk_is_told_and_nothing_is_lost(
    make_block_map: Callable[..., Any], make_mount: Callable[[str], Path]
) -> None:
    disk, made = make_mount("2m"), make_block_map()
    folder = disk / "map"
    shutil.copytree(made.folder, folder)
    one = decide(folder, 1, "accept", reviewer="ana")
    with (disk / "other").open("wb", buffering=0) as other, suppress(OSError):
        while True:
            other.write(bytes(512))
    with pytest.raises(BadInput, match=r"disk is full|I/O") as told:
        decide(folder, 2, "accept", note="x" * 10_000, reviewer="ana")
    assert not isinstance(told.value, ReadOnly)
    (disk / "other").unlink()
    assert read_reviews(folder) == {1: one}
    assert integrity(folder) == "ok"
    decide(folder, 2, "accept", reviewer="ana")


def test_a_finished_map_that_was_reviewed_is_left_alone(
    make_block_map: Callable[..., Any], by_brightness: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    made = make_block_map()
    one = decide(made.folder, 1, "reject", note="a road", reviewer="ana")
    before = {path.name: path.read_bytes() for path in made.folder.iterdir()}
    again = highwall.map_scene(made.scene, by_brightness, made.folder, window=64, overlap=16)
    assert again.folder == made.folder
    assert {path.name: path.read_bytes() for path in made.folder.iterdir()} == before
    assert read_reviews(made.folder) == {1: one}
