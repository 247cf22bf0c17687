from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from highwall.errors import BadInput
from highwall.tiles import open_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


def test_dataset_splits_and_plain_folders_are_told_apart(make_dataset: Callable[..., Path]) -> None:
    root = make_dataset()
    dataset = open_dataset(root)
    assert dataset.splits == ("train", "val", "open")
    assert [t.key for t in dataset.tiles] == [
        "train/a.tif",
        "train/b.tif",
        "train/c.tif",
        "val/d.tif",
        "val/e.tif",
        "open/f.tif",
    ]
    assert [t.mask is None for t in dataset.tiles] == [False] * 5 + [True]
    assert dataset.split("val") == dataset.tiles[3:5]
    assert dataset.split("closed") == ()
    assert open_dataset(root / "val").tiles == dataset.split("val")
    plain = open_dataset(root / "val" / "images").tiles
    assert [(t.key, t.mask) for t in plain] == [("val/d.tif", None), ("val/e.tif", None)]
    assert open_dataset(root / "val" / "images" / "d.tif").tiles == plain[:1]


def test_files_that_are_no_tiff_and_hidden_ones_are_passed_over(make_dataset: Callable[..., Path]) -> None:
    root = make_dataset()
    (root / "train" / "images" / "._a.tif").write_bytes(b"resource fork")
    (root / "train" / "images" / "a.tif.aux.xml").write_text("<x/>")
    assert len(open_dataset(root).split("train")) == 3


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda root: [f.unlink() for f in root.rglob("*.tif")], "no TIFF in this folder"),
        (lambda root: (root / "train/masks/b.tif").unlink(), "train/images/b.tif: image without mask"),
        (lambda root: (root / "val/images/d.tif").unlink(), "val/masks/d.tif: mask without image"),
        (lambda root: (root / "train/images/a.tif").write_text("hello"), "train/images/a.tif: not readable as TIFF"),
        (lambda root: (root / "open/images").rename(root / "open/masks"), "open: has masks, but no folder of images"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(
    make_dataset: Callable[..., Path], damage: Callable[[Path], object], reason: str
) -> None:
    root = make_dataset()
    damage(root)
    with pytest.raises(BadInput, match=reason) as raised:
        open_dataset(root)
    assert "\n" not in str(raised.value)


def test_no_such_folder_and_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="no TIFF in this folder"):
        open_dataset(tmp_path)


def test_the_odd_tile_is_named_even_when_it_comes_first(
    make_dataset: Callable[..., Path], write: Callable[..., Path]
) -> None:
    root = make_dataset()
    write(root / "train/images/a.tif", np.full((7, 64, 64), 1000, np.uint16))
    with pytest.raises(BadInput, match=r"train/images/a\.tif: has 7 bands, not the 3 of its dataset"):
        open_dataset(root)


def test_a_tile_of_another_scale_is_named(
    make_dataset: Callable[..., Path], write: Callable[..., Path], ground: Callable[..., NDArray[np.float32]]
) -> None:
    root = make_dataset()
    write(root / "val/images/e.tif", ground(9, 64, 64), names=("B02", "B03", "B04"))
    with pytest.raises(BadInput, match=r"val/images/e\.tif: float32 with scale 1 "):
        open_dataset(root)


def test_bands_come_from_option_then_toml_then_descriptions_then_number(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    file = write(tmp_path / "x.tif", np.full((3, 8, 8), 500, np.uint16), names=("blue", "green", "red"))
    with pytest.raises(BadInput, match="nothing names its 3 bands; name them with --bands"):
        open_dataset(tmp_path)
    write(file, np.full((3, 8, 8), 500, np.uint16), names=("B2", "B03", "b04"))
    assert open_dataset(tmp_path).encoding.bands == ("B02", "B03", "B04")
    (tmp_path / "dataset.toml").write_text('bands = ["B04", "B03", "B02"]\nscale = 2e-4\n')
    encoding = open_dataset(tmp_path).encoding
    assert (encoding.bands, encoding.scale, encoding.by_name) == (("B04", "B03", "B02"), 2e-4, False)
    encoding = open_dataset(tmp_path, bands=["B08", "B11", "B12"], scale=1e-3, offset=-0.1).encoding
    assert (encoding.bands, encoding.scale, encoding.offset) == (("B08", "B11", "B12"), 1e-3, -0.1)
    write(file, np.full((6, 8, 8), 500, np.uint16))
    (tmp_path / "dataset.toml").unlink()
    assert open_dataset(tmp_path).encoding.bands == ("B02", "B03", "B04", "B08", "B11", "B12")


@pytest.mark.parametrize(
    ("dtype", "tag", "scale"),
    [
        ("uint16", None, 1e-4),
        ("int16", None, 1e-4),
        ("uint8", None, 1 / 255),
        ("float32", None, 1),
        ("uint8", 0.01, 0.01),
    ],
)
def test_scale_comes_from_tag_or_type(
    tmp_path: Path, write: Callable[..., Path], dtype: str, tag: float | None, scale: float
) -> None:
    write(tmp_path / "x.tif", np.ones((6, 8, 8), dtype), scale=tag)
    assert open_dataset(tmp_path).encoding.scale == pytest.approx(scale)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("band = 3", "dataset.toml: band: Extra inputs are not permitted"),
        ('bands = ["B02", "B99"]', "dataset.toml: bands: 'B99' is no Sentinel-2 band"),
        ("scale = 0", "dataset.toml: scale: Input should be greater than 0"),
        ("scale =", "dataset.toml: Invalid value"),
        ("[legend]\n0 = 'a'\n300 = 'b'", "dataset.toml: legend: class ids must be"),
    ],
)
def test_a_bad_toml_is_named_in_one_line(make_dataset: Callable[..., Path], text: str, reason: str) -> None:
    root = make_dataset()
    (root / "dataset.toml").write_text(text)
    with pytest.raises(BadInput, match=reason) as raised:
        open_dataset(root)
    assert "\n" not in str(raised.value)


def test_toml_counts_wherever_it_lies_and_must_not_contradict_another(make_dataset: Callable[..., Path]) -> None:
    root = make_dataset()
    (root / "train" / "dataset.toml").write_text('[legend]\n0 = "background"\n1 = "mine ground"\n2 = "x"\n3 = "y"\n')
    assert open_dataset(root).encoding.legend.names == ("background", "mine ground", "x", "y")
    (root / "dataset.toml").write_text("scale = 3e-4\n")
    assert open_dataset(root).encoding.scale == 3e-4
    assert open_dataset(root / "val").encoding.scale == 3e-4
    assert open_dataset(root / "open" / "images").encoding.scale == 3e-4
    (root / "val" / "dataset.toml").write_text("scale = 1e-4\n")
    with pytest.raises(BadInput, match=r"another dataset\.toml of the same dataset has"):
        open_dataset(root)
