"""Outlines of connected pixels, compiled.

GDAL's polygonizer would do, but it reaches Python as lists of tuples: a component with millions of holes, as networks
make that have learned little, took gigabytes and minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from highwall.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray


@compiled
def trace(
    classes: NDArray[np.uint8],
    labels: NDArray[np.signedinteger],
    first: NDArray[np.int64],
    bottom: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Outline components: pixels of one class that hang together by their sides.

    Rings run along the sides of pixels, with a corner at each turn and the component on their right. Where two pixels
    of a component meet by a corner alone, a ring turns away from it, so that none touches itself: what the component
    surrounds is a hole of its own, even if it meets another one, or the ground outside, at that corner.

    Args:
        classes: class ids `(y, x)`; they hold the components whole.
        labels: room to work in, `(y, x)`, 0 everywhere, of a type that holds the number of components and its negative.
        first: each component's first pixel, as row * width + column: the left one of its uppermost row.
        bottom: each component's last row.
        left: its first column.
        right: its last column.

    Returns:
        Corners `(corner, 2)` as column and row, the first of each ring once more at its end; where each ring begins,
        and the number of corners; with which ring each component begins, its outer one, and the number of rings.
    """
    width = classes.shape[1]
    corners, count = np.empty((1024, 2), np.int32), 0
    rings, ring = np.empty(1024, np.int64), 0
    polygons = np.empty(len(first) + 1, np.int64)
    for number in range(len(first)):
        top, column = divmod(first[number], width)
        own = number + 1
        _fill(classes, labels, top, column, own)
        polygons[number] = ring
        for y in range(top, bottom[number] + 1):
            for x in range(left[number], right[number] + 1):
                # the upper side of a pixel that no ring has passed yet: such sides turn negative when one does
                if labels[y, x] == own and not _is(labels, y - 1, x, own):
                    if ring + 2 > len(rings):
                        rings = np.concatenate((rings, np.empty_like(rings)))
                    rings[ring] = count
                    ring += 1
                    corners, count = _follow(labels, y, x, own, corners, count)
    polygons[len(first)] = ring
    rings[ring] = count
    return corners[:count].copy(), rings[: ring + 1].copy(), polygons


@compiled
def _follow(
    labels: NDArray[np.signedinteger], y: int, x: int, own: int, corners: NDArray[np.int32], count: int
) -> tuple[NDArray[np.int32], int]:
    """Add the ring that runs east along the upper side of a pixel, from the corner where it turns into it."""
    row, column = y, x
    down, along = 0, 1  # the direction of the walk: rows and columns
    while True:
        if count == len(corners):
            corners = np.concatenate((corners, np.empty_like(corners)))
        corners[count] = column, row
        count += 1
        if count > 1 and row == y and column == x and down == 0 and along == 1 and labels[y, x] < 0:
            return corners, count
        while True:
            if along == 1:
                labels[row, column] = -own
            row += down
            column += along
            backwards = down == -1 or along == -1
            if _is(labels, row - (along == 1 or down == -1), column - backwards, own):  # ahead on the left
                down, along = -along, down
                break
            if not _is(labels, row - backwards, column - (down == 1 or along == -1), own):  # ahead on the right
                down, along = along, -down
                break


@compiled
def _is(labels: NDArray[np.signedinteger], y: int, x: int, own: int) -> bool:
    if not (0 <= y < labels.shape[0] and 0 <= x < labels.shape[1]):
        return False
    return bool(abs(labels[y, x]) == own)


@compiled
def _fill(classes: NDArray[np.uint8], labels: NDArray[np.signedinteger], row: int, column: int, own: int) -> None:
    """Label the component of one pixel; memory beside that grows with its outline."""
    height, width = classes.shape
    value = classes[row, column]
    waiting = np.empty(64, np.int64)  # pixels whose row is yet to be labelled, one for each run of pixels
    waiting[0] = row * width + column
    count = 1
    while count:
        count -= 1
        y, x = divmod(waiting[count], width)
        while x > 0 and classes[y, x - 1] == value and labels[y, x - 1] != own:
            x -= 1
        fresh_above = fresh_below = True
        while x < width and classes[y, x] == value and labels[y, x] != own:
            labels[y, x] = own
            if count + 2 > waiting.size:
                waiting = np.concatenate((waiting, np.empty_like(waiting)))
            above = y > 0 and classes[y - 1, x] == value and labels[y - 1, x] != own
            below = y + 1 < height and classes[y + 1, x] == value and labels[y + 1, x] != own
            if above and fresh_above:
                waiting[count] = (y - 1) * width + x
                count += 1
            if below and fresh_below:
                waiting[count] = (y + 1) * width + x
                count += 1
            fresh_above, fresh_below = not above, not below
            x += 1
