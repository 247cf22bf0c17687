"""The ground that two maps share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from highwall.errors import BadInput

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from highwall.products.map_folder import MapFolder

_WHOLE: Final = 1e-3
"""Parts of a pixel that are rounding, not a shift."""


@dataclass(frozen=True)
class CommonGround:
    """Where two maps overlap, on the first one's grid."""

    geobox: GeoBox
    """Its grid: a part of the first map's."""

    first: tuple[int, int]
    """Row and column in the first map where it begins."""

    second: tuple[int, int]
    """Row and column in the second map where it begins."""

    notes: tuple[str, ...]
    """What was done to align the two, as sentences."""


def common_ground(a: MapFolder, b: MapFolder) -> CommonGround:
    """Find where two maps overlap; pixels of the second count where most of them lies (nearest neighbour).

    Raises:
        BadInput: they have different coordinate reference systems or pixels, or do not overlap.
    """
    pair = f"{a.folder} and {b.folder}"
    one, two = a.geobox.affine, b.geobox.affine
    if a.geobox.crs != b.geobox.crs:
        raise BadInput(f"{pair} have different coordinate reference systems ({_name(a)} and {_name(b)})")
    if not np.allclose([one.a, one.b, one.d, one.e], [two.a, two.b, two.d, two.e], rtol=1e-6, atol=1e-6 * abs(one.a)):
        raise BadInput(f"{pair} have pixels of different size ({_size(a)} and {_size(b)})")
    if a.geobox.crs is None and a.geobox.shape != b.geobox.shape:
        raise BadInput(f"{pair} have no coordinate reference system and differ in size: nothing tells how they lie")
    column, row = ~one * (two * (0, 0))
    shift = int(np.floor(row + 0.5)), int(np.floor(column + 0.5))
    start = [max(0, n) for n in shift]
    stop = [min(n, s + m) for n, s, m in zip(a.geobox.shape, shift, b.geobox.shape, strict=True)]
    if min(e - s for s, e in zip(start, stop, strict=True)) <= 0:
        raise BadInput(f"{pair} do not overlap")
    part = a.geobox[start[0] : stop[0], start[1] : stop[1]]
    second = start[0] - shift[0], start[1] - shift[1]
    return CommonGround(part, (start[0], start[1]), second, _notes(a, b, (row, column), part))


def _notes(a: MapFolder, b: MapFolder, shift: tuple[float, float], common: GeoBox) -> tuple[str, ...]:
    notes = []
    if a.geobox.crs is None:
        notes.append("The maps have no coordinate reference system: they were compared pixel by pixel, without areas.")
    rest = [part - np.floor(part + 0.5) for part in shift]
    if max(map(abs, shift)) > _WHOLE:
        rows, columns = (f"{part:+.2f}".removesuffix(".00") for part in shift)
        notes.append(f"{b.id} begins {rows} rows and {columns} columns from where {a.id} does.")
    if max(map(abs, rest)) > _WHOLE:
        notes.append(
            f"The grids differ by parts of a pixel ({rest[0]:+.2f} rows, {rest[1]:+.2f} columns): each pixel was "
            "compared with the nearest one of the other map, so that outlines may show false change of up to one pixel."
        )
    if not a.geobox.shape == b.geobox.shape == common.shape:
        height, width = common.shape
        notes.append(f"Compared on the ground in both maps: {height} rows and {width} columns.")
    return tuple(notes)


def _name(of: MapFolder) -> str:
    return "none" if of.geobox.crs is None else str(of.geobox.crs)


def _size(of: MapFolder) -> str:
    affine = of.geobox.affine
    return " x ".join(f"{np.hypot(*side):.9g}" for side in ((affine.a, affine.d), (affine.b, affine.e)))
