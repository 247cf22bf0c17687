"""Bad input ends `highwall map` with status 2 and one line that says what is wrong; nothing is lost or left behind."""

from __future__ import annotations

import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Any]

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
WINDOWS = ("--window", 64, "--overlap", 16)


class Makers:
    """Writes scenes into a folder."""

    def __init__(self, folder: Path, draw: Any, save: Any, make_safe: Any, draw_ground: Any) -> None:
        self.folder, self.draw, self.save = folder, draw, save
        self.make_safe, self.draw_ground = make_safe, draw_ground

    def scene(self, name: str = "scene", seed: int = 0, size: int = 96, **profile: Any) -> Path:
        """Write a scene of all bands."""
        return self.save(self.folder / f"{name}.tif", self.draw(seed, size)[0], (0, 0), BANDS, **profile)

    def safe(self, **options: Any) -> Path:
        """Write a SAFE product with all bands."""
        ground = self.draw_ground(size=60, bands=BANDS)
        return self.make_safe(self.folder, counts=options.pop("counts", ground), **options)

    def bands(self, **at: tuple[int, int]) -> str:
        """Write a file for each band, some of them elsewhere; return their names joined."""
        counts, _ = self.draw(0, 32)
        names = [self.folder / "bands" / f"{band}.tif" for band in BANDS]
        for path, plane in zip(names, counts, strict=True):
            self.save(path, plane, at.get(path.stem, (0, 0)))
        return ",".join(map(str, names))


def safe_without_b11(make: Makers) -> Path:
    product = make.safe()
    next(product.rglob("*_B11_20m.jp2")).unlink()
    return product


def xml_cut_short(make: Makers) -> Path:
    product = make.safe()
    path = product / "MTD_MSIL2A.xml"
    path.write_bytes(path.read_bytes()[:-200])
    return product


def xml_with_entities(make: Makers) -> Path:
    product = make.safe()
    path = product / "MTD_MSIL2A.xml"
    head, rest = path.read_text().split("?>", 1)
    entity = f'<!DOCTYPE x [<!ENTITY secret SYSTEM "file://{make.folder}/secret.txt">]>'
    path.write_text(f"{head}?>{entity}{rest.replace('Sentinel-2B', '&secret;')}")
    return product


def zip_that_climbs_out(make: Makers) -> Path:
    product = make.safe(zipped=True)
    with zipfile.ZipFile(product, "a") as archive:
        archive.writestr("../../climbed.txt", "out")
    return product


