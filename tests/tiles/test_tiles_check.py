from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import typer
from typer.testing import CliRunner

from highwall.cli.check import check as verb
from highwall.errors import BadInput
from highwall.tiles import check, sites

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from typer.testing import Result


PLACE = {"crs": "EPSG:32633"}


def at(x: float, y: float) -> dict[str, Any]:
    return {**PLACE, "transform": rasterio.transform.from_origin(5e5 + 10 * x, 4e6 - 10 * y, 10, 10)}


def copy_tile(root: Path, source: str, target: str) -> None:
    for folder in ("images", "masks"):
        a, b = (root / key.split("/")[0] / folder / key.split("/")[1] for key in (source, target))
        b.write_bytes(a.read_bytes())


@pytest.fixture
def run() -> Callable[..., Result]:
    app = typer.Typer()
    app.command()(verb)
    return lambda *args: CliRunner().invoke(app, [str(a) for a in args])


def test_a_sound_dataset_has_nothing_to_complain_of(make_dataset: Callable[..., Path]) -> None:
    root = make_dataset()
    report = check(root)
    assert (report.errors, report.warnings, report.leaks) == ((), (), ())
    assert list(report.sites.values()) == [0, 1, 2, 3, 4, 5]
    assert report.sites == sites(report.dataset)


def test_numbers_of_a_split_are_those_of_its_pixels(make_dataset: Callable[..., Path]) -> None:
    root = make_dataset()
    summary = check(root).splits["val"]
    images = [rasterio.open(f).read() for f in sorted((root / "val/images").iterdir())]
    masks = np.stack([rasterio.open(f).read(1) for f in sorted((root / "val/masks").iterdir())])
    assert (summary.tiles, summary.sizes, summary.types) == (2, {"64 x 64": 2}, {"uint16": 2})
    assert list(summary.labels.values()) == pytest.approx([float((masks == i).mean()) for i in range(4)])
    truth = np.percentile(np.concatenate(images, axis=1) * 1e-4, [1, 50, 99], axis=(1, 2)).T
    np.testing.assert_allclose(list(summary.reflectance.values()), truth, atol=0.01)


def test_all_problems_are_collected_and_what_can_be_read_is_reported(
    make_dataset: Callable[..., Path], write: Callable[..., Path], ground: Callable[..., NDArray[np.float32]]
) -> None:
    root = make_dataset()
    (root / "train/masks/a.tif").unlink()
    write(root / "train/masks/b.tif", np.full((64, 64), 9, np.uint8))
    write(root / "train/masks/c.tif", np.zeros((32, 64), np.uint8))
    truncated = root / "val/images/d.tif"
    truncated.write_bytes(truncated.read_bytes()[:9000])
    (root / "val/images/e.tif").write_text("hello")
    report = check(root)
    for reason in (
        "train/images/a.tif: image without mask",
        "train/masks/b.tif: labels outside the legend: 9",
        "train/masks/c.tif: mask of 64 x 32 pixels for an image of 64 x 64",
        "val/images/d.tif: not readable as TIFF, or truncated",
        "val/images/e.tif: not readable as TIFF, or truncated",
    ):
        assert sum(reason in error for error in report.errors) == 1
    assert len(report.errors) == 5
    assert list(report.sites) == ["train/a.tif", "train/b.tif", "train/c.tif", "open/f.tif"]


def test_oddities_are_warnings(
    make_dataset: Callable[..., Path], write: Callable[..., Path], ground: Callable[..., NDArray[np.float32]]
) -> None:
    root = make_dataset()
    for number, file in enumerate(sorted(root.glob("*/images/*.tif"))):
        values = ground(number, 64, 64)
        if file.stem == "b":
            values[0, :32, 0], values[1] = np.nan, 0.2
        write(file, values, names=("B02", "B03", "B04"))
    for file in root.glob("*/masks/*.tif"):
        write(file, np.full((64, 64), 2 if file.stem == "a" else 0, np.uint8))
    write(root / "train/masks/c.tif", np.full((64, 64), 255, np.uint8))
    assert check(root).warnings == (
        "train/b.tif: 0.78% of the pixels are NaN or infinite",
        "train/b.tif: the same value everywhere in B03",
        "train/c.tif: all labels are unknown",
        "class waste dump never occurs",
        "class quarry pit never occurs in val",
        "class tailings pond never occurs",
    )


