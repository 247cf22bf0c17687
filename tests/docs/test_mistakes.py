"""The page on data quotes what `highwall check` really says about each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

import highwall
from highwall.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text("utf-8")
BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")


def write(name: str, pixels: NDArray[Any], *, west: float = 500_000, bands: tuple[str, ...] = ()) -> None:
    """Write an image `(band, y, x)` of 10 m pixels under the folder DIR."""
    path = Path("DIR", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, west, 0, -10, 5_000_000)}
    count, height, width = pixels.shape
    with rasterio.open(path, "w", "GTiff", count=count, height=height, width=width, dtype=pixels.dtype, **grid) as tiff:
        tiff.write(pixels)
        if bands:
            tiff.descriptions = bands


def image(size: int = 64, count: int = 6, seed: int = 0) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(300, 4000, (count, size, size), np.uint16)


def mask(size: int = 64) -> NDArray[np.uint8]:
    return np.resize(np.repeat(np.arange(4, dtype=np.uint8), 8), (1, size, size))


def tile(name: str, split: str = "train", *, west: float = 500_000, seed: int = 0) -> None:
    write(f"{split}/images/{name}.tif", image(seed=seed), west=west)
    write(f"{split}/masks/{name}.tif", mask(), west=west)


def settings(text: str) -> None:
    Path("DIR").mkdir(exist_ok=True)
    Path("DIR/dataset.toml").write_text(text, "utf-8")


def image_without_mask() -> None:
    tile("a")
    write("train/images/b.tif", image(seed=1), west=600_000)


def mask_without_image() -> None:
    tile("a")
    write("train/masks/b.tif", mask())


def mask_of_another_size() -> None:
    write("train/images/a.tif", image())
    write("train/masks/a.tif", mask(32))


def mask_in_colours() -> None:
    write("train/images/a.tif", image())
    write("train/masks/a.tif", np.repeat(mask(), 3, axis=0))


def id_that_is_no_class() -> None:
    write("train/images/a.tif", image())
    write("train/masks/a.tif", mask() * 2)


def nameless_bands() -> None:
    write("train/images/a.tif", image(count=3))
    write("train/masks/a.tif", mask())


def a_band_less() -> None:
    for number in range(3):
        tile(f"{number}", west=500_000 + 10_000 * number, seed=number)
    write("train/images/0.tif", image(count=5))


def counts_as_floats() -> None:
    write("train/images/a.tif", image().astype(np.float32))
    write("train/masks/a.tif", mask())


def scaled_twice() -> None:
    settings("scale = 1e-8\n")
    tile("a")


def misspelt_key() -> None:
    settings('band = ["B02"]\n')
    tile("a")


def neighbours_in_two_splits() -> None:
    tile("a")
    tile("b", "val", west=500_320, seed=1)


def the_same_tile_twice() -> None:
    tile("a")
    tile("b")


def nothing_of_a_class() -> None:
    write("train/images/a.tif", image())
    write("train/masks/a.tif", np.minimum(mask(), 2))


def empty_mask() -> None:
    write("train/images/a.tif", image())
    write("train/masks/a.tif", np.full_like(mask(), 255))


def one_band_is_flat() -> None:
    pixels = image()
    pixels[5] = 1000
    write("train/images/a.tif", pixels)
    write("train/masks/a.tif", mask())


MISTAKES = (
    image_without_mask,
    mask_without_image,
    mask_of_another_size,
    mask_in_colours,
    id_that_is_no_class,
    nameless_bands,
    a_band_less,
    counts_as_floats,
    scaled_twice,
    misspelt_key,
    neighbours_in_two_splits,
    the_same_tile_twice,
    nothing_of_a_class,
    empty_mask,
    one_band_is_flat,
)


def told() -> list[str]:
    """Say what the check says."""
    try:
        report = highwall.check("DIR")
    except BadInput as error:
        return [str(error)]
    leaks = [f"{leak.a} and {leak.b}: {leak.why}" for leak in report.leaks]
    return [*report.errors, *leaks, *report.warnings]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_page_quotes_what_is_said(
    mistake: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mistake()
    lines = told()
    assert lines
    assert f"| {lines[0]} |" in PAGE, lines