def image_cut_short(make: Makers) -> Path:
    product = make.safe()
    path = next(product.rglob("*_B04_10m.jp2"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    return product


def none_of_the_bands(make: Makers) -> Path:
    return make.save(make.folder / "x_B05.tif", make.draw(0, 32)[0][0], (0, 0))


def other_grid(make: Makers) -> str:
    return make.bands(B04=(7, 0))


def other_crs(make: Makers) -> str:
    names = make.bands()
    with rasterio.open(make.folder / "bands" / "B08.tif", "r+") as file:
        file.crs = "EPSG:32724"
    return names


def nothing(make: Makers) -> Path:
    return make.folder / "nothing.tif"


def text_as_tiff(make: Makers) -> Path:
    (make.folder / "scene.tif").write_text("no image at all")
    return make.folder / "scene.tif"


def text(make: Makers) -> Path:
    (make.folder / "notes.txt").write_text("no image at all")
    return make.folder / "notes.txt"


def empty_folder(make: Makers) -> Path:
    (make.folder / "empty").mkdir()
    return make.folder / "empty"


def tiff_cut_short(make: Makers) -> Path:
    path = make.scene(size=256)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def values_of_another_unit(make: Makers) -> Path:
    counts = make.draw(0, 96)[0].astype(np.float32)
    return make.save(make.folder / "counts.tif", counts, (0, 0), BANDS)


SCENES: dict[str, tuple[Callable[[Makers], Any], str]] = {
    "a SAFE without a band": (safe_without_b11, "band B11 is missing"),
    "XML cut short": (xml_cut_short, "MTD_MSIL2A.xml: damaged or truncated XML"),
    "XML with external entities": (xml_with_entities, "MTD_MSIL2A.xml: XML that is not safe to read"),
    "a zip that climbs out": (zip_that_climbs_out, "would lie outside of the product"),
    "a damaged image": (image_cut_short, "_B04_10m.jp2: "),
    "none of the model's bands": (none_of_the_bands, "x_B05: band B02 B03 B04 B08 B11 B12 is missing (there are B05)"),
    "bands on another grid": (other_grid, "B04.tif: lies on another grid than the other bands"),
    "bands in another CRS": (other_crs, "B08.tif: lies on another grid than the other bands"),
    "no scene": (nothing, "nothing.tif: no such file or folder"),
    "a text file named .tif": (text_as_tiff, "scene.tif: not readable as TIFF, or truncated"),
    "a text file": (text, "notes.txt: not readable, or truncated"),
    "a folder of nothing": (empty_folder, "empty: no scene in this folder"),
    "a truncated TIFF": (tiff_cut_short, "scene.tif: "),
    "values of another unit": (
        values_of_another_unit,
        "is impossible; say --scale and --offset",
    ),
}


@pytest.fixture
def make(tmp_path: Path, draw: Any, save: Any, make_safe: Any, draw_ground: Any) -> Makers:
    return Makers(tmp_path, draw, save, make_safe, draw_ground)


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def assert_bad(done: Any, says: str) -> None:
    assert done.status == 2, done
    lines = done.err.splitlines()
    assert [line for line in lines if line.startswith("highwall: ")] == lines[-1:], done.err
    assert all(line.startswith("mapping ") for line in lines[:-1]), done.err
    assert says in lines[-1]
    assert done.out == ""


@pytest.mark.parametrize("case", SCENES)
def test_bad_scenes(highwall_command: Command, trained: Any, make: Makers, tmp_path: Path, case: str) -> None:
    spoil, says = SCENES[case]
    scene = spoil(make)
    before = tree(tmp_path)
    done = highwall_command("map", trained.folder, scene, "-o", tmp_path / "maps" / "out", *WINDOWS)
    assert_bad(done, says)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--clouds", "maybe"), "--clouds is auto, product, network or none, not 'maybe'"),
        (("--clouds", "product"), "scene: the product brings no mask of clouds"),
        (("--resampling", "lanczos"), "--resampling is nearest, bilinear or cubic, not 'lanczos'"),
        (("--window", 64, "--overlap", 64), "windows of 64 pixels overlap by 0 to 63 pixels, not by 64"),
        (("--minimum-ha", "inf"), "minimum mapping unit"),
        (("--scale", "0"), "a scale must be positive, not 0"),
        (("--scale", "inf"), "a scale must be positive, not inf"),
        (("--offset", "nan"), "an offset must be a number, not nan"),
        (("--offset", "5"), "is impossible; say --scale and --offset"),
        (("--bands", "B02,B03"), "scene.tif: has 6 bands, not the 2 named"),
        (("--bands", "red,B03"), "'red' is no Sentinel-2 band"),
        (("--ray", "localhost:1"), "no Ray cluster at localhost:1"),
    ],
)
def test_bad_options(
    highwall_command: Command, trained: Any, make: Makers, tmp_path: Path, options: tuple[Any, ...], says: str
) -> None:
    scene = make.scene()
    before = tree(tmp_path)
    assert_bad(highwall_command("map", trained.folder, scene, "-o", tmp_path / "out", *options), says)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "options", [(), ("scene.tif",), ("scene.tif", "-o", "out", "--window", "wide"), ("scene.tif", "-o", "out", "--red")]
)
def test_commands_that_lack_a_part_end_with_the_same_status(
    highwall_command: Command, options: tuple[str, ...]
) -> None:
    done = highwall_command("map", "model", *options)
    assert done.status == 2
    assert "Usage: highwall map" in done.err
    assert "Traceback" not in done.err


