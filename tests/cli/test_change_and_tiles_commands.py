"""`highwall change` and `highwall tiles` as the program runs them; their results have tests of their own."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any, get_type_hints

import geopandas
import numpy as np
import pytest
import rasterio
import shapely

from highwall.cli.simulate import simulate
from highwall.cli.tiles import tiles
from highwall.cutting.cut import EMPTY, SIZE, VAL
from highwall.simulation import DEFAULT_TILES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")


def assert_bad(done: Any, says: str) -> None:
    assert (done.status, done.out) == (2, "")
    (line,) = (line for line in done.err.splitlines() if not line.startswith("cutting "))
    assert line.startswith("highwall: ")
    assert says in line


@pytest.fixture
def scenes(draw: Any, save: Any, tmp_path: Path) -> list[Path]:
    return [save(tmp_path / f"S2_{year}0601.tif", draw(year, 96)[0], (0, 0), BANDS) for year in (2018, 2023)]


def test_what_changed_between_two_maps(
    highwall_command: Command, trained: Any, scenes: list[Path], tmp_path: Path
) -> None:
    maps = [tmp_path / "maps" / scene.stem for scene in scenes]
    windows = ("--window", 64, "--overlap", 16)
    assert highwall_command("map", trained.folder, *scenes, "-o", tmp_path / "maps", *windows).status == 0
    out, result = tmp_path / "change", tmp_path / "change.json"
    done = highwall_command("change", *maps, "-o", out, "--json", result)
    assert (done.status, done.err) == (0, "")
    assert "2018-06-01" in done.out
    assert "2023-06-01" in done.out
    before, after = (rasterio.open(folder / "classes.tif").read(1).astype(int) for folder in maps)
    np.testing.assert_array_equal(rasterio.open(out / "change.tif").read(1), before * 16 + after)
    document = json.loads(result.read_text())
    assert document == json.loads((out / "change.json").read_text())
    assert [row["pixels_a"] for row in document["classes"]] == np.bincount(before.ravel(), minlength=4).tolist()
    assert [row["pixels_b"] for row in document["classes"]] == np.bincount(after.ravel(), minlength=4).tolist()
    (tmp_path / "file").write_text("in the way")
    kept = sorted(tmp_path.rglob("*"))
    for arguments, says in (
        ((*maps, "-o", out), f"{out} is there already and holds something"),
        ((*maps, "-o", maps[0]), f"{maps[0]} is there already and holds something"),
        ((*maps, "-o", tmp_path / "file" / "out"), f"{tmp_path / 'file'}"),
        ((maps[0], tmp_path / "none", "-o", tmp_path / "new"), f"{tmp_path / 'none'} is no map"),
        ((maps[0], trained.folder, "-o", tmp_path / "new"), f"{trained.folder} is no map"),
    ):
        assert_bad(highwall_command("change", *arguments), says)
    assert sorted(tmp_path.rglob("*")) == kept


@pytest.fixture
def polygons(scenes: list[Path], tmp_path: Path) -> Path:
    with rasterio.open(scenes[0]) as file:
        left, top = file.transform * (8, 8)
    table = geopandas.GeoDataFrame({"class": ["quarry pit"]}, geometry=[shapely.box(left, top - 400, left + 400, top)])
    path = tmp_path / "pits.gpkg"
    table.set_crs("EPSG:32723").to_file(path)
    return path


def test_tiles_are_cut_and_checked(
    highwall_command: Command, scenes: list[Path], polygons: Path, tmp_path: Path
) -> None:
    done = highwall_command("tiles", scenes[0], polygons, "-o", tmp_path / "tiles", "--size", 48, "--val", 0)
    assert done.status == 0, done.err
    assert ", 1600 quarry pit" in done.out
    assert highwall_command("check", tmp_path / "tiles").status == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"scene": "nothing.tif"}, "nothing.tif: no such file or folder"),
        ({"scene": "pits.gpkg"}, "pits.gpkg: not readable, or truncated"),
        ({"polygons": "S2_20180601.tif"}, "S2_20180601.tif"),
        ({"polygons": "nothing.gpkg"}, "nothing.gpkg"),
        ({"out": "pits.gpkg"}, "pits.gpkg is there already and not empty"),
        ({"out": "pits.gpkg/out"}, "pits.gpkg"),
        ({"--others": "none"}, "--others none: must be error, unknown or background"),
        ({"--size": "2"}, "tiles of 2 pixels are too small"),
        ({"--offset": "nan"}, "an offset must be a number"),
        ({"--take": "B05"}, "band B05 is missing"),
    ],
)
def test_tiles_refuses(
    highwall_command: Command, scenes: list[Path], polygons: Path, tmp_path: Path, change: dict[str, str], says: str
) -> None:
    given = {"scene": scenes[0].name, "polygons": polygons.name, "out": "tiles"} | change
    scene, layer, out = (tmp_path / given.pop(key) for key in ("scene", "polygons", "out"))
    kept = sorted(tmp_path.rglob("*"))
    options = [part for pair in given.items() for part in pair]
    assert_bad(highwall_command("tiles", scene, layer, "-o", out, "--size", 48, *options), says)
    assert sorted(tmp_path.rglob("*")) == kept


def test_defaults_of_the_verbs_are_those_of_the_library() -> None:
    own = {name: value.default for name, value in inspect.signature(tiles).parameters.items()}
    assert (own["size"], own["val"]) == (SIZE, VAL)
    assert f"{EMPTY} by default" in get_type_hints(tiles, include_extras=True)["empty"].__metadata__[0].help
    own = {name.rstrip("_"): value.default for name, value in inspect.signature(simulate).parameters.items()}
    assert {split: own[split] for split in DEFAULT_TILES} == DEFAULT_TILES
