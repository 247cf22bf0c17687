"""How many points each class of a map gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from highwall.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINIMUM: Final = 50
"""Points of each class if there are enough: Olofsson et al. (2014), section 5.1.2, take 50 to 100 for rare ones."""


def allocate(pixels: NDArray[np.int64], total: int, minimum: int | None = None) -> NDArray[np.int64]:
    """Share out points among the classes of a map: a minimum for rare classes, the rest in proportion to area.

    That is the compromise of Olofsson et al. (2014), section 5.1.2 (see `estimate`): points in rare classes tell how
    right these are, points in the large one find what the map has missed, on which their areas hang. Each class gets
    its share of the points that are left once all classes with a share below the minimum have got that.

    Args:
        pixels: number of pixels of each class `(class,)`.
        total: number of points.
        minimum: points of each class at least; by default 50, but no more than makes up half of all points when
            every class gets it.

    Returns:
        Number of points `(class,)`, none more than there are pixels; `total` in all, if there are as many pixels.

    Raises:
        BadInput: the points do not suffice for the minimum, or for two in each class.
    """
    classes = int((pixels > 0).sum())
    if minimum is None:
        minimum = max(min(MINIMUM, total // (2 * max(classes, 1))), 2)
    if minimum < 2:
        raise BadInput(f"a class needs two points or more, not {minimum}")
    least = np.minimum(pixels, minimum)
    if classes == 0 or least.sum() > total:
        raise BadInput(f"{total} points do not suffice for {minimum} in each of {classes} classes")
    total = min(total, int(pixels.sum()))
    rare = np.zeros(len(pixels), bool)
    while True:
        common = np.where(rare, 0, pixels)
        share = common * ((total - least[rare].sum()) / max(common.sum(), 1))
        below = ~rare & (share < least)
        if not below.any():
            break
        rare |= below
    points = np.where(rare, least, np.floor(share)).astype(np.int64)
    largest = np.argsort(-np.where(rare, -1.0, share - np.floor(share)), kind="stable")
    points[largest[: total - points.sum()]] += 1
    return points
