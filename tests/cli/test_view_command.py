"""`highwall view` as a process of its own, asked by a client that is no browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import highwall
from highwall.products.review import read_reviews

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROGRAM = (sys.executable, "-c", "from highwall.cli.main import main; main()", "view")


@pytest.fixture
def folder(make_scene: Callable[..., Any], local: Any, tmp_path: Path) -> Path:
    highwall.map_scene(make_scene(60, 80), local, tmp_path / "map", window=64, overlap=16)
    return tmp_path / "map"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]]:
    """Start a viewer and wait until it says where it is."""
    started = []

    def run(*arguments: object) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        told = tmp_path / f"told{len(started)}.json"
        command = [*PROGRAM, *map(str, arguments), "--no-browser", "--json", str(told)]
        process = subprocess.Popen(  # noqa: S603 - ours
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        )
        started.append(process)
        until = time.monotonic() + 120
        while not told.exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        return process, json.loads(told.read_text())

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def wait_for_pictures(address: str) -> dict[str, Any]:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        state = httpx.get(f"{address}api/maps/0/pictures").json()
        if all(told["ready"] or told["why"] for told in state.values()):
            return state
        time.sleep(0.1)
    raise AssertionError(state)


def test_a_map_is_shown_until_ctrl_c(start: Any, folder: Path, tmp_path: Path) -> None:
    process, told = start(folder, "--port", 0)
    assert told["maps"] == [{"id": 0, "folder": str(folder), "scene": "scene"}]
    assert told["address"] == f"http://127.0.0.1:{told['port']}/"
    with httpx.Client(base_url=told["address"]) as client:
        assert client.get("/").headers["content-type"].startswith("text/html")
        assert client.get("/api/maps").json()["maps"][0]["name"] == "map"
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 421
        ready = {"ready": True, "why": None, "wait": False}
        assert wait_for_pictures(told["address"]) == {"true": ready, "false": ready}
        decided = {"polygon": 1, "decision": "reject", "class_id": None, "note": "", "reviewer": "Ana", "version": 0}
        assert client.post("/api/maps/0/review", json=decided).status_code == 403
        ours = {"Origin": told["address"].rstrip("/")}
        assert client.post("/api/maps/0/review", json=decided, headers=ours).status_code == 200
        process.send_signal(signal.SIGINT)  # while the connection is open
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out.splitlines() == [f"{folder} at {told['address']} (Ctrl-C ends)"]
    assert [line.split(":")[0] for line in err.splitlines()] == ["map"] * 4  # two pictures, begun and ready
    assert "Traceback" not in err
    assert read_reviews(folder)[1].decision == "reject"
    assert len(list((tmp_path / "cache" / "highwall" / "pictures").iterdir())) == 2


def test_several_maps_and_one_that_is_none(start: Any, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "more" / "a")
    shutil.copytree(folder, tmp_path / "more" / "b")
    (tmp_path / "more" / "b" / "polygons.gpkg").unlink()
    process, told = start(folder, tmp_path / "more", "--port", 0, "--host", "localhost")
    assert [entry["folder"] for entry in told["maps"]] == [str(folder), str(tmp_path / "more" / "a")]
    assert len(httpx.get(f"{told['address']}api/maps").json()["maps"]) == 2
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert re.search(r"^not shown: .*polygons.gpkg", err, re.MULTILINE)


def test_whoever_opens_it_to_others_is_warned(start: Any, folder: Path) -> None:
    process, told = start(folder, "--port", 0, "--host", "0.0.0.0")  # noqa: S104 - what is tested
    assert httpx.get(f"{told['address']}api/maps").status_code == 200
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert err.startswith("warning: whoever reaches this machine can see")


def test_a_port_that_is_taken(start: Any, folder: Path, highwall_command: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = highwall_command("view", folder, "--port", port, "--no-browser")
    assert done.status == 2
    assert done.err.startswith(f"highwall: the viewer can't listen at 127.0.0.1, port {port}: ")
    _, first = start(folder)
    _, second = start(folder)
    assert 8642 <= first["port"] < second["port"] < 8742


def test_what_cannot_be_shown_is_told_in_a_line(highwall_command: Any, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "other")
    (tmp_path / "none").mkdir()
    for arguments, reason in (
        ([tmp_path / "none"], "is no map and holds none"),
        ([tmp_path / "nowhere"], "no such folder"),
        ([folder, tmp_path / "other", "--scene", "x.tif"], "--scene belongs to one map, and these are 2"),
        ([folder, "--host", "no such host"], "the viewer can't listen at no such host"),
    ):
        done = highwall_command("view", *arguments, "--no-browser")
        assert done.status == 2, done.err
        assert len(done.err.splitlines()) == 1
        assert reason in done.err
    assert highwall_command("view", folder, "--port", 70_000).status == 2
    assert highwall_command("view", "--help").status == 0


def test_a_scene_that_moved_may_be_named(start: Any, folder: Path, tmp_path: Path) -> None:
    moved = (tmp_path / "scene.tif").rename(tmp_path / "moved.tif")
    _, lost = start(folder, "--port", 0)
    assert "scene.tif is not there any more" in wait_for_pictures(lost["address"])["true"]["why"]
    _, found = start(folder, "--port", 0, "--scene", moved)
    assert wait_for_pictures(found["address"])["true"]["ready"]