def test_what_is_wrong_with_the_model_is_said_before_scenes_are_looked_at(
    highwall_command: Command, trained: Any, tmp_path: Path
) -> None:
    scenes = (tmp_path / "nothing.tif", tmp_path / "nothing-else.tif")
    for model, says in ((tmp_path / "none", "no model folder"), (trained.run, "is no model"), (__file__, "no model")):
        done = highwall_command("map", model, *scenes, "-o", tmp_path / "out")
        assert_bad(done, says)
        assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_folders_that_hold_something_else_are_left_alone(
    highwall_command: Command, trained: Any, make: Makers, tmp_path: Path
) -> None:
    scene, other = make.scene(), make.scene("other", 1)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    assert highwall_command("map", trained.folder, scene, "-o", tmp_path / "map", *WINDOWS).status == 0
    before = tree(tmp_path)
    for out, mapped, options in (
        (tmp_path / "map", other, WINDOWS),
        (tmp_path / "map", scene, ()),
        (tmp_path / "thesis", scene, WINDOWS),
        (scene, scene, WINDOWS),
    ):
        done = highwall_command("map", trained.folder, mapped, "-o", out, *options)
        assert_bad(done, f"{out} is there already and holds something else: choose another folder, or remove it")
    assert_bad(highwall_command("map", trained.folder, scene, "-o", scene / "in" / "it"), f"{scene}")
    assert_bad(highwall_command("map", trained.folder, scene, other, "-o", scene), f"{scene} is a file")
    assert tree(tmp_path) == before


def test_a_wrong_scale_can_be_put_right_at_once(
    highwall_command: Command, trained: Any, make: Makers, tmp_path: Path
) -> None:
    scene = values_of_another_unit(make)
    (tmp_path / "out").mkdir()
    for options, status in (((), 2), (("--scale", 1e-4), 0)):
        done = highwall_command("map", trained.folder, scene, "-o", tmp_path / "out", *WINDOWS, *options)
        assert done.status == status, done.err
    assert (tmp_path / "out" / "manifest.json").exists()


def test_damage_in_the_middle_is_named_and_what_is_done_is_kept(
    highwall_command: Command, trained: Any, make: Makers, tmp_path: Path
) -> None:
    scene = make.scene(size=320, tiled=True, blockxsize=16, blockysize=16, compress="deflate")
    whole, when = scene.read_bytes(), (scene.stat().st_atime_ns, scene.stat().st_mtime_ns)
    with rasterio.open(scene) as file:
        at, size = (int(file.get_tag_item(f"BLOCK_{part}_15_13", "TIFF", bidx=1)) for part in ("OFFSET", "SIZE"))
    scene.write_bytes(whole[:at] + bytes(size) + whole[at + size :])  # no place that a look ahead sees
    os.utime(scene, ns=when)
    command = ("map", trained.folder, scene, "-o", tmp_path / "out", *WINDOWS)
    assert_bad(highwall_command(*command), f"{scene}: damaged or truncated")
    assert {path.name for path in tmp_path.iterdir()} == {"scene.tif", ".out.part"}
    scene.write_bytes(whole)
    os.utime(scene, ns=when)  # a file that changed would be another scene
    done = highwall_command(*command)
    assert done.status == 0, done.err
    assert "scene: going on at row " in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"scene.tif", "out"}


def test_two_scenes_of_one_name_are_refused(
    highwall_command: Command, trained: Any, make: Makers, tmp_path: Path
) -> None:
    scene = make.scene()
    before = tree(tmp_path)
    done = highwall_command("map", trained.folder, scene, scene, "-o", tmp_path / "out")
    assert_bad(done, f"{scene}: another scene is named scene, too")
    assert tree(tmp_path) == before


def test_where_all_scenes_are_bad_all_are_told(
    highwall_command: Command, trained: Any, make: Makers, tmp_path: Path
) -> None:
    scenes = (nothing(make), none_of_the_bands(make), values_of_another_unit(make))
    before = tree(tmp_path)
    done = highwall_command(
        "map", trained.folder, *scenes, "-o", tmp_path / "out" / "maps", "--json", tmp_path / "result.json"
    )
    assert done.status == 2
    reasons = ("no such file or folder", "B12 is missing", "is impossible")
    told = [line for line in done.err.splitlines() if ": no map: " in line]
    assert all(reason in line for reason, line in zip(reasons, told, strict=True)), done.err
    assert done.err.splitlines()[-1] == f"highwall: {scenes[0]}: no such file or folder (and 2 more)"
    document = json.loads((tmp_path / "result.json").read_text())
    assert document["maps"] == []
    assert [entry["scene"] for entry in document["failed"]] == [str(scenes[0]), "x_B05", "counts"]
    (tmp_path / "result.json").unlink()
    assert tree(tmp_path) == before
