"""What the XML of a SAFE product says.

Elements are found by their local names: namespaces change with the version of ESA's Products Specification Document.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import ParseError

from affine import Affine
from defusedxml import ElementTree
from odc.geo.geobox import GeoBox
from pyproj.exceptions import CRSError

from highwall.errors import BadInput
from highwall.scenes.calibration import Calibration
from highwall.sentinel2 import BANDS, band_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from xml.etree.ElementTree import Element

_SCALES: Final = {
    "L1C": ("QUANTIFICATION_VALUE",),
    "L2A": ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"),
}
_OFFSETS: Final = {"L1C": "RADIO_ADD_OFFSET", "L2A": "BOA_ADD_OFFSET"}
_URIS: Final = ("PRODUCT_URI", "PRODUCT_URI_2A", "PRODUCT_URI_1C")
_IMAGES: Final = ("IMAGE_FILE", "IMAGE_FILE_2A", "IMAGE_ID", "IMAGE_ID_2A")
_SUFFIXES: Final = {"JPEG2000": ".jp2", "GeoTIFF": ".tif"}
_FILE_NAME: Final = re.compile(r"\w[\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Product:
    """`MTD_MSIL1C.xml` or `MTD_MSIL2A.xml`."""

    id: str | None
    """Name of the product without `.SAFE`, fit for a file's name."""

    level: str
    """`L1C` or `L2A`."""

    baseline: str | None
    """Version of the ground processor, such as `05.09`."""

    platform: str | None
    """Such as `sentinel-2a`."""

    datetime: datetime | None
    """Start of sensing, in UTC."""

    bands: Mapping[str, str]
    """Band id, as in the attribute `band_id`, to Sentinel-2 band name."""

    calibrations: Mapping[str, Calibration]
    """Band name to what its counts mean."""

    nodata: float | None
    """The count that stands for no data, in each band."""

    images: tuple[str, ...]
    """Names of the image files in the product, with suffix; some old products say no folder."""


@dataclass(frozen=True)
class Mask:
    """A mask that the tile's metadata lists."""

    kind: str
    """Such as `MSK_DETFOO`."""

    band_id: str | None
    """The band that it concerns."""

    name: str
    """Name of the file in the product."""


@dataclass(frozen=True)
class Tile:
    """`MTD_TL.xml`."""

    id: str
    """Name of the granule, such as `S2B_OPER_MSI_L2A_TL_S2RP_20230315T224658_A018417_T01VCG_N05.00`."""

    datetime: datetime | None
    """When its ground was sensed, in UTC."""

    grids: Mapping[int, GeoBox]
    """Pixel size in metres to the grid `(y, x)` of the bands of that size."""

    masks: tuple[Mask, ...]
    """Its masks."""


def parse_product(xml: bytes, where: str) -> Product:
    """Read the metadata of a product.

    Args:
        xml: content of the file.
        where: its name, for messages.

    Raises:
        BadInput: it is no such metadata, is cut short, has a document type, or says too little.
    """
    root = _root(xml, where)
    level = {"Level-1C": "L1C", "Level-2A": "L2A"}.get((_text(root, "PROCESSING_LEVEL") or "")[:8])
    if level is None:
        raise BadInput(f"{where}: metadata of neither a Level-1C nor a Level-2A product")
    granules = {granule.get("granuleIdentifier"): granule for granule in _all(root, "Granule", "Granules")}
    if len(granules) > 1:
        raise BadInput(f"{where}: a product of {len(granules)} tiles; products of one tile are read")
    suffix = _SUFFIXES.get(next((granule.get("imageFormat", "") for granule in granules.values()), ""), ".jp2")
    name = next((text for text in (_text(root, uri) for uri in _URIS) if text), "").removesuffix(".SAFE")
    platform = _text(root, "SPACECRAFT_NAME")
    bands = _bands(root, where)
    return Product(
        id=name if _FILE_NAME.fullmatch(name) else None,
        level=level,
        baseline=_text(root, "PROCESSING_BASELINE"),
        platform=platform.lower() if platform else None,
        datetime=_time(_text(root, "PRODUCT_START_TIME")),
        bands=bands,
        calibrations=_calibrations(root, level, bands, where),
        nodata=_nodata(root, where),
        images=tuple(image.text.strip() + suffix for image in _all(root, *_IMAGES) if image.text),
    )


