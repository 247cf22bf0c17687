"""What counts of a STAC item's assets mean.

Since baseline 04.00 ESA's products hold counts raised by 1,000. What the catalogues do with that:

- Earth Search subtracted the 1,000 while it made the GeoTIFFs of most items of `sentinel-2-l2a`, but not those of
  `sentinel-2-c1-l2a`, nor in the JPEG 2000 files beside them. Where it did, it set `earthsearch:boa_offset_applied`,
  but left an offset of -0.1 in `raster:bands` of many items: the flag is the truth, as its makers say
  (github.com/Element84/earth-search, issue 9, comment of 2023-08-03). Without the flag the offset in `raster:bands` is
  to be applied (same repository, docs/collections/sentinel-2-l2a.md). A number of items of 2022 and 2025 have the flag
  false though the 1,000 are gone (issues 66 and 71 there); their metadata does not show it.
- Planetary Computer and the Copernicus Data Space keep ESA's counts. The former tells nothing but the baseline
  (microsoft/PlanetaryComputerExamples, datasets/sentinel-2-l2a/baseline-change.ipynb), the latter scale and offset.
- The date never tells: products of 2015 to 2021 are processed anew with baselines 05.00 and later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from highwall.scenes.calibration import Calibration
from highwall.scenes.stac_bands import is_jp2
from highwall.sentinel2 import QUANTIFICATION

if TYPE_CHECKING:
    from pystac import Asset, Item

RAISED_SINCE: Final = (4, 0)
"""The first baseline whose counts are raised."""

OFFSET: Final = -1000.0
"""What to add to the counts since then. Source: ESA, Sentinel-2 Products Specification Document 14.9 (2021)."""

_FLAGS: Final = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_BASELINES: Final = ("s2:processing_baseline", "sentinel:processing_baseline", "eopf:baseline")


@dataclass(frozen=True)
class Told:
    """A calibration and who says so."""

    calibration: Calibration

    source: str | None
    """The part of the item that tells it, or None where nothing does."""


def calibration_of(asset: Asset, index: int, item: Item) -> Told:
    """Return what the counts of an asset's band mean, by the first of these that speaks.

    1. a flag that the offset was applied, of files other than JPEG 2000: the scale told, and no offset;
    2. an offset in the asset's `raster:bands` or `bands`: it, and the scale told;
    3. the processing baseline: -1000 counts since 04.00, else none;
    4. a scale alone: it, and no offset.

    The scale is 0.0001 unless the asset tells another.
    """
    scale = _field(asset, index, "scale")
    offset = _field(asset, index, "offset")
    scale_or_default = float(scale or QUANTIFICATION)
    for flag in _FLAGS:
        if item.properties.get(flag) is True and not is_jp2(asset):
            return Told(Calibration(scale_or_default), flag)
    if offset is not None:
        return Told(Calibration.from_offset(scale_or_default, float(offset)), "raster:bands")
    if version := _version(baseline(item)):
        return Told(Calibration(scale_or_default, OFFSET if version >= RAISED_SINCE else 0.0), "processing baseline")
    return Told(Calibration(scale_or_default), None if scale is None else "raster:bands")


def nodata_of(asset: Asset, index: int) -> float:
    """Return the count that stands for no data: as told, else 0, which no valid count of ESA's products is.

    Source: ESA, Sentinel-2 Products Specification Document 14.9 (2021), special value `NODATA`.
    """
    told = _field(asset, index, "nodata")
    return 0.0 if told is None else float(told)


def baseline(item: Item) -> str | None:
    """Return the version of the ground processor, such as `05.09`, or None where nothing tells it."""
    told = [item.properties.get(name) for name in _BASELINES]
    return next((str(value) for value in told if value is not None and _version(str(value))), None)


def _version(text: str | None) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d{1,2})\.(\d{1,2})", text or "")
    return (int(match[1]), int(match[2])) if match else None


def _field(asset: Asset, index: int, name: str) -> Any:
    """Return what an asset says of a band, in the fields of STAC 1.0 (`raster:bands`) or 1.1 (`bands`)."""
    fields = asset.extra_fields
    for bands, key in (("raster:bands", name), ("bands", f"raster:{name}"), ("bands", name)):
        told = fields.get(bands) or []
        if index <= len(told) and told[index - 1].get(key) is not None:
            return told[index - 1][key]
    return fields.get(f"raster:{name}", fields.get(name))
