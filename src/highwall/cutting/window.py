"""One cell of the grid: pixels of the scene, and classes from the polygons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from highwall.image import Image
from highwall.legend import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.cutting.cells import Cell
    from highwall.cutting.paint import Polygons
    from highwall.cutting.seen import Seen
    from highwall.scenes import SceneReader


@dataclass(frozen=True, eq=False)
class Cutout:
    """What a cell holds."""

    image: Image
    """Its pixels; not valid where the cell reaches beyond the scene."""

    mask: NDArray[np.uint8]
    """Class ids `(y, x)`, 255 where unknown: no data, clouds and shadows of the product's own mask, polygons, and what
    nobody looked at."""

    drawn: int
    """Number of pixels of polygons of a known class, hidden ones included."""

    labelled: int
    """Number of those that are not hidden: there is data, no cloud, and somebody looked."""

    crossed: int
    """Number of pixels with data where polygons of different classes overlap."""

    @property
    def known(self) -> float:
        """Share of pixels that are not unknown, 0 to 1."""
        return float((self.mask != UNKNOWN).mean())


def cut_window(reader: SceneReader, polygons: Polygons, cell: Cell, size: int, seen: Seen | None = None) -> Cutout:
    """Cut a cell of `size` pixels a side out of an open scene; if `seen` is None, all of it was looked at."""
    top, left = cell[0] * size, cell[1] * size
    scene = reader.scene
    height, width = min(size, scene.shape[0] - top), min(size, scene.shape[1] - left)
    window = (slice(top, top + height), slice(left, left + width))
    part = reader.read(window)
    pixels = np.zeros((len(reader.bands), size, size), np.float32)
    pixels[:, :height, :width] = part.pixels
    known = np.zeros((size, size), bool)
    valid = known.copy()
    valid[:height, :width] = part.valid
    known[:height, :width] = part.valid & ~reader.clouded(window)
    geobox = GeoBox((size, size), scene.geobox.affine * Affine.translation(left, top), scene.geobox.crs)
    if seen is not None:
        known &= seen.on(geobox)
    painted = polygons.paint(top, left, size)
    mask = np.where(known, painted.mask, UNKNOWN).astype(np.uint8)
    return Cutout(
        Image(pixels, valid, reader.bands, geobox),
        mask,
        drawn=int((painted.covered & (painted.mask != UNKNOWN)).sum()),
        labelled=int((painted.covered & (mask != UNKNOWN)).sum()),
        crossed=int((painted.crossed & valid).sum()),
    )
