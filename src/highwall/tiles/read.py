"""Pixels and labels of one tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rasterio.enums import MaskFlags

from highwall.errors import BadInput
from highwall.header import TYPES, Header, header_of, opened, read_header
from highwall.image import Image
from highwall.legend import UNKNOWN
from highwall.sentinel2 import REFLECTANCE_RANGE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.tiles.dataset import Encoding, Tile

_LIKELY_SCALES: Final = (1.0, 1 / 255, 1e-4, 1 / 65535)
_SAMPLE: Final = 20_000  # values that tell the range of a tile well enough


@dataclass(frozen=True, eq=False)
class Loaded:
    """An image and what is worth knowing of its file."""

    header: Header
    image: Image
    not_finite: float
    """Share of pixels that are NaN or infinite in some band, 0 to 1."""


def read_image(path: Path, encoding: Encoding) -> Image:
    """Read a tile as reflectance, its bands in the order of `encoding.bands`.

    Not valid are pixels that the file's mask or nodata value leaves out, that are NaN or infinite in
    some band, or that are zero in all bands.

    Raises:
        BadInput: the file cannot be read, has other bands, no valid pixel, or values that are no reflectance.
    """
    return load(path, encoding).image


def load(path: Path, encoding: Encoding) -> Loaded:
    """Read a tile as `read_image` does, together with its header.

    Raises:
        BadInput: as `read_image`.
    """
    with opened(path) as source:
        header = header_of(source, path)
        order = _planes(header, encoding)
        values = source.read()[order]
        covered = _covered(source, header, values)
    if not (finite := np.isfinite(values).all(axis=0)).any():
        raise BadInput(f"{path}: all pixels are NaN or infinite")
    if not (valid := covered & finite).any():
        raise BadInput(f"{path}: no pixel holds data")
    _check_range(path, values[:, valid], encoding)
    reflectance = values * np.float32(encoding.scale) + np.float32(encoding.offset)
    pixels = np.where(valid, reflectance, 0).astype(np.float32)
    return Loaded(header, Image(pixels, valid, encoding.bands, header.geobox), 1 - float(finite.mean()))


def read_labels(tile: Tile, encoding: Encoding) -> NDArray[np.uint8]:
    """Read the mask of a tile as labels `(y, x)`: class indices, 255 where unknown.

    Raises:
        BadInput: the tile has no mask, or its mask cannot be read, has another size than the image,
            or holds ids that the legend lacks.
    """
    if tile.mask is None:
        raise BadInput(f"{tile.image}: has no mask")
    shape = read_header(tile.image).shape
    with opened(tile.mask) as source:
        if source.count != 1:
            raise BadInput(f"{tile.mask}: a mask has one band, not {source.count}")
        if source.shape != shape:
            raise BadInput(f"{tile.mask}: mask of {_size(source.shape)} pixels for an image of {_size(shape)}")
        mask = source.read(1)
        nodata = source.nodata
    return _labels(tile.mask, mask, nodata, encoding)


def _labels(path: Path, mask: NDArray[Any], nodata: float | None, encoding: Encoding) -> NDArray[np.uint8]:
    unknown = ~np.isfinite(mask)
    if nodata is not None:
        unknown |= mask == nodata
    known = np.where(unknown, UNKNOWN, mask)
    ids = known.astype(np.int64)
    if (ids != known).any():
        raise BadInput(f"{path}: a mask holds whole numbers, not {known[ids != known][0]}")
    try:
        return encoding.legend.indices(ids)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def _planes(header: Header, encoding: Encoding) -> list[int]:
    """Find the plane of each of the encoding's bands in a file."""
    wanted, path = encoding.bands, header.path
    if header.dtype not in TYPES:
        raise BadInput(f"{path}: pixels of type {header.dtype} (images are {', '.join(TYPES)})")
    if header.count != len(wanted):
        raise BadInput(f"{path}: has {header.count} bands, not the {len(wanted)} of its dataset ({' '.join(wanted)})")
    if header.bands is None or not encoding.by_name:
        return list(range(header.count))
    if set(header.bands) != set(wanted):
        raise BadInput(f"{path}: has bands {' '.join(header.bands)}, not those of its dataset ({' '.join(wanted)})")
    return [header.bands.index(band) for band in wanted]


def _covered(source: Any, header: Header, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell where the file holds data, by its own account, `(y, x)`."""
    covered: NDArray[np.bool_] = (values != 0).any(axis=0)  # Sentinel-2's own convention, in files of any type
    if header.nodata == 0:
        return covered  # GDAL's mask would drop a zero in one band alone, which is deep shadow
    if not all(MaskFlags.all_valid in flags for flags in source.mask_flag_enums):
        covered &= (source.read_masks() > 0).all(axis=0)
    return covered


def _check_range(path: Path, values: NDArray[Any], encoding: Encoding) -> None:
    """Hold values `(band, pixel)` against what a reflectance can be; a few outliers are no error."""
    step = max(1, values.shape[1] * values.shape[0] // _SAMPLE)
    low, high = np.percentile(values[:, ::step].astype(np.float64), [1, 99])
    bottom, top = (float(value * encoding.scale + encoding.offset) for value in (low, high))
    if bottom >= REFLECTANCE_RANGE[0] and top <= REFLECTANCE_RANGE[1]:
        return
    fits = [s for s in _LIKELY_SCALES if low * s >= REFLECTANCE_RANGE[0] and 0.02 <= high * s <= REFLECTANCE_RANGE[1]]
    hint = f"; a scale of {fits[0]:.6g} would fit" if fits else ""
    raise BadInput(
        f"{path}: reflectance from {bottom:.4g} to {top:.4g} is impossible with scale {encoding.scale:.6g} "
        f"and offset {encoding.offset:.6g}{hint}"
    )


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[1]} x {shape[0]}"
