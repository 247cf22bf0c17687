"""A contact sheet: image, truth and answer side by side, to look at before reading scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from highwall.files import new_file
from highwall.legend import UNKNOWN
from highwall.sentinel2 import RGB
from highwall.tiles import read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from highwall.image import Image
    from highwall.legend import Legend
    from highwall.models.model import Model
    from highwall.tiles import Encoding, Tile

SWIR: Final = ("B12", "B08", "B04")
"""Bands shown as red, green and blue in false colour, where bare rock is pink and vegetation green."""

MOST: Final = 12
"""Most tiles on a sheet."""


def draw_sheet(model: Model, tiles: Sequence[Tile], encoding: Encoding, picture: Path) -> None:
    """Draw a row for each tile (evenly chosen where there are many): image, false colour, truth, answer, doubt.

    Doubt is one minus the likeliest class's probability. The truth is left blank for tiles without a mask.
    """
    model = model.for_bands(encoding.bands)
    chosen = [tiles[n] for n in np.unique(np.linspace(0, len(tiles) - 1, min(MOST, len(tiles))).round().astype(int))]
    swir = set(SWIR) <= set(encoding.bands)
    titles = ["true colour", *(["short-wave infrared"] if swir else []), "truth", "answer", "doubt"]
    size = (2.1 * len(titles), 2.1 * len(chosen) + 0.9)
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    grid = figure.subplots(len(chosen), len(titles), squeeze=False)
    for tile, row in zip(chosen, grid, strict=True):
        image = read_image(tile.image, encoding)
        answer = model.levels(image.select(model.bands).pixels[None])[model.final][0]
        pictures = iter(row)
        next(pictures).imshow(composite(image, RGB))
        if swir:
            next(pictures).imshow(composite(image, SWIR))
        if tile.mask is not None:
            _show_classes(next(pictures), read_labels(tile, encoding), encoding.legend)
        else:
            next(pictures).axis("off")
        labels = np.where(image.valid, answer.argmax(0), UNKNOWN).astype(np.uint8)
        _show_classes(next(pictures), labels, model.legend)
        next(pictures).imshow(np.where(image.valid, 1 - answer.max(0), np.nan), cmap="magma", vmin=0, vmax=0.7)
        row[0].set_ylabel(tile.key, fontsize=6)
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=8)
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
    patches = [Patch(color=f"#{c.hex}", label=c.name) for c in model.legend.classes]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), fontsize=8, frameon=False)
    with new_file(picture) as part:
        figure.savefig(part)


def composite(image: Image, bands: Sequence[str]) -> NDArray[np.float32]:
    """Stretch three bands to a picture `(y, x, 3)`, 0 to 1; white where there is no data.

    The stretch is one for all three bands, from their joint 1st to 99th percentile, so that colours stay true.
    """
    shown = [band if band in image.bands else image.bands[0] for band in bands]
    pixels = image.select(shown).pixels if len(set(shown)) == len(shown) else np.repeat(image.pixels[:1], 3, 0)
    values = pixels[:, image.valid]
    low, high = np.percentile(values, (1, 99)) if values.size else (0, 1)
    stretched = np.clip((pixels - low) / max(high - low, 1e-6), 0, 1) ** 0.8
    return np.moveaxis(np.where(image.valid, stretched, 1), 0, -1).astype(np.float32)


def _show_classes(axes: Axes, labels: NDArray[np.uint8], legend: Legend) -> None:
    colors = ListedColormap([f"#{c.hex}" for c in legend.classes])
    shown = np.ma.masked_equal(labels, UNKNOWN)
    axes.imshow(shown, cmap=colors, vmin=-0.5, vmax=len(legend) - 0.5, interpolation="nearest")
