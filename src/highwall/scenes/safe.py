"""Scenes in SAFE products, as ESA's archive hands them out: L1C and L2A, folders and zips."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from highwall.errors import BadInput
from highwall.scenes.safe_files import find_safe
from highwall.scenes.safe_metadata import parse_product, parse_tile
from highwall.scenes.scene import DEFAULT_RESAMPLING, Flag, Origin, Plane, Resampling, Scene
from highwall.sentinel2 import BANDS, SCL_CLOUDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from odc.geo.geobox import GeoBox

    from highwall.scenes.safe_files import SafeFiles
    from highwall.scenes.safe_metadata import Product, Tile

OUTSIDE: Final = frozenset({0})
"""MSK_DETFOO holds the number of the detector that saw a pixel, and 0 where none did."""

QUALITY_LAYERS: Final = (3, 5, 6)
"""Layers of MSK_QUALIT that make a pixel invalid where they are 1: lost instrument packets, defective pixels, no data.

The eight are: ancillary packets lost and degraded, instrument packets lost and degraded, defective pixels, no data,
cross-talk partly corrected, saturated. Source: ESA, Sentinel-2 Products Specification Document 14.9 (2021), as the
Sentinel-2 toolbox of SNAP reads them (`MaskInfo148`).
"""

_IMAGE: Final = re.compile(rf"(?:.*[_/])?({'|'.join(BANDS)}|SCL)(?:_(\d\d)m)?\.\w+")


def open_safe(location: str, *, resampling: Resampling = DEFAULT_RESAMPLING) -> Scene:
    """Open a SAFE product as a scene; only its metadata is read.

    The product itself says where its files are, on which grid, and what their counts mean. Each band comes from the
    finest file of it that is there. Masks of detectors and of quality are rasters from baseline 04.00 on. The outlines
    (GML) of older products are left out: outside of the detectors counts are 0, which says the same.

    Args:
        location: a SAFE folder, a zip that holds one, or the `MTD_MSIL1C.xml` or `MTD_MSIL2A.xml` in it; a path, or
            one of GDAL's virtual paths.
        resampling: how bands of 20 or 60 m get onto the grid of 10 m.

    Raises:
        BadInput: there is no product, or its metadata is damaged, unsafe to read, or says too little.
    """
    files = find_safe(location)
    product = parse_product(files.read(files.metadata), files.base + files.metadata)
    images, scl = _images(files, product)
    if not images:
        raise BadInput(f"{files.base}{files.metadata}: none of the {len(product.images)} images that it lists is there")
    tile_path = _tile_path(files, product)
    tile = parse_tile(files.read(tile_path), files.base + tile_path)
    planes = _planes(files, product, images)
    return Scene(
        id=product.id or files.name.removesuffix(".SAFE") or "scene",
        geobox=_grid(tile, min(resolution for resolution, _ in images.values()), files.base + tile_path),
        planes=planes,
        flaws=tuple(_flaws(files, product, tile, planes)),
        clouds=Flag(files.base + scl, SCL_CLOUDS) if scl else None,
        origin=Origin(
            datetime=product.datetime or tile.datetime,
            platform=product.platform,
            level=product.level,
            baseline=product.baseline,
            hrefs=(location,),
            radiometry=files.metadata,
        ),
        resampling=resampling,
    )


def _images(files: SafeFiles, product: Product) -> tuple[dict[str, tuple[int, str]], str | None]:
    """Return the pixel size in metres and the name of each band's finest file, and the name of the classification."""
    found: dict[str, tuple[int, str]] = {}
    for listed in product.images:
        match = _IMAGE.fullmatch(listed)
        name = files.find(listed) if match else None
        if match is None or name is None:
            continue
        band, told = match.groups()
        resolution = int(told) if told else BANDS.get(band, (0, 20))[1]
        found[band] = min(found.get(band, (resolution, name)), (resolution, name))
    _, scl = found.pop("SCL", (0, None))
    return found, scl


def _tile_path(files: SafeFiles, product: Product) -> str:
    granule = next((name.partition("IMG_DATA/")[0] for name in product.images if "IMG_DATA/" in name), "")
    name = files.find(granule + "MTD_TL.xml")
    if name is None:
        raise BadInput(f"{files.base}{granule}MTD_TL.xml: no such file in the product")
    return name


def _grid(tile: Tile, resolution: int, where: str) -> GeoBox:
    if resolution not in tile.grids:
        raise BadInput(f"{where}: tells no grid of {resolution} m")
    return tile.grids[resolution]


def _planes(files: SafeFiles, product: Product, images: Mapping[str, tuple[int, str]]) -> dict[str, Plane]:
    if unknown := [band for band in images if band not in product.calibrations]:
        raise BadInput(f"{files.base}{files.metadata}: tells nothing of band {' '.join(unknown)}")
    return {
        band: Plane(files.base + images[band][1], 1, product.calibrations[band], product.nodata)
        for band in BANDS
        if band in images
    }


def _flaws(files: SafeFiles, product: Product, tile: Tile, planes: Mapping[str, Plane]) -> Iterator[Flag]:
    for mask in tile.masks:
        band = product.bands.get(mask.band_id or "")
        if mask.kind not in ("MSK_DETFOO", "MSK_QUALIT") or band not in planes or mask.name.endswith(".gml"):
            continue
        name = files.find(mask.name)
        if name is None:
            continue
        if mask.kind == "MSK_DETFOO":
            yield Flag(files.base + name, OUTSIDE, band=band)
        else:
            yield from (Flag(files.base + name, frozenset({1}), layer, band) for layer in QUALITY_LAYERS)
