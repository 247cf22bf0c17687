"""What `highwall map` prints, writes and returns when all is well."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize
from scipy.ndimage import binary_dilation

from highwall.cli import bars
from highwall.files import sha256
from highwall.products.scratch import HEAD, PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Command = Callable[..., Any]

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
WINDOWS = ("--window", 64, "--overlap", 16)
RASTERS = ("classes.tif", "probabilities.tif")


@pytest.fixture
def make(draw: Callable[..., Any], save: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Write a scene of blocks of all classes in their own colours."""

    def write(name: str, seed: int = 0, size: int = 96, add: int = 0, **profile: Any) -> Path:
        counts, _ = draw(seed, size)
        path = tmp_path / f"{name}.tif"
        return save(path, counts + np.uint16(add), (0, 0), BANDS if not add else (), **profile)

    return write


def read(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as file:
        return file.read()


def digests(folder: Path, *more: str) -> dict[str, str]:
    return {name: sha256(folder / name) for name in (*RASTERS, *more)}


def test_one_scene_is_mapped_into_the_folder_and_not_again(
    highwall_command: Command, trained: Any, make: Any, draw: Any, tmp_path: Path
) -> None:
    scene, out, result = make("S2_20200914_x"), tmp_path / "out", tmp_path / "map.json"
    command = ("map", trained.folder, scene, "-o", out, *WINDOWS, "--parquet", "--json", result)
    done = highwall_command(*command)
    assert done.status == 0, done.err
    assert {path.name for path in out.iterdir()} == {
        *RASTERS,
        *("classes.tif.aux.xml", "classes.qml", "polygons.gpkg", "polygons.parquet", "item.json", "manifest.json"),
    }
    assert done.err.splitlines() == ["mapping S2_20200914_x", "S2_20200914_x: writing rasters and polygons"]
    _, mask = draw(0, 96)
    assert (read(out / "classes.tif") == mask).mean() > 0.95
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["command"][:2] == ["highwall", "map"]
    document = json.loads(result.read_text())
    assert document["failed"] == []
    told = ("scene", "classes", "outside_share", "forecast", "skipped", "missing_bands", "notes", "seconds")
    assert document["maps"] == [{"folder": str(out), **{key: manifest[key] for key in told}}]
    low, high = manifest["forecast"]["interval"]["miou"]
    assert 0 <= low <= manifest["forecast"]["miou"] <= high <= 1
    polygons = geopandas.read_file(out / "polygons.gpkg", layer="polygons")
    for row in document["maps"][0]["classes"]:
        own = polygons[polygons["class"] == row["class"]]
        assert (row["polygons"], row["uncorrected_area_ha"]) == (len(own), pytest.approx(own["area_ha"].sum()))
        numbers = (len(own), row["below_minimum"], f"{row['uncorrected_area_ha']:.1f}")
        assert row["below_minimum"] == own["below_minimum"].sum()
        assert re.search(rf"{row['class']} +│ +" + " +│ +".join(map(str, numbers)) + " ", done.out)
    assert "uncorrected" in done.out
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    again = highwall_command(*command)
    assert (again.status, again.out) == (0, done.out)
    assert again.err.splitlines()[-1] == f"{out} is complete"
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert json.loads(result.read_text()) == document


def test_several_scenes_side_by_side_are_as_one_after_the_other_and_one_bad_one_hinders_no_other(
    highwall_command: Command, trained: Any, make: Any, tmp_path: Path
) -> None:
    (tmp_path / "bad.tif").write_text("no image")
    scenes = (make("first"), tmp_path / "bad.tif", make("second", 1))
    for name, options in (("one", ()), ("two", ("--jobs", 2))):
        result = tmp_path / f"{name}.json"
        done = highwall_command(
            "map", trained.folder, *scenes, "-o", tmp_path / name, *WINDOWS, *options, "--json", result
        )
        assert done.status == 2
        lines = done.err.splitlines()
        complaint = f"{scenes[1]}: not readable as TIFF"
        assert lines[0].startswith(f"{scenes[1]}: no map: {complaint}")  # before the work begins
        assert lines[-1].startswith(f"highwall: {complaint}")
        assert sorted(lines[1:-1]) == sorted(
            line
            for scene in ("first", "second")
            for line in (f"mapping {scene}", f"{scene}: writing rasters and polygons")
        )
        document = json.loads(result.read_text())
        assert [entry["scene"] for entry in document["maps"]] == ["first", "second"]
        assert [entry["scene"] for entry in document["failed"]] == [str(scenes[1])]
        assert document["failed"][0]["reason"].startswith(complaint)
        assert {path.name for path in (tmp_path / name).iterdir()} == {"first", "second"}
    for scene in ("first", "second"):
        one, two = (digests(tmp_path / name / scene, "polygons.gpkg") for name in ("one", "two"))
        assert one == two


def test_files_joined_with_commas_are_one_scene(
    highwall_command: Command, trained: Any, make: Any, save: Any, tmp_path: Path
) -> None:
    whole = make("a,b")  # a name with a comma is still a name
    for band, counts in zip(BANDS, read(whole), strict=True):
        save(tmp_path / "bands" / f"T32_{band}.tif", counts, (0, 0))
    joined = ",".join(str(tmp_path / "bands" / f"T32_{band}.tif") for band in reversed(BANDS))
    done = highwall_command("map", trained.folder, joined, whole, "-o", tmp_path / "out", *WINDOWS)
    assert done.status == 0, done.err
    assert digests(tmp_path / "out" / "bands") == digests(tmp_path / "out" / "a,b")


@pytest.fixture
def products(draw: Any, make_safe: Any, tmp_path: Path) -> dict[str, Any]:
    """The same ground as products of baseline 02.12 and 05.09, with a corner outside of the swath, and clouds."""
    counts, _ = draw(5, 96)
    rows, columns = np.indices((96, 96))
    outside = rows // 2 + columns // 2 < 10
    counts[:, outside] = 0
    ground = {band: plane if band in BANDS[:4] else plane[::2, ::2] for band, plane in zip(BANDS, counts, strict=True)}
    scl = np.full((48, 48), 4, np.uint8)
    scl[20:30, 8:24] = 9
    scl[36:40, 30:40] = 3
    raised = {band: np.where(plane, plane + 1000, 0).astype(np.uint16) for band, plane in ground.items()}
    old = make_safe(tmp_path, "L2A", "02.12", None, ground, scl=scl)
    new = make_safe(tmp_path, "L2A", "05.09", -1000, raised, scl=scl, zipped=True)
    clouds = np.isin(scl, (9, 3)).repeat(2, 0).repeat(2, 1)
    return {"old": old, "new": new, "clouds": clouds, "outside": outside}


def test_a_product_and_its_reprocessed_twin_give_the_same_map(
    highwall_command: Command, trained: Any, products: dict[str, Any], tmp_path: Path
) -> None:
    done = highwall_command("map", trained.folder, products["old"], products["new"], "-o", tmp_path / "out", *WINDOWS)
    assert done.status == 0, done.err
    assert "note:" not in done.err
    old, new = (tmp_path / "out" / path.name.partition(".")[0] for path in (products["old"], products["new"]))
    assert digests(old) == digests(new)
    layers = [geopandas.read_file(folder / "polygons.gpkg", layer="polygons") for folder in (old, new)]
    assert len(layers[0]) > 5
    assert [set(layer.pop("scene")) for layer in layers] == [{old.name}, {new.name}]
    assert layers[0].equals(layers[1])
    classes = read(old / "classes.tif")[0]
    assert set(np.unique(classes)) == {0, 1, 2, 3, 255}


@pytest.mark.parametrize("clouds", ["none", "product", "auto"])
def test_ground_under_clouds_is_unknown(
    highwall_command: Command, trained: Any, products: dict[str, Any], tmp_path: Path, clouds: str
) -> None:
    out = tmp_path / "out"
    done = highwall_command("map", trained.folder, products["new"], "-o", out, *WINDOWS, "--clouds", clouds)
    assert done.status == 0, done.err
    masked = products["outside"] | (products["clouds"] & (clouds != "none"))
    classes = read(out / "classes.tif")[0]
    np.testing.assert_array_equal(classes == 255, masked)
    assert ((read(out / "probabilities.tif") == 255) == masked).all()
    unknown = np.pad(masked, 1, constant_values=True)
    polygons = geopandas.read_file(out / "polygons.gpkg", layer="polygons")
    for shape, touches in zip(polygons.geometry, polygons["touches_masked"], strict=True):
        pixels = rasterize([shape], (96, 96), transform=transform(out))
        assert touches == (binary_dilation(np.pad(pixels, 1)) & unknown).any()
    assert 0 < polygons["touches_masked"].sum() < len(polygons)


def transform(out: Path) -> Any:
    with rasterio.open(out / "classes.tif") as file:
        return file.transform


@pytest.mark.parametrize(
    ("add", "options", "noted"), [(1000, (), True), (0, (), False), (1000, ("--offset", "-0.1"), False)]
)
def test_counts_that_nothing_explains_are_noted_before_the_work_begins(
    highwall_command: Command,
    trained: Any,
    make: Any,
    tmp_path: Path,
    add: int,
    options: tuple[str, ...],
    noted: bool,
) -> None:
    done = highwall_command("map", trained.folder, make("scene", add=add), "-o", tmp_path / "out", *WINDOWS, *options)
    assert done.status == 0, done.err
    lines = done.err.splitlines()
    assert (lines[0], lines[-1]) == ("mapping scene", "scene: writing rasters and polygons")
    notes = json.loads((tmp_path / "out" / "manifest.json").read_text())["notes"]
    assert lines[1:-1] == [f"note: {note}" for note in notes]
    assert len(notes) == noted
    if noted:
        assert notes[0].startswith("scene: nothing tells what its counts mean")
        assert "--offset -0.1 would apply it" in notes[0]


def test_plain_lines_tell_how_long_it_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 10.0, 20.0, 40.0, 41.0, 100.0])
    monkeypatch.setattr(bars.time, "monotonic", lambda: next(clock))
    with bars.windows_bar("mapping x") as progress:
        for done in (500, 510, 520, 530, 680):  # a run that goes on begins in the middle
            progress(done, 1000)
    assert capsys.readouterr().err.splitlines() == [
        "mapping x",
        "mapping x: 520 of 1000 windows, about 12 minutes left",
        "mapping x: 680 of 1000 windows, about 3 minutes left",
    ]


