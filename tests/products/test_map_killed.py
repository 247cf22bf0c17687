"""Runs that are killed at any moment, and disks that are full: nothing is lost, nothing is half-written."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import highwall
from highwall.errors import BadInput
from highwall.files import sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.scenes import Scene

KILLER = """
import json, os, random, signal, sys, time
import numpy as np
from highwall.products.map import map_scene
from highwall.scenes import open_scene

def predict(reflectance):
    time.sleep(0.002 * len(reflectance))  # a network takes its time
    odds = np.exp(8 * reflectance[:, :4])
    return odds / odds.sum(axis=1, keepdims=True)

predict.fingerprint = "local"
path, whole, out, kills, seed = sys.argv[1:]
options = {"window": 64, "overlap": 24, "batch": 4, "parquet": True}
begun = time.monotonic()
map_scene(path, predict, whole, **options)
took = time.monotonic() - begun
begun = time.monotonic()
map_scene(path, predict, whole + "-again", **options)
took = time.monotonic() - begun  # the first one compiled the loops
moments = random.Random(int(seed))
killed = 0
for _ in range(int(kills)):
    if (child := os.fork()) == 0:
        map_scene(path, predict, out, **options)
        os._exit(0)
    time.sleep(moments.uniform(0.05, 1.1) * took / 2)
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert not os.path.exists(out) or os.path.exists(os.path.join(out, "manifest.json"))
map_scene(path, predict, out, **options)
print(json.dumps({"killed": killed}))
"""
"""Maps a scene whole, then again in a process that is killed over and over, and at last not."""


@pytest.mark.parametrize("seed", [0])
def test_killed_ten_times_at_random_moments_the_map_is_the_same(
    make_scene: Callable[..., Scene], tmp_path: Path, seed: int
) -> None:
    scene = make_scene(500, 400, hole=True)
    whole, out = tmp_path / "whole", tmp_path / "out"
    arguments = [sys.executable, "-c", KILLER, scene.planes["B02"].path, str(whole), str(out), "10", str(seed)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["killed"] >= 2
    names = {path.name for path in whole.iterdir()}
    assert {path.name for path in out.iterdir()} == names
    for name in names - {"manifest.json"}:
        assert sha256(out / name) == sha256(whole / name), name
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.fixture
def small_disk(make_mount: Callable[[str], Path]) -> Path:
    """A file system of two megabytes."""
    return make_mount("2m")


def test_a_disk_without_room_is_said_before_the_work_begins(
    make_scene: Callable[..., Scene], local: Any, small_disk: Path
) -> None:
    with pytest.raises(BadInput, match=r"are needed here, 2 MB are free"):
        highwall.map_scene(make_scene(1000, 600), local, small_disk / "out")
    assert not (small_disk / "out").exists()


def test_a_disk_that_fills_up_keeps_what_is_done(
    make_scene: Callable[..., Scene], constant: Any, small_disk: Path, tmp_path: Path
) -> None:
    scene = make_scene(400, 600)

    def fill(reflectance: Any) -> Any:
        if not (small_disk / "other").exists():
            (small_disk / "other").write_bytes(bytes(1_300_000))  # somebody else's
        return constant(reflectance)

    fill.fingerprint = constant.fingerprint = "constant"  # type: ignore[attr-defined]
    fill.__qualname__ = constant.__qualname__
    options: dict[str, Any] = {"window": 64, "overlap": 0}
    with pytest.raises(BadInput, match=r"No space left on device.*is kept"):
        highwall.map_scene(scene, fill, small_disk / "out", **options)
    assert not (small_disk / "out").exists()
    (small_disk / "other").unlink()
    highwall.map_scene(scene, constant, small_disk / "out", **options)
    highwall.map_scene(scene, constant, tmp_path / "whole", **options)
    for name in ("classes.tif", "probabilities.tif", "polygons.gpkg"):
        assert sha256(small_disk / "out" / name) == sha256(tmp_path / "whole" / name)


def test_a_disk_that_fills_up_while_the_product_is_written(
    make_scene: Callable[..., Scene], constant: Any, small_disk: Path
) -> None:
    scene, asked = make_scene(400, 600), []

    def fill(reflectance: Any) -> Any:
        asked.extend(reflectance)
        if len(asked) == 70:  # the last window
            (small_disk / "other").write_bytes(bytes(780_000))
        return constant(reflectance)

    fill.fingerprint = "constant"  # type: ignore[attr-defined]
    with pytest.raises(BadInput, match=r"cannot be written.*is kept"):
        highwall.map_scene(scene, fill, small_disk / "out", window=64, overlap=0, batch=1)
    assert not (small_disk / "out").exists()
    (small_disk / "other").unlink()
    highwall.map_scene(scene, fill, small_disk / "out", window=64, overlap=0, batch=1)
    assert len(asked) == 70  # nothing was computed twice
