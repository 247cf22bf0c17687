"""Proposes a sample: pixels of each class of a map, drawn at random, for a person to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pyproj import Transformer
from scipy.spatial import KDTree

from highwall.errors import BadInput
from highwall.products.areas import on_ground
from highwall.sampling.allocation import allocate
from highwall.sampling.points_layer import write_points
from highwall.sampling.strata import pixels_at, read_strata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.sampling.strata import Strata

SPACING: Final = 2
"""Pixels between the centres of points at least, so that no two are neighbours: images lie up to a pixel off, and a
person would be asked twice about the same ground. More would cost more than it brings: where a class is small, spacing
prefers the rims of its patches, and rims are where maps err."""

_SPARE: Final = 10
"""Pixels looked at for each point wanted, since some are too near to others."""

_STRETCH: Final = 0.999
"""A grid's metres differ from those on the ground by up to one in a thousand, as in UTM: two pixels are two."""


@dataclass(frozen=True, eq=False)
class Draw:
    """A proposed sample."""

    strata: Strata
    """What it was drawn from."""

    wanted: NDArray[np.int64]
    """Number of points allotted to each class `(class,)`, in the order of the legend."""

    spacing: float
    """Metres between points at least (pixels, where the map has no coordinate reference system)."""

    pixels: NDArray[np.int64]
    """Row and column of each point `(point, 2)`, in random order."""

    classes: NDArray[np.int64]
    """Class index of each point in the map `(point,)`."""

    close: NDArray[np.int64]
    """Number of points of each class `(class,)` that are nearer than `spacing`, lest the class have fewer than two."""

    @property
    def placed(self) -> NDArray[np.int64]:
        """Number of points of each class `(class,)`."""
        return np.bincount(self.classes, minlength=len(self.wanted))

    @property
    def apart(self) -> str:
        """The spacing with its unit."""
        unit = "pixels" if self.strata.map.geobox.crs is None else "m"
        return f"{self.spacing:,.1f}".removesuffix(".0") + f" {unit}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it."""
        return tuple(self._notes())

    def to_json(self) -> dict[str, Any]:
        """Return how many points each class was allotted and got."""
        names = self.strata.map.legend.names
        rows = zip(names, self.strata.pixels.tolist(), self.wanted.tolist(), self.placed.tolist(), strict=True)
        return {
            "points": len(self.classes),
            "spacing": self.spacing,
            "classes": {name: {"pixels": n, "wanted": wanted, "points": placed} for name, n, wanted, placed in rows},
            "notes": list(self.notes),
        }

    def _notes(self) -> Iterator[str]:
        for name, wanted, placed, close in zip(
            self.strata.map.legend.names, self.wanted, self.placed, self.close, strict=True
        ):
            if placed < wanted:
                yield f"{name}: only {placed} of {wanted} points could be placed {self.apart} apart"
            if close:
                yield f"{name}: points nearer than {self.apart}, since a class needs two: {close}"


def draw_sample(
    folder: Path, out: Path, total: int, *, minimum: int | None = None, spacing: float | None = None, seed: int = 0
) -> Draw:
    """Draw points from each class of a map, and write them as a GeoPackage to label in QGIS.

    Every pixel of a class has the same chance, but for what `spacing` takes away near points that are there already.
    The points come in random order, so that any first part of them is a sample too.

    Args:
        folder: the map.
        out: the GeoPackage to make.
        total: number of points.
        minimum: points of each class at least: see `allocate`.
        spacing: metres between points at least (pixels, where the map has no coordinate reference system); by default
            two pixels.
        seed: the same seed draws the same points.

    Raises:
        BadInput: the map cannot be read, `out` is there already or no GeoPackage, or the points do not suffice.
    """
    if out.exists():
        raise BadInput(f"{out} is there already: choose another name, or remove it")
    if out.suffix.lower() != ".gpkg":
        raise BadInput(f"{out}: the sample is written as a GeoPackage, whose name ends in .gpkg")
    if spacing is not None and not 0 <= spacing < np.inf:
        raise BadInput(f"points lie 0 metres apart or more, not {spacing:g}")
    strata = read_strata(folder)
    wanted = allocate(strata.pixels, total, minimum)
    draw = _draw(strata, wanted, SPACING * strata.pixel_side if spacing is None else spacing, seed)
    ids = np.array(strata.map.legend.ids)[draw.classes]
    write_points(out, strata.map, draw.pixels, ids)
    return draw


def _draw(strata: Strata, wanted: NDArray[np.int64], spacing: float, seed: int) -> Draw:
    rng = np.random.default_rng(seed)
    numbers = [min(int(n), _SPARE * int(k) + 100) for n, k in zip(strata.pixels, wanted, strict=True)]
    ranks = [rng.choice(int(n), k, replace=False) for n, k in zip(strata.pixels, numbers, strict=True)]
    pixels = np.concatenate(pixels_at(strata, ranks))
    classes = np.repeat(np.arange(len(wanted)), numbers)
    order = rng.permutation(len(pixels))
    pixels, classes = pixels[order], classes[order]
    taken = _apart(_places(pixels, strata.map.geobox), classes, wanted, spacing)
    close = np.zeros(len(wanted), np.int64)
    for index in range(len(wanted)):
        own = np.flatnonzero((classes == index) & ~taken)
        lacking = min(int(wanted[index]), 2) - int((taken & (classes == index)).sum())
        close[index] = max(lacking, 0)
        taken[own[: close[index]]] = True
    chosen = rng.permutation(np.flatnonzero(taken))
    return Draw(strata, wanted, spacing, pixels[chosen], classes[chosen], close)


def _apart(
    places: NDArray[np.float64], classes: NDArray[np.int64], wanted: NDArray[np.int64], spacing: float
) -> NDArray[np.bool_]:
    """Take places `(place, 3)` one by one, unless they are too near to one taken before or their class has enough."""
    taken, barred, left = np.zeros(len(places), bool), np.zeros(len(places), bool), wanted.copy()
    tree = KDTree(places)
    for place, index in enumerate(classes.tolist()):
        if barred[place] or not left[index]:
            continue
        taken[place] = True
        left[index] -= 1
        barred[tree.query_ball_point(places[place], spacing * _STRETCH)] = True
    return taken


def _places(pixels: NDArray[np.int64], geobox: GeoBox) -> NDArray[np.float64]:
    """Return the centres of pixels in metres from the centre of the earth `(pixel, 3)`, or just in pixels."""
    if geobox.crs is None:
        return np.column_stack([pixels, np.zeros(len(pixels))]).astype(np.float64)
    x, y = on_ground(pixels[:, ::-1] + 0.5, geobox.affine).T
    to_space = Transformer.from_crs(geobox.crs.proj, "EPSG:4978", always_xy=True)
    return np.column_stack(to_space.transform(x, y, np.zeros(len(x))))
