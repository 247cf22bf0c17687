"""Writes labelled tiles as the files that training reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio

from highwall.legend import UNKNOWN
from highwall.sentinel2 import QUANTIFICATION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.image import Image
    from highwall.legend import Legend

LEAST: Final = QUANTIFICATION
"""The least reflectance that a tile can hold; what lies below is raised to it, since a count of 0 is no data."""

MOST: Final = 65535 * QUANTIFICATION
"""The highest reflectance that a tile can hold."""


def write_image(path: Path, image: Image) -> None:
    """Write an image as uint16 TIFF of reflectance x 10^4: 1 to 65535 where valid, 0 elsewhere; bands bear their names.

    Args:
        path: file to make, in a folder that is made if need be.
        image: with a grid on the ground.
    """
    counts = np.clip(np.rint(image.pixels / QUANTIFICATION), 1, 65535).astype(np.uint16)
    counts[:, ~image.valid] = 0
    with _create(path, counts, image.geobox, nodata=0) as tiff:
        tiff.write(counts)
        tiff.descriptions = image.bands


def write_mask(path: Path, mask: NDArray[np.uint8], legend: Legend, geobox: GeoBox | None) -> None:
    """Write class ids `(y, x)` as uint8 TIFF with colour table, 255 being no data; classes are named in its tags."""
    with _create(path, mask[None], geobox, photometric="palette", nodata=UNKNOWN) as tiff:
        tiff.write(mask, 1)
        tiff.write_colormap(1, legend.colormap)
        tiff.update_tags(1, **{f"class_{c.id}": c.name for c in legend.classes})


def dataset_toml(bands: Sequence[str], legend: Legend) -> str:
    """Return the `dataset.toml` of such tiles."""
    names = "\n".join(f"{c.id} = {json.dumps(c.name, ensure_ascii=False)}" for c in legend.classes)
    return f"bands = {json.dumps(list(bands))}\nscale = {QUANTIFICATION}\noffset = 0.0\n\n[legend]\n{names}\n"


def _create(path: Path, pixels: NDArray[np.unsignedinteger[Any]], geobox: GeoBox | None, **options: object) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = pixels.shape
    where = {} if geobox is None else {"crs": geobox.crs.to_wkt(), "transform": geobox.affine}  # type: ignore[union-attr]
    return rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=count,
        height=height,
        width=width,
        dtype=pixels.dtype,
        compress="deflate",
        predictor=2,
        tiled=True,
        blockxsize=128,
        blockysize=128,
        **where,
        **options,
    )
