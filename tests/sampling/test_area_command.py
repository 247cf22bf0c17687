"""`highwall area` from a scene to areas, as a person goes about it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest

import highwall
from highwall.cli.main import main
from highwall.legend import DEFAULT_LEGEND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Done:
    status: object
    out: str
    err: str


@pytest.fixture
def area(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["highwall", "area", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return Done(end.value.code or 0, *capsys.readouterr())

    return run


def predict(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Tell classes by their brightness in the fourth band."""
    ids = np.rint(reflectance[:, 3] * 10).clip(0, 3).astype(int)
    return np.ascontiguousarray(np.eye(4, dtype=np.float32)[ids].transpose(0, 3, 1, 2))


def test_from_a_scene_to_areas(area: Callable[..., Done], save: Callable[..., Path], tmp_path: Path) -> None:
    counts = np.full((6, 128, 128), 100, np.uint16)
    counts[3] = 1000 * np.kron(np.arange(64).reshape(8, 8) % 4, np.ones((16, 16)))
    counts[:, :16, :48] = 0
    scene = save(tmp_path / "scene.tif", counts, (0, 0), ("B02", "B03", "B04", "B08", "B11", "B12"))
    highwall.map_scene(scene, predict, tmp_path / "map", window=64, overlap=16)
    done = area(tmp_path / "map", tmp_path / "a.gpkg", "--draw", 120, "--seed", 3, "--json", tmp_path / "draw.json")
    assert done.status == 0, done.err
    assert f"highwall area {tmp_path}/map {tmp_path}/a.gpkg" in "".join(done.out.split("\n"))
    drawn = json.loads((tmp_path / "draw.json").read_text())
    assert sum(row["points"] for row in drawn["classes"].values()) == drawn["points"] == 120

    points = gpd.read_file(tmp_path / "a.gpkg", layer="samples")
    points["reference"] = np.array(DEFAULT_LEGEND.names)[points["stratum"]]
    points.loc[points.index[points["stratum"] == 0][:3], "reference"] = "tailings pond"
    points.to_file(tmp_path / "b.gpkg")
    done = area(tmp_path / "map", tmp_path / "b.gpkg", "--json", tmp_path / "area.json", "--level", 0.9)
    assert done.status == 0, done.err
    assert "mapped ha, uncorrected" in done.out
    assert "note: 4.7% of the map is unknown" in done.out
    document = json.loads((tmp_path / "area.json").read_text())
    assert (document["level"], document["points"], document["names"]) == (0.9, 120, list(DEFAULT_LEGEND.names))
    assert document["confusion"][0][3] == 3
    pond = document["classes"]["tailings pond"]
    missed = document["classes"]["background"]["mapped_ha"] * 3 / sum(document["confusion"][0])
    assert pond["area_ha"] == pytest.approx(pond["mapped_ha"] + missed)
    assert pond["producers_accuracy"]["value"] == pytest.approx(pond["mapped_ha"] / pond["area_ha"])
    assert pond["users_accuracy"]["value"] == 1
    assert document["accuracy"]["interval"][0] < document["accuracy"]["value"] < document["accuracy"]["interval"][1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing", "a.gpkg"), "nothing is no map"),
        (("map", "a.gpkg"), "no such file"),
        (("map", "a.gpkg", "--draw", 3), "3 points do not suffice"),
        (("map", "a.gpkg", "--spacing", 3), "belong to --draw"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(
    area: Callable[..., Done], make_map: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[object, ...], words: str,
) -> None:  # fmt: skip
    make_map(np.arange(400).reshape(20, 20) % 4)
    monkeypatch.chdir(tmp_path)
    done = area(*arguments)
    assert (done.status, done.out) == (2, "")
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["map"]
