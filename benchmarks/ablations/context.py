"""Features of pixels for level 2: bands, answers, and what lies around."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOWS: Final = (3, 9)
"""Sides in pixels of the windows for means and deviations."""

FAR: Final = 64
"""Most pixels to the networks' edge that are told apart."""

GROUPS: Final = ("bands", "masks", "probabilities", "around bands", "around probabilities", "edge")
"""Groups of features, in the order of their columns."""


def columns(pixels: NDArray[np.float32], members: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Describe every pixel of a tile.

    Args:
        pixels: reflectance `(band, y, x)`.
        members: probabilities of each network, `(member, class, y, x)`.

    Returns:
        Planes `(feature, y, x)` by group: the bands; each network's class; each network's probabilities; of bands and
        of the mean probabilities what `around` gives; and the distance in pixels to the nearest pixel of another class
        of the networks' mean, at most `FAR`.
    """
    mean = members.mean(0)
    return {
        "bands": pixels,
        "masks": members.argmax(1).astype(np.float32),
        "probabilities": members.reshape(-1, *members.shape[2:]),
        "around bands": around(pixels),
        "around probabilities": around(mean),
        "edge": edge_distance(mean.argmax(0))[None],
    }


def around(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return mean and standard deviation in the windows, and the length of the gradient, of each plane.

    Tiles are continued by their mirror image.

    Args:
        planes: `(plane, y, x)`.

    Returns:
        `(5 plane, y, x)`: means by window, deviations by window, and the gradient a pixel by Sobel's filters.
    """
    found = []
    exact = planes.astype(np.float64)
    for size in WINDOWS:
        mean = ndimage.uniform_filter(exact, (0, size, size))
        square = ndimage.uniform_filter(exact**2, (0, size, size))
        found += [mean, np.sqrt(np.maximum(square - mean**2, 0))]
    gradient = np.stack([np.hypot(ndimage.sobel(plane, 0), ndimage.sobel(plane, 1)) / 8 for plane in exact])
    return np.concatenate([*found[::2], *found[1::2], gradient]).astype(np.float32)


def edge_distance(answer: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the distance of each pixel `(y, x)` to the nearest one of another class, at most `FAR`."""
    distance = np.full(answer.shape, FAR, np.float32)
    for one in np.unique(answer):
        inside = answer == one
        if not inside.all():
            distance[inside] = ndimage.distance_transform_edt(inside)[inside]
    return np.minimum(distance, FAR)