def parse_tile(xml: bytes, where: str) -> Tile:
    """Read the metadata of a tile; arguments and errors as in `parse_product`."""
    root = _root(xml, where)
    code = _text(root, "HORIZONTAL_CS_CODE") or ""
    shapes, corners = (
        {part.get("resolution", ""): part for part in _all(root, tag)} for tag in ("Size", "Geoposition")
    )
    if not shapes or shapes.keys() != corners.keys():
        raise BadInput(f"{where}: tells no grid (Tile_Geocoding)")
    grids = {}
    for resolution, shape in shapes.items():
        rows, columns = (_number(shape, tag, where) for tag in ("NROWS", "NCOLS"))
        left, top, right, down = (_number(corners[resolution], tag, where) for tag in ("ULX", "ULY", "XDIM", "YDIM"))
        if not (rows >= 1 and columns >= 1 and right > 0 > down):
            raise BadInput(f"{where}: impossible grid of {columns:g} x {rows:g} pixels of {right:g} x {down:g} m")
        try:
            grid = GeoBox((round(rows), round(columns)), Affine(right, 0, left, 0, down, top), code)
        except CRSError:
            raise BadInput(f"{where}: unknown coordinate reference system {code!r}") from None
        grids[round(right)] = grid
    return Tile(
        id=_text(root, "TILE_ID") or "",
        datetime=_time(_text(root, "SENSING_TIME")),
        grids=grids,
        masks=tuple(
            Mask(mask.get("type", ""), mask.get("bandId"), mask.text.strip())
            for mask in _all(root, "MASK_FILENAME")
            if mask.text
        ),
    )


def _root(xml: bytes, where: str) -> Element:
    try:
        root: Element = ElementTree.fromstring(xml, forbid_dtd=True)
    except ParseError as error:
        raise BadInput(f"{where}: damaged or truncated XML ({error})") from None
    except (ValueError, LookupError) as error:  # a document type, or an encoding that nobody knows
        reason = str(error).partition("(")[0] or type(error).__name__
        raise BadInput(f"{where}: XML that is not safe to read ({reason})") from None
    return root


def _all(root: Element, *tags: str) -> Iterator[Element]:
    return (element for element in root.iter() if element.tag.rpartition("}")[2] in tags)


def _text(root: Element, tag: str) -> str | None:
    return next((element.text.strip() for element in _all(root, tag) if element.text and element.text.strip()), None)


def _number(root: Element, tag: str, where: str) -> float:
    return _value(_text(root, tag), tag, where)


def _value(text: str | None, tag: str, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"{where}: {tag} {'is missing' if text is None else f'is {text!r}, no number'}")
    return value


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _bands(root: Element, where: str) -> dict[str, str]:
    told = {part.get("bandId", ""): part.get("physicalBand", "") for part in _all(root, "Spectral_Information")}
    if not told:
        return {str(position): band for position, band in enumerate(BANDS)}
    try:
        return dict(zip(told, band_names(told.values()), strict=True))
    except BadInput as error:
        raise BadInput(f"{where}: Spectral_Information: {error}") from None


def _calibrations(root: Element, level: str, bands: Mapping[str, str], where: str) -> dict[str, Calibration]:
    """Return what the counts of each band mean: ESA's PSD 14.9, `(count + offset) / quantification`."""
    quantification = _value(
        next(filter(None, (_text(root, tag) for tag in _SCALES[level])), None), _SCALES[level][0], where
    )
    if quantification <= 0:
        raise BadInput(f"{where}: {_SCALES[level][0]} is {quantification:g}, not positive")
    tag = _OFFSETS[level]
    offsets = {part.get("band_id", part.get("bandId")): _value(part.text, tag, where) for part in _all(root, tag)}
    if offsets and (lacking := [band for key, band in bands.items() if key not in offsets]):
        raise BadInput(f"{where}: has a {tag} for other bands, but none for {' '.join(lacking)}")
    return {band: Calibration(1 / quantification, offsets.get(key, 0.0)) for key, band in bands.items()}


def _nodata(root: Element, where: str) -> float | None:
    for special in _all(root, "Special_Values"):
        if _text(special, "SPECIAL_VALUE_TEXT") == "NODATA":
            return _number(special, "SPECIAL_VALUE_INDEX", where)
    return None
