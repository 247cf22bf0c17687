"""STAC items as scenes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from affine import Affine
from odc.geo.geobox import GeoBox

from highwall.errors import BadInput
from highwall.scenes.eopf import open_eopf
from highwall.scenes.paths import local_path, read_bytes, virtual_path
from highwall.scenes.raster import read_grid
from highwall.scenes.scene import DEFAULT_RESAMPLING, Flag, Origin, Plane, Resampling, Scene
from highwall.scenes.stac_bands import band_of, is_jp2, resolution, spectral_bands
from highwall.scenes.stac_radiometry import baseline, calibration_of, nodata_of
from highwall.sentinel2 import BANDS, SCL_CLOUDS

if TYPE_CHECKING:
    from pystac import Asset, Item

_LINKS: Final = ("self", "derived_from", "canonical", "via")


@dataclass(frozen=True)
class _Candidate:
    """An asset that holds a band."""

    asset: Asset
    index: int
    """Number of the band in it, from 1."""

    pixel: float
    """Size of its pixels in metres."""

    @property
    def rank(self) -> tuple[float, bool]:
        """What makes it the better choice: fine pixels, then any format rather than JPEG 2000, which reads slowly."""
        return self.pixel, is_jp2(self.asset)


def open_item(href: str, *, resampling: Resampling = DEFAULT_RESAMPLING) -> Scene:
    """Open a STAC item of a Sentinel-2 product, 1.0 or 1.1, a file or an http(s) address.

    Bands are found as Earth Search, Planetary Computer, the Copernicus Data Space and stactools name them. Of several
    assets of one band the finest counts, and a GeoTIFF rather than its JPEG 2000 twin; an item of an EOPF product is
    read by that. What counts mean is told in `stac_radiometry`. Relative addresses start at the item's own place.
    Planetary Computer's addresses must be signed: the package `planetary-computer` does it if it is installed;
    otherwise they are taken as they are. Assets in a bucket where the requester pays need
    `AWS_REQUEST_PAYER=requester` in the environment.

    Raises:
        BadInput: it cannot be read, is no item, or has no band.
    """
    document = _read_document(href)
    item = _signed(_item(document, href), href)
    try:
        candidates = _candidates(item)
        if candidates:
            return _scene(href, document, item, candidates, resampling)
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{href}: no valid STAC item ({_line(error)})") from None
    return _open_product(href, item, resampling)


def _scene(
    href: str, document: dict[str, Any], item: Item, candidates: dict[str, _Candidate], resampling: Resampling
) -> Scene:
    calibrations = {band: calibration_of(c.asset, c.index, item) for band, c in candidates.items()}
    sources = {told.source for told in calibrations.values()}
    return Scene(
        id=re.sub(r"[^\w.-]+", "_", item.id).strip(".") or "scene",
        geobox=_grid(item, min(candidates.values(), key=lambda c: c.rank).asset),
        planes={
            band: Plane(_path(c.asset), c.index, calibrations[band].calibration, nodata_of(c.asset, c.index))
            for band, c in candidates.items()
        },
        clouds=_clouds(item),
        origin=_origin(
            [href, *_links(document, href)], item, None if None in sources else ", ".join(sorted(filter(None, sources)))
        ),
        resampling=resampling,
    )


def _read_document(href: str) -> dict[str, Any]:
    content = read_bytes(href)
    try:
        document = json.loads(content)
    except ValueError as error:
        raise BadInput(f"{href}: no JSON ({error})") from None
    kind = document.get("type") if isinstance(document, dict) else None
    if kind != "Feature" or "assets" not in document:
        raise BadInput(f"{href}: {'no' if kind in (None, 'Feature') else f'a {kind}, not a'} STAC item")
    return document  # type: ignore[no-any-return]


def _item(document: dict[str, Any], href: str) -> Item:
    try:
        import pystac  # noqa: PLC0415 - an extra
    except ImportError:
        raise BadInput(f"{href}: STAC items need pystac: pip install 'highwall[stac]'") from None
    try:
        return pystac.Item.from_dict(document, href=_place(href), migrate=False)
    except Exception as error:  # noqa: BLE001 - pystac raises many kinds for what an item lacks
        raise BadInput(f"{href}: no valid STAC item ({_line(error)})") from None


def _place(href: str) -> str:
    """Return where relative addresses start."""
    return href if urlsplit(href).scheme in ("http", "https") else str(Path(local_path(href)).absolute())


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _signed(item: Item, href: str) -> Item:
    if not any(".blob.core.windows.net/" in asset.href for asset in item.assets.values()):
        return item
    try:
        import planetary_computer  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - if it is there
    except ImportError:
        return item
    try:
        signed: Item = planetary_computer.sign(item)
    except Exception as error:  # noqa: BLE001 - whatever its connection raises
        raise BadInput(f"{href}: its addresses could not be signed ({_line(error)})") from None
    return signed


def _open_product(href: str, item: Item, resampling: Resampling) -> Scene:
    """Open the EOPF product that an item without band files describes."""
    addresses = [asset.get_absolute_href() or asset.href for asset in item.assets.values()]
    product = next((address for address in addresses if address.rstrip("/").endswith(".zarr")), None)
    if product is None:
        keys = ", ".join(item.assets) or "none"
        raise BadInput(f"{href}: has no asset that is a Sentinel-2 band (assets: {keys})")
    return open_eopf(product, resampling=resampling)


def _candidates(item: Item) -> dict[str, _Candidate]:
    """Return the best asset of each band, bands in the order of their wavelengths."""
    found: dict[str, _Candidate] = {}
    for key, asset in item.assets.items():
        for index, described in enumerate(spectral_bands(asset), 1):
            band = band_of(key, described)
            if band is None:
                continue
            candidate = _Candidate(asset, index, resolution(key, asset) or BANDS[band][1])
            if band not in found or candidate.rank < found[band].rank:
                found[band] = candidate
    return {band: found[band] for band in BANDS if band in found}


def _path(asset: Asset) -> str:
    return virtual_path(asset.get_absolute_href() or asset.href)


def _clouds(item: Item) -> Flag | None:
    maps = [
        _Candidate(asset, 1, resolution(key, asset) or 20.0)
        for key, asset in item.assets.items()
        if key.lower().split("-")[0].split("_")[0] == "scl"
    ]
    if not maps:
        return None
    return Flag(_path(min(maps, key=lambda c: c.rank).asset), SCL_CLOUDS)


def _grid(item: Item, asset: Asset) -> GeoBox:
    """Return the grid of an asset: as the item tells it, else as the file does."""
    code, epsg, shape, transform = (
        asset.extra_fields.get(name, item.properties.get(name))
        for name in ("proj:code", "proj:epsg", "proj:shape", "proj:transform")
    )
    if not (code or epsg) or not shape or not transform:
        return read_grid(_path(asset))
    return GeoBox((int(shape[0]), int(shape[1])), Affine(*transform[:6]), code or f"EPSG:{epsg}")


def _links(document: dict[str, Any], href: str) -> list[str]:
    """Return where the item and what it is made from are to be found, by its own account."""
    from pystac.utils import make_absolute_href  # noqa: PLC0415 - an extra

    links = [link["href"] for link in document.get("links", []) if link.get("rel") in _LINKS and link.get("href")]
    return [make_absolute_href(link, _place(href)) for link in links]


def _origin(hrefs: list[str], item: Item, radiometry: str | None) -> Origin:
    properties = item.properties
    when = item.datetime or item.common_metadata.start_datetime
    level = properties.get("processing:level") or properties.get("s2:product_type") or item.collection_id
    return Origin(
        datetime=when.replace(tzinfo=UTC) if when and when.tzinfo is None else when,
        platform=properties.get("platform"),
        level=next((name for name in ("L1C", "L2A") if name[1:] in str(level).upper()), None),
        baseline=baseline(item) or properties.get("processing:version"),
        hrefs=tuple(dict.fromkeys(hrefs)),
        radiometry=radiometry,
    )