def test_leaks_by_georeference_name_each_pair_of_different_splits(
    make_dataset: Callable[..., Path], write: Callable[..., Path], ground: Callable[..., NDArray[np.float32]]
) -> None:
    root = make_dataset()
    places = {"train/a": (0, 0), "train/b": (60, 0), "train/c": (500, 0)}
    places |= {"val/d": (32, 32), "val/e": (564, 10), "open/f": (564, 74.5)}
    for number, (key, place) in enumerate(places.items()):
        split, name = key.split("/")
        write(
            root / split / "images" / f"{name}.tif", ground(number, 64, 64), names=("B02", "B03", "B04"), **at(*place)
        )
    report = check(root)
    assert [(leak.a, leak.b, leak.why) for leak in report.leaks] == [
        ("train/a.tif", "val/d.tif", "overlap on the ground, 25% of the smaller tile"),
        ("train/b.tif", "val/d.tif", "overlap on the ground, 28% of the smaller tile"),
        ("train/c.tif", "val/e.tif", "touch on the ground"),
    ]
    assert report.warnings == ("val/e.tif and open/f.tif: 0.5 pixels apart on the ground",)
    assert list(report.sites.values()) == [0, 0, 1, 0, 1, 1]


def test_leaks_by_content_and_copies_within_a_split(
    make_dataset: Callable[..., Path], write: Callable[..., Path], ground: Callable[..., NDArray[np.float32]]
) -> None:
    root = make_dataset(128)
    land = np.rint(ground(77, 300, 300) * 1e4).astype(np.uint16)
    for key, corner in {"train/images/a": 0, "val/images/d": 60}.items():
        part = land[:, corner : corner + 128, corner : corner + 128]
        write(root / f"{key}.tif", part, names=("B02", "B03", "B04"))
    copy_tile(root, "train/b.tif", "train/c.tif")
    report = check(root)
    (leak,) = report.leaks
    assert (leak.a, leak.b) == ("train/a.tif", "val/d.tif")
    assert leak.why == "have pixels in common, 28% of the smaller tile"
    assert report.warnings == ("train/b.tif and train/c.tif: same pixels",)
    assert list(report.sites.values()) == [0, 1, 1, 0, 2, 3]


def test_same_pixels_leak_even_where_the_georeference_differs(
    make_dataset: Callable[..., Path], write: Callable[..., Path], ground: Callable[..., NDArray[np.float32]]
) -> None:
    root = make_dataset()
    pixels = np.rint(ground(99, 64, 64) * 1e4).astype(np.uint16)
    for key, place in {"train/images/a": (0, 0), "val/images/d": (9000, 0)}.items():
        write(root / f"{key}.tif", pixels, names=("B02", "B03", "B04"), **at(*place))
    report = check(root)
    assert [(leak.a, leak.b, leak.why) for leak in report.leaks] == [("train/a.tif", "val/d.tif", "same pixels")]


def test_json_holds_the_report_and_the_exit_status_tells_of_errors(
    make_dataset: Callable[..., Path], tmp_path: Path, run: Callable[..., Result]
) -> None:
    root, file = make_dataset(), tmp_path / "report.json"
    result = run(root, "--json", file)
    assert result.exit_code == 0
    assert "6 tiles, 6 sites, 0 leaks between splits" in result.stdout
    assert json.loads(file.read_text()) == check(root).to_json()
    copy_tile(root, "train/a.tif", "val/d.tif")
    (root / "val/masks/e.tif").unlink()
    result = run(root, "--json", file)
    report = json.loads(file.read_text())
    assert result.exit_code == 2
    assert report["leaks"] == [{"a": "train/a.tif", "b": "val/d.tif", "why": "same pixels"}]
    assert "leak: train/a.tif and val/d.tif: same pixels" in result.stdout
    assert result.stderr.splitlines()[-1].endswith("val/images/e.tif: image without mask")


def test_options_say_how_to_read(tmp_path: Path, write: Callable[..., Path], run: Callable[..., Result]) -> None:
    write(tmp_path / "x.tif", np.random.default_rng(0).normal(3000, 50, (2, 32, 32)).astype(np.float32))
    with pytest.raises(BadInput, match="name them with --bands"):
        check(tmp_path)
    assert run(tmp_path, "--bands", "B04,B08").exit_code == 2
    assert run(tmp_path, "--bands", "b4,B8", "--scale", "1e-4").exit_code == 0


def test_nothing_to_check_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no TIFF"):
        check(tmp_path)


def test_real_leaks_are_named(brazil: Path) -> None:
    report = check(brazil)
    assert report.errors == ()
    assert report.warnings == ("train/train_034.tif and val/val_010.tif: 0.1 pixels apart on the ground",)
    assert len(report.leaks) == 35
    assert all(leak.why.startswith("overlap on the ground") for leak in report.leaks)
