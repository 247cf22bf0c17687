"""Masks for tiles: one TIFF each, with the tile's name, size and georeference."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio

from highwall import tilefiles
from highwall.ahead import ahead
from highwall.errors import BadInput
from highwall.files import new_file
from highwall.legend import UNKNOWN
from highwall.tiles import read_image

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.image import Image
    from highwall.legend import Legend
    from highwall.models.model import Model
    from highwall.tiles import Dataset, Track

log = logging.getLogger("highwall")

PIXELS: Final = 8 * 256**2
"""Most pixels that a model is asked about at once, unless a tile has more."""


def predict(
    model: Model, dataset: Dataset, out: Path, *, probabilities: bool = False, track: Track = iter
) -> list[Path]:
    """Write the mask of every tile, and the probabilities if wanted.

    Masks go to `out`, under the tile's file name; where the tiles are of several splits, into a folder for
    each. Probabilities go to the folder `probabilities` beside the masks.

    Args:
        model: the model.
        dataset: the tiles; masks that they have are not looked at.
        out: folder for the masks; files of the same name are replaced.
        probabilities: whether to write class probabilities too.
        track: hands the tiles on and tells somebody how far it is.

    Returns:
        The masks' paths, in the order of the tiles.

    Raises:
        BadInput: a tile cannot be read or lacks a band that the model can't do without, or `out` is where the images or
            their masks are.
    """
    folders = {tile.split: out / tile.split if len(dataset.splits) > 1 else out for tile in dataset.tiles}
    outputs = {(folder / name).resolve() for folder in folders.values() for name in ("", "probabilities")}
    inputs = {file.parent.resolve() for tile in dataset.tiles for file in (tile.image, tile.mask) if file}
    if outputs & inputs:
        raise BadInput(f"{out} is where the images or their masks are: masks would overwrite them")
    model = model.for_bands(dataset.encoding.bands)
    for tile in dataset.tiles:
        read_image(tile.image, dataset.encoding).select(model.bands)  # what cannot be read shows before the first mask
    if model.missing is not None:
        log.warning("note: %s", model.missing.sentence)
    masks = []
    images = ahead(_batches(dataset, model.bands))
    answers = (answer for batch in images for answer in _ask(model, batch, probabilities=probabilities))
    for tile, (image, labels, planes) in zip(track(dataset.tiles), answers, strict=True):
        masks.append(folders[tile.split] / tile.image.name)
        write_mask(masks[-1], model.legend.mask(labels), model.legend, image.geobox)
        if planes is not None:
            path = masks[-1].parent / "probabilities" / tile.image.name
            write_probabilities(path, np.where(image.valid, planes, np.nan), model.legend, image.geobox)
    return masks


def _batches(dataset: Dataset, bands: Sequence[str]) -> Generator[list[Image]]:
    """Read tiles, and give those that follow each other and are of one size together."""
    batch: list[Image] = []
    for tile in dataset.tiles:
        image = read_image(tile.image, dataset.encoding).select(bands)
        if batch and (image.shape != batch[0].shape or (len(batch) + 1) * image.valid.size > PIXELS):
            yield batch
            batch = []
        batch.append(image)
    yield batch


def _ask(
    model: Model, images: Sequence[Image], *, probabilities: bool
) -> Iterator[tuple[Image, NDArray[np.uint8], NDArray[np.float32] | None]]:
    """Give each image with its mask, and with its probabilities if they are wanted."""
    pixels = np.stack([image.pixels for image in images])
    planes = model(pixels) if probabilities else None
    labels = model.labels(pixels) if planes is None else planes.argmax(1).astype(np.uint8)
    for number, image in enumerate(images):
        known = np.where(image.valid, labels[number], np.uint8(UNKNOWN))
        yield image, known, None if planes is None else planes[number]


def write_mask(path: Path, mask: NDArray[np.uint8], legend: Legend, geobox: GeoBox | None) -> None:
    """Write class ids `(y, x)` as `tilefiles.write_mask` does; the file appears when it is complete."""
    with new_file(path) as part:
        tilefiles.write_mask(part, mask, legend, geobox)


def write_probabilities(path: Path, values: NDArray[np.floating[Any]], legend: Legend, geobox: GeoBox | None) -> None:
    """Write class probabilities `(class, y, x)` as a float32 TIFF, NaN being no data; bands bear the class names."""
    planes = values.astype(np.float32)
    with new_file(path) as part, rasterio.open(part, "w", **_profile(planes, geobox), nodata=np.nan) as target:
        target.write(planes)
        target.descriptions = legend.names


def _profile(planes: NDArray[Any], geobox: GeoBox | None) -> dict[str, Any]:
    count, height, width = planes.shape
    where = {} if geobox is None else {"crs": geobox.crs.to_wkt(), "transform": geobox.transform}  # type: ignore[union-attr]
    shape = {"count": count, "height": height, "width": width, "dtype": planes.dtype.name}
    return {"driver": "GTiff", "compress": "deflate", **shape, **where}
