"""Which tiles have pixels in common, exactly: crops of one image, however narrow the strip that they share.

Anchors are picked by content, as in winnowing (Schleimer et al. 2003, "Winnowing: local algorithms for
document fingerprinting"): every 3 x 3 neighbourhood gets a hash, and those whose hash is the least for
some pixels around are kept. Two crops pick the same anchors in what they share, whatever lies around
it, so that a sort brings them together and no pair needs to be compared.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from highwall.image import Image

_WINDOW: Final = 15  # an anchor is the least hash within 7 pixels: some 300 in a tile of 256 x 256
_MIN_VOTES: Final = 4  # anchors that must agree on a shift
_MIN_AGREEMENT: Final = 0.3  # of the anchors in the overlap; near its edges a few differ
_CROWD: Final = 64  # a neighbourhood seen more often than this is no landmark

Shift = tuple[int, int]


def anchors(image: Image) -> NDArray[np.int64]:
    """Pick the anchors of a tile: rows of hash, y and x."""
    keys = np.random.default_rng(0).integers(1, 2**63, (len(image.bands) + 9), dtype=np.uint64) | np.uint64(1)
    bits = np.ascontiguousarray(image.pixels).view(np.uint32).astype(np.uint64)
    pixel = _mix((bits * keys[9:, None, None]).sum(axis=0, dtype=np.uint64))
    height, width = image.shape
    if min(height, width) < 3:
        return np.empty((0, 3), np.int64)
    around = np.zeros((height - 2, width - 2), np.uint64)
    for key, (y, x) in zip(keys[:9], np.ndindex(3, 3), strict=True):
        around += pixel[y : height - 2 + y, x : width - 2 + x] * key
    hashes = (_mix(around) >> np.uint64(32)).astype(np.uint32)
    rows, columns = np.nonzero(hashes == ndimage.minimum_filter(hashes, _WINDOW))
    found = np.stack([hashes[rows, columns], rows, columns], axis=1).astype(np.int64)
    _, where, counts = np.unique(found[:, 0], return_index=True, return_counts=True)
    unique: NDArray[np.int64] = found[where[counts == 1]]  # what repeats, such as flat ground, marks no place
    return unique


def common_pixels(
    found: Sequence[NDArray[np.int64]], shapes: Sequence[tuple[int, int]], skip: NDArray[np.bool_]
) -> Iterator[tuple[int, int, float]]:
    """Find pairs of tiles with pixels in common.

    Args:
        found: The anchors of each tile.
        shapes: Height and width of each tile.
        skip: `(tile,)`; pairs of two tiles that are both to be skipped are left out.

    Yields:
        Positions of two tiles, and the share of the smaller one that both have, 0 to 1.
    """
    votes: dict[tuple[int, int], Counter[Shift]] = {}
    for group in _same_hash(found):
        for (a, ya, xa), (b, yb, xb) in combinations(group, 2):
            if not (skip[a] and skip[b]):
                votes.setdefault((a, b), Counter())[ya - yb, xa - xb] += 1
    for (a, b), shifts in sorted(votes.items()):
        (y, x), count = shifts.most_common(1)[0]
        top, left = max(0, y), max(0, x)
        bottom, right = min(shapes[a][0], y + shapes[b][0]), min(shapes[a][1], x + shapes[b][1])
        inside = ((found[a][:, 1:] >= (top, left)) & (found[a][:, 1:] < (bottom - 2, right - 2))).all(axis=1)
        if count >= max(_MIN_VOTES, _MIN_AGREEMENT * int(inside.sum())):
            area = (bottom - top) * (right - left)
            yield a, b, area / min(np.prod(shapes[a]), np.prod(shapes[b]))


def _same_hash(found: Sequence[NDArray[np.int64]]) -> Iterator[list[tuple[int, int, int]]]:
    """Group the anchors of different tiles that have the same hash, as tile, y and x."""
    tiles = np.repeat(np.arange(len(found)), [len(rows) for rows in found])
    rows = np.concatenate(found)
    order = np.lexsort((tiles, rows[:, 0]))
    hashes = rows[order, 0]
    places = np.column_stack([tiles, rows[:, 1:]])[order].tolist()
    starts = np.flatnonzero(np.diff(hashes, prepend=-1))
    ends = np.append(starts, len(hashes))[1:]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if 1 < end - start <= _CROWD:
            yield places[start:end]


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter bits, as the finaliser of SplitMix64 does (Steele et al. 2014, doi:10.1145/2714064.2660195)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
