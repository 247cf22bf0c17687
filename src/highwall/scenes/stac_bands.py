"""Which Sentinel-2 band an asset of a STAC item holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from highwall.errors import BadInput
from highwall.sentinel2 import BANDS, band_names

if TYPE_CHECKING:
    from pystac import Asset

_COMMON: Final = {
    "coastal": "B01",
    "blue": "B02",
    "green": "B03",
    "red": "B04",
    "rededge1": "B05",
    "rededge071": "B05",
    "rededge2": "B06",
    "rededge075": "B06",
    "rededge3": "B07",
    "rededge078": "B07",
    "nir": "B08",
    "nir08": "B8A",
    "nir09": "B09",
    "cirrus": "B10",
    "swir16": "B11",
    "swir22": "B12",
}
"""Common name to band. Source: STAC, EO extension 2.0, common band names; the red edges as Earth Search calls them."""

_NEAR: Final = 0.02
"""A centre wavelength this close to a band's, in micrometres, is that band's; three bands are called `rededge`."""

_SHOWN: Final = frozenset({"visual", "overview", "thumbnail", "metadata"})
"""Roles of assets that are no measurement."""

_SUFFIX: Final = re.compile(r"_(\d+)m$|-jp2$")


def spectral_bands(asset: Asset) -> list[dict[str, Any]]:
    """Return what an asset says of each of its bands; of an image of unknown bands one that is empty.

    Images for the eye and files that are no image have none.
    """
    image = any(kind in (asset.media_type or "image/") for kind in ("image/", "geotiff"))
    if not image or _SHOWN & {*(asset.roles or ())}:
        return []
    described = asset.extra_fields.get("bands") or asset.extra_fields.get("eo:bands") or [{}]
    return [band if isinstance(band, dict) else {} for band in described]


def band_of(key: str, described: dict[str, Any]) -> str | None:
    """Return the Sentinel-2 band that an asset's key and the description of one of its bands mean, or None.

    A name counts first (`B8A`), then a common name with its wavelength (`rededge` at 0.705), then the key (`B02_10m`).
    """
    names = [described.get("name"), described.get("eo:common_name"), described.get("common_name")]
    wavelength = described.get("eo:center_wavelength", described.get("center_wavelength"))
    for name in filter(None, [*names, _SUFFIX.sub("", key)]):
        if band := _canonical(str(name)) or _COMMON.get(str(name).lower()):
            return band
        if str(name).lower().startswith("rededge") and wavelength:
            return next((band for band in ("B05", "B06", "B07", "B8A") if _is_near(band, wavelength)), None)
    return None


def resolution(key: str, asset: Asset) -> float | None:
    """Return the size of an asset's pixels in metres as its key, its transform or its bands tell it, or None."""
    if (match := _SUFFIX.search(key)) and match[1]:
        return float(match[1])
    fields = asset.extra_fields
    raster = (fields.get("raster:bands") or [{}])[0]
    transform = fields.get("proj:transform") or [None]
    told = transform[0] or raster.get("spatial_resolution") or fields.get("raster:spatial_resolution")
    size = told or fields.get("gsd")
    return None if size is None else abs(float(size))


def is_jp2(asset: Asset) -> bool:
    """Tell whether an asset is a JPEG 2000 file."""
    return "jp2" in (asset.media_type or "") or asset.href.partition("?")[0].lower().endswith(".jp2")


def _canonical(name: str) -> str | None:
    try:
        return band_names([name])[0]
    except BadInput:
        return None


def _is_near(band: str, wavelength: float) -> bool:
    return abs(BANDS[band][0] - wavelength) < _NEAR
