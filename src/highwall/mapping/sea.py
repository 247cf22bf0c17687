"""Finds the windows of a scene that lie in open water, far from any shore, where no mine can be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.mapping.windows import Axis, Grid
    from highwall.scenes import Scene, SceneReader

BANDS: Final = ("B03", "B08", "B11")
"""Green, near and short-wave infrared: what tells water."""

SHORE: Final = 2560.0
"""Metres around a window (one window's width, at least) in which there must be no ground, either."""

LEAST: Final = 30.0
"""Square kilometres of water that must be seen in a window and around it, at least.

A tailings pond is water, too, and clouds may hide its dams. All ponds of Alberta's oil sands, which are the largest,
covered 77 square kilometres together in 2013, and the longest dam around one of them is 18 km long: a circle of 26.
"""

COARSE: Final = 80.0
"""Metres along a pixel of the look at the whole scene; a rock in the sea that is smaller may be overlooked."""

PROBES: Final = 8
"""Places along each side of a scene where water is looked for first, if the scene has no overviews."""

_ROWS: Final = 128  # coarse rows that are read at once: 1024 of 10 m, the blocks of most products
_NIR: Final = 0.11
_SWIR: Final = 0.05


def water(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell where there is nothing but open water, `(y, x)`.

    The MNDWI (Xu 2006, Modification of normalised difference water index, International Journal of Remote Sensing 27)
    and the NDWI (McFeeters 1996, likewise 17) are above 0, as their authors say. What is brighter than water of any
    colour in the infrared is none: snow, clouds and sun glint in the near (0.11, as in the water test of Fmask: Zhu
    and Woodcock 2012, Remote Sensing of Environment 118), wet ground and glint in the short-wave (0.05).

    Args:
        pixels: reflectance `(band, y, x)` of `BANDS`.
    """
    green, near, short = pixels
    return np.asarray((green > short) & (green > near) & (near < _NIR) & (short < _SWIR))


def open_sea(scene: Scene, grid: Grid, clouds: NDArray[np.uint8] | None = None) -> NDArray[np.bool_] | None:
    """Look at a scene from afar and tell which windows lie in open water, `(row of windows, column)`.

    They, and the ground around them as far as `SHORE`, are water or unknown, and `LEAST` of it is seen to be water.

    Args:
        scene: the scene.
        grid: the windows.
        clouds: what is unknown beside the scene's own mask, `(y, x)`: 0 where it is clear.

    Returns:
        The windows; None where there are none, or the scene lacks a band.

    Raises:
        BadInput: the scene cannot be read.
    """
    metres = pixel_metres(scene.geobox)
    whole = math.prod(scene.shape) * math.prod(metres) / 1e6
    if not set(BANDS) <= set(scene.bands) or whole < LEAST:
        return None
    step = max(round(COARSE / min(metres)), 1)
    with scene.open(BANDS) as reader:
        if not reader.has_overviews and not _any_water(reader):
            return None
        look = _look(reader, step, clouds)
    rows, columns = (_spans(axis, side, step) for axis, side in zip((grid.rows, grid.columns), metres, strict=True))
    least = LEAST * 1e6 / (step**2 * math.prod(metres))
    sea = np.zeros((len(rows), len(columns)), bool)
    for row, band in enumerate(rows):
        ground, seen = np.logical_or.reduce(look.ground[band]), look.water[band].sum(0)
        sea[row] = [not ground[span].any() and seen[span].sum() >= least for span in columns]
    return sea if sea.any() else None


def pixel_metres(geobox: GeoBox) -> tuple[float, float]:
    """Return height and width of a pixel in the middle of a grid in metres; 10 where nothing is known of the ground."""
    if geobox.crs is None:
        return 10.0, 10.0
    affine = geobox.affine
    height, width = math.hypot(affine.b, affine.e), math.hypot(affine.a, affine.d)
    if not geobox.crs.geographic:
        return height, width
    latitude = affine.f + affine.d * geobox.shape[1] / 2 + affine.e * geobox.shape[0] / 2
    return height * 111_320, width * 111_320 * max(math.cos(math.radians(latitude)), 0.01)


@dataclass(frozen=True, eq=False)
class _Look:
    """A scene from afar; what is neither is unknown."""

    water: NDArray[np.bool_]
    """`(y, x)`."""

    ground: NDArray[np.bool_]
    """Likewise."""


def _look(reader: SceneReader, step: int, clouds: NDArray[np.uint8] | None) -> _Look:
    """Look at the scene some rows at a time."""
    height, width = reader.scene.shape
    wet, dry = [], []
    for top in range(0, height, _ROWS * step):
        where = (slice(top, min(top + _ROWS * step, height)), slice(0, width))
        pixels, known = reader.from_afar(where, step)
        is_water = water(pixels)
        if (is_water & known).any():  # only there the clouds matter
            if reader.scene.clouds is not None:
                known &= ~reader.clouded(where)[::step, ::step]
            if clouds is not None:
                known &= clouds[where][::step, ::step] == 0
        wet.append(is_water & known)
        dry.append(~is_water & known)
    return _Look(np.concatenate(wet), np.concatenate(dry))


def _any_water(reader: SceneReader) -> bool:
    """Look for water in a few places; a sea that lies between them all is computed, which costs but time."""
    height, width = reader.scene.shape
    rows, columns = ((np.arange(PROBES) + 0.5) * side / PROBES for side in (height, width))
    for row in rows.astype(int).tolist():
        for column in columns.astype(int).tolist():
            pixels, known = reader.from_afar((slice(row, row + 1), slice(column, column + 1)), 1)
            if (water(pixels) & known).any():
                return True
    return False


def _spans(axis: Axis, metres: float, step: int) -> list[slice]:
    """Return the coarse pixels of each window along an axis, and of what lies around it."""
    around = max(math.ceil(SHORE / metres), axis.window) + step  # a coarse pixel may show any fine one in it
    begins = np.maximum(axis.starts - around, 0) // step
    ends = -(-np.minimum(axis.starts + axis.window + around, axis.length) // step)
    return [slice(begin, end) for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
