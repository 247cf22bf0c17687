"""How the files of a dataset turn into reflectance and labels, and which files don't fit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from highwall.errors import BadInput
from highwall.header import DEFAULT_SCALES, TYPES, Header
from highwall.legend import DEFAULT_LEGEND, Legend
from highwall.sentinel2 import DEFAULT_BANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from highwall.tiles.settings import Settings


@dataclass(frozen=True)
class Encoding:
    """How files turn into reflectance and labels."""

    bands: tuple[str, ...]
    """Band names, in file order."""

    scale: float
    """Reflectance = value * scale + offset."""

    offset: float
    """Reflectance at value 0."""

    legend: Legend = DEFAULT_LEGEND
    """The classes of the masks."""

    by_name: bool = True
    """Whether files that name their bands are read by those names rather than by position."""


def choose_encoding(headers: Sequence[Header], settings: Settings, default_legend: Legend = DEFAULT_LEGEND) -> Encoding:
    """Find bands and scale: as the settings say, else as most files say, else by default.

    Raises:
        BadInput: nothing tells the bands.
    """
    typical = _typical(headers)
    bands = settings.bands or typical.bands or (DEFAULT_BANDS if typical.count == len(DEFAULT_BANDS) else None)
    if bands is None:
        raise BadInput(
            f"{typical.path}: nothing names its {typical.count} bands; "
            'name them with --bands B02,B03,... or bands = ["B02", "B03", ...] in dataset.toml'
        )
    scale, offset = _scale(typical, settings)
    legend = default_legend if settings.legend is None else Legend.from_names(settings.legend)
    return Encoding(bands, scale, offset, legend, by_name=typical.bands in (None, bands))


def misfits(headers: Sequence[Header], encoding: Encoding, settings: Settings) -> list[str]:
    """Name the files whose bands, type or scale are not those of the dataset, one line each."""
    wanted = f"{len(encoding.bands)} of its dataset ({' '.join(encoding.bands)})"
    problems = []
    for header in headers:
        if header.dtype not in TYPES:
            problems.append(f"{header.path}: pixels of type {header.dtype} (images are {', '.join(TYPES)})")
        elif header.count != len(encoding.bands):
            problems.append(f"{header.path}: has {header.count} bands, not the {wanted}")
        elif encoding.by_name and header.bands is not None and set(header.bands) != set(encoding.bands):
            problems.append(f"{header.path}: has bands {' '.join(header.bands)}, not the {wanted}")
        elif (own := _scale(header, settings)) != (encoding.scale, encoding.offset):
            problems.append(
                f"{header.path}: {header.dtype} with scale {own[0]:.6g} and offset {own[1]:.6g} among tiles with "
                f"scale {encoding.scale:.6g} and offset {encoding.offset:.6g}"
            )
    return problems


def contradictions(headers: Sequence[Header], encoding: Encoding) -> list[str]:
    """Say where the bands that were asked for are not those that the files name."""
    named = [header for header in headers if header.bands not in (None, encoding.bands)]
    if encoding.by_name or not named:
        return []
    first = f"{named[0].path}: {' '.join(named[0].bands or ())}"
    return [f"{len(named)} files name other bands than those in use, {' '.join(encoding.bands)} (the first is {first})"]


def _typical(headers: Sequence[Header]) -> Header:
    """Return a header that looks as most do."""
    looks = Counter((header.count, header.dtype, header.bands, header.scale, header.offset) for header in headers)
    look = looks.most_common(1)[0][0]
    return next(h for h in headers if (h.count, h.dtype, h.bands, h.scale, h.offset) == look)


def _scale(header: Header, settings: Settings) -> tuple[float, float]:
    """Return scale and offset of one file: the settings', else its tags', else those of its type."""
    scale = settings.scale or header.scale or DEFAULT_SCALES.get(header.dtype, 1.0)
    if settings.offset is not None:
        return scale, settings.offset
    return scale, header.offset or 0.0