@pytest.mark.parametrize("scenes", [1, 2])
def test_ctrl_c_ends_it_quickly_and_the_same_command_goes_on(
    highwall_command: Command, trained: Any, make: Any, tmp_path: Path, scenes: int
) -> None:
    paths = [make(f"scene{number}", number, 160) for number in range(scenes)]
    out, windows = tmp_path / "out", ("--window", 32, "--overlap", 28, "--batch", 1)
    command = [str(part) for part in ("map", trained.folder, *paths, "-o", out, *windows)]
    part = out.with_name(".out.part") if scenes == 1 else out / ".scene1.part"
    program = [str(Path(sys.executable).with_name("highwall")), *command, "--jobs", str(scenes)]
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:  # noqa: S603 - ours
        while not (part / PROBABILITIES).exists() or (part / PROBABILITIES).stat().st_size == len(HEAD):
            assert run.poll() is None, run.stderr
            time.sleep(0.01)
        os.killpg(run.pid, signal.SIGINT)  # what a terminal does
        begun = time.monotonic()
        _, said = run.communicate()
        took = time.monotonic() - begun
    assert run.returncode == 130
    assert said.splitlines()[-1] == "stopped; what is done so far is kept: the same command goes on from there"
    assert all(line.startswith("mapping scene") for line in said.splitlines()[:-1]), said
    assert took < 20
    done = highwall_command(*command)  # one after the other now: how it is done is no matter of what is done
    assert done.status == 0, done.err
    assert re.search(rf"scene{scenes - 1}: going on at row \d+ of 160", done.err)
    assert [path.name for path in tmp_path.rglob(".*")] == []
