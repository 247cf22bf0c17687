"""Bad input ends every verb with status 2 and one line that says what is wrong, and leaves nothing behind."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Spoil = Callable[[Path, Any, Any], None]


def empty(root: Path, *_: Any) -> None:
    shutil.rmtree(root)
    root.mkdir()


def lose_mask(root: Path, *_: Any) -> None:
    (root / "train" / "masks" / "tile1.tif").unlink()


def lose_image(root: Path, *_: Any) -> None:
    (root / "train" / "images" / "tile1.tif").unlink()


def resize_mask(root: Path, _: Any, save: Any) -> None:
    save(root / "train" / "masks" / "tile1.tif", np.zeros((64, 32), np.uint8))


def truncate(root: Path, *_: Any) -> None:
    path = root / "train" / "images" / "tile1.tif"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def truncate_mask(root: Path, *_: Any) -> None:
    path = root / "val" / "masks" / "tile2.tif"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_text(root: Path, *_: Any) -> None:
    (root / "train" / "images" / "tile1.tif").write_text("no TIFF at all")


def add_band(root: Path, draw: Any, save: Any) -> None:
    pixels, _ = draw(1)
    save(root / "train" / "images" / "tile1.tif", np.concatenate([pixels, pixels[:1]]))


def foreign_label(root: Path, *_: Any) -> None:
    with rasterio.open(root / "train" / "masks" / "tile1.tif", "r+") as mask:
        mask.write(np.full((1, 2, 2), 7, np.uint8), window=((0, 2), (0, 2)))


def all_nan(root: Path, _: Any, save: Any) -> None:
    for path in root.glob("*/images/*.tif"):
        save(path, np.full((6, 64, 64), np.nan, np.float32))


def impossible_scale(root: Path, *_: Any) -> None:
    (root / "dataset.toml").write_text("scale = 1.0\n")


def misspelt_setting(root: Path, *_: Any) -> None:
    (root / "dataset.toml").write_text('band = ["B02"]\n')


SPOILS: dict[str, tuple[Spoil, str]] = {
    "an empty folder": (empty, "no TIFF"),
    "an image without mask": (lose_mask, "tile1.tif: image without mask"),
    "a mask without image": (lose_image, "tile1.tif: mask without image"),
    "a mask of another size": (resize_mask, "mask of 32 x 64 pixels for an image of 64 x 64"),
    "a truncated TIFF": (truncate, "tile1.tif: not readable as TIFF, or truncated"),
    "a truncated mask": (truncate_mask, "tile2.tif: not readable as TIFF, or truncated"),
    "a text file named .tif": (write_text, "tile1.tif: not readable as TIFF"),
    "a 7-band tile": (add_band, "tile1.tif: has 7 bands, not the 6"),
    "labels outside the legend": (foreign_label, "tile1.tif: labels outside the legend: 7"),
    "all-NaN tiles": (all_nan, "tile0.tif: all pixels are NaN"),
    "an impossible scale": (impossible_scale, "a scale of 0.0001 would fit"),
    "a misspelt setting": (misspelt_setting, "dataset.toml: band"),
}


def assert_bad(done: Any, says: str) -> None:
    assert done.status == 2, done
    lines = done.err.splitlines()
    complaints = [line for line in lines if line.startswith("highwall: ")]
    assert lines[-1:] == complaints, done.err
    assert all(line.startswith(("evaluating", "predicting")) for line in lines[:-1]), done.err  # progress, no more
    assert says in complaints[0]
    assert "Traceback" not in done.out + done.err


@pytest.fixture
def dataset(tmp_path: Path, make_tiles: Callable[..., Path]) -> Path:
    return make_tiles(tmp_path / "data", {"train": 2, "val": 1})


@pytest.mark.parametrize("case", SPOILS)
def test_train_refuses_tiles(
    highwall_command: Callable[..., Any], dataset: Path, draw: Any, save: Any, tmp_path: Path, case: str
) -> None:
    spoil, says = SPOILS[case]
    spoil(dataset, draw, save)
    done = highwall_command("train", dataset, "-o", tmp_path / "run", "--preset", "quick")
    assert_bad(done, says)
    assert done.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("case", SPOILS)
def test_evaluate_refuses_tiles(
    highwall_command: Callable[..., Any], trained: Any, dataset: Path, draw: Any, save: Any, tmp_path: Path, case: str
) -> None:
    spoil, says = SPOILS[case]
    spoil(dataset, draw, save)
    split = () if case in {"an empty folder", "a truncated mask"} else ("--split", "train")
    done = highwall_command("evaluate", trained.folder, dataset, *split, "--json", tmp_path / "result.json")
    assert_bad(done, says)
    assert not (tmp_path / "result.json").exists()


@pytest.mark.parametrize(
    "case", ["an empty folder", "a truncated TIFF", "a text file named .tif", "a 7-band tile", "all-NaN tiles"]
)
def test_predict_refuses_tiles(
    highwall_command: Callable[..., Any], trained: Any, dataset: Path, draw: Any, save: Any, tmp_path: Path, case: str
) -> None:
    spoil, says = SPOILS[case]
    spoil(dataset, draw, save)
    done = highwall_command("predict", trained.folder, dataset, "-o", tmp_path / "out", "--probabilities")
    assert_bad(done, says)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--preset", "slow"), "no preset 'slow'"),
        (("--set", "epoch=3"), "epoch: Extra inputs"),
        (("--set", "epochs"), "write key=value"),
        (("--set", "networks.unet.weights=/no/such/file.pth"), "no weights at /no/such/file.pth"),
        (("--set", "networks.unet.encoder=mit_b0", "--set", "networks.unet.weights=package"), "layers"),
        (("--set", 'networks={"only": {"architecture": "unet", "encoder": "tu-nothing"}}'), "nothing"),
        (("--bands", "B02,B03"), "has 6 bands, not the 2"),
        (("--bands", "red"), "bands"),
        (("--scale", "-1"), "scale"),
    ],
)
def test_train_refuses_settings(
    highwall_command: Callable[..., Any], dataset: Path, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = highwall_command("train", dataset, "-o", tmp_path / "run", "--preset", "quick", *arguments)
    assert_bad(done, says)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_run_of_another_training_is_left_alone(highwall_command: Callable[..., Any], trained: Any) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.run.rglob("*")}
    done = highwall_command("train", trained.dataset, "-o", trained.run, "--preset", "default")
    assert_bad(done, "holds another training")
    assert {path: path.stat().st_mtime_ns for path in trained.run.rglob("*")} == before


def test_a_flipped_byte_in_the_model_is_found(
    highwall_command: Callable[..., Any], trained: Any, tmp_path: Path
) -> None:
    model = shutil.copytree(trained.folder, tmp_path / "model")
    content = bytearray((model / "forest.safetensors").read_bytes())
    content[len(content) // 2] ^= 1
    (model / "forest.safetensors").write_bytes(content)
    done = highwall_command("predict", model, trained.dataset, "-o", tmp_path / "out")
    assert_bad(done, "forest.safetensors")
    assert not (tmp_path / "out").exists()
    done = highwall_command("evaluate", model, trained.dataset)
    assert_bad(done, "forest.safetensors")


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_model_refuses_tiles_that_lack_one_of_its_bands(
    highwall_command: Callable[..., Any], trained: Any, draw: Any, save: Any, tmp_path: Path, verb: str
) -> None:
    pixels, mask = draw(0)
    save(tmp_path / "data" / "images" / "a.tif", pixels[:5], names=("B02", "B03", "B04", "B08", "B11"))
    save(tmp_path / "data" / "masks" / "a.tif", mask)
    out = ("-o", tmp_path / "out") if verb == "predict" else ()
    done = highwall_command(verb, trained.folder, tmp_path / "data", *out)
    assert_bad(done, "band B12 is missing")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_is_no_model_is_said(highwall_command: Callable[..., Any], trained: Any, tmp_path: Path) -> None:
    for model, says in ((tmp_path / "none", "no model folder"), (trained.run, "is no model")):
        assert_bad(highwall_command("evaluate", model, trained.dataset), says)


def test_masks_are_never_written_over_images(highwall_command: Callable[..., Any], trained: Any, dataset: Path) -> None:
    images = dataset / "val" / "images"
    before = (images / "tile2.tif").read_bytes()
    done = highwall_command("predict", trained.folder, images, "-o", images)
    assert_bad(done, "overwrite")
    assert (images / "tile2.tif").read_bytes() == before
    assert [path.name for path in images.iterdir()] == ["tile2.tif"]


def test_a_split_that_is_not_there_is_said(highwall_command: Callable[..., Any], trained: Any, dataset: Path) -> None:
    done = highwall_command("evaluate", trained.folder, dataset, "--split", "closed")
    assert_bad(done, "no split 'closed'")


def test_a_folder_that_cannot_be_made_is_said(
    highwall_command: Callable[..., Any], trained: Any, dataset: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    done = highwall_command("predict", trained.folder, dataset, "-o", tmp_path / "file")
    assert_bad(done, "file")
    done = highwall_command("train", dataset, "-o", tmp_path / "file" / "run", "--preset", "quick")
    assert_bad(done, "file")


def test_train_refuses_a_start_that_is_none(
    highwall_command: Callable[..., Any], trained: Any, dataset: Path, tmp_path: Path
) -> None:
    only = 'networks={"only": {"architecture": "unet", "encoder": "tu-resnet18"}}'
    for start, says in (
        ((tmp_path / "none",), "no model folder"),
        ((trained.run,), "is no model"),
        ((trained.folder, "--set", only), "nothing can start from the model"),
    ):
        done = highwall_command("train", dataset, "-o", tmp_path / "run", "--preset", "quick", "--from", *start)
        assert_bad(done, says)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
