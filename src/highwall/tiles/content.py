"""Which tiles were cut from the same image, by what they show.

Tiles become small pictures of their texture (`Sketch`). All pairs are cross-correlated by FFT at
a coarse scale, at all shifts at once; the best shift of a promising pair is then tried at twice the scale.
Neighbouring ground, rescaled values, noise, or a grid shifted by parts of a pixel leave a correlation
near one; tiles of different places stay far below the limit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import combinations, groupby, product
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import fft, ndimage

from highwall.tiles.anchors import anchors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from highwall.image import Image

FINE_SIDE: Final = 128
"""Longest side of a tile's fine picture in pixels; that of the coarse one is half of it."""

MIN_SHARE: Final = 0.06
"""Share of the smaller tile that two tiles must have in common to be found."""

MIN_CORRELATION: Final = 0.5
"""Correlation of the textures from which two tiles are taken for one ground; for small overlaps it is higher."""

_CERTAIN: Final = 21.0
"""Correlation in standard deviations of unrelated white noise that no two places reach (measured: at most 17)."""

_PROMISING: Final = 10.0
"""Peak of the coarse cross-correlation, in standard deviations of unrelated textures, that is worth a closer look."""

_CLIP: Final = 2.5  # of local standard deviations: no single bright thing decides
_MIN_AREA: Final = 150  # pixels of the coarse pictures: below it any two textures may correlate
_MIN_SPREAD: Final = 0.15  # share of an overlap that must have texture: a lone ship on flat water is no ground
_BATCH: Final = 64  # tiles correlated at once: some 4 MB that stay in the processor's cache


Shift = tuple[int, int]
"""Rows and columns from the origin of one picture to that of another."""


@dataclass(frozen=True, eq=False)
class Sketch:
    """What is kept of a tile's pixels to find it again: some 30 kB."""

    fine: NDArray[np.int8]
    """Texture `(y, x)`, at most `FINE_SIDE` pixels wide and high; 0 where flat or not valid."""

    coarse: NDArray[np.int8]
    """Texture at half the scale of `fine`."""

    shape: tuple[int, int]
    """Height and width of the tile itself, in pixels."""

    anchors: NDArray[np.int64]
    """Marks by which exact crops of one image are recognised: rows of hash, y and x."""

    digest: bytes | None
    """Hash of the reflectances, or None for a tile that has the same value everywhere."""


@dataclass(frozen=True)
class Match:
    """Two tiles that show the same ground."""

    a: int
    """Position of the first tile."""

    b: int
    """Position of the second tile, after `a`."""

    share: float
    """Share of the smaller tile that both show, 0 to 1."""

    correlation: float
    """Correlation of what both show, -1 to 1."""


def reduction(shapes: Sequence[tuple[int, int]]) -> int:
    """Return the factor by which the tiles of a dataset are reduced, all by the same, to fit `FINE_SIDE`."""
    return max(1, -(-max(max(shape) for shape in shapes) // FINE_SIDE))


def sketch(image: Image, factor: int) -> Sketch:
    """Draw the sketch of a tile, reduced by a factor."""
    gray = image.pixels.mean(axis=0)
    blank = bool((image.pixels == image.pixels[:, :1, :1]).all())
    digest = None if blank else hashlib.blake2b(image.pixels.tobytes() + image.valid.tobytes(), digest_size=16).digest()
    return Sketch(
        fine=_texture(gray, image.valid, factor),
        coarse=_texture(gray, image.valid, 2 * factor),
        shape=image.shape,
        anchors=anchors(image),
        digest=digest,
    )


def identical(sketches: Sequence[Sketch]) -> list[tuple[int, int]]:
    """Find pairs of tiles with exactly the same pixels."""
    same: dict[bytes, list[int]] = {}
    for number, one in enumerate(sketches):
        if one.digest is not None:
            same.setdefault(one.digest, []).append(number)
    return [pair for group in same.values() for pair in combinations(group, 2)]


def matches(sketches: Sequence[Sketch], skip: NDArray[np.bool_]) -> Iterator[list[Match]]:
    """Find pairs of tiles that show the same ground, shifted by up to most of a tile.

    Args:
        sketches: Of tiles reduced by the same factor.
        skip: `(tile,)`; pairs of two tiles that are both to be skipped are not compared.

    Yields:
        For each tile, its matches with later ones.
    """
    spectra = _Spectra(sketches)
    for a in range(len(sketches)):
        later = np.arange(a + 1, len(sketches))
        later = later[~skip[later]] if skip[a] else later
        found = []
        for b, shift in spectra.promising(a, later):
            if same := _look_closer(sketches[a].fine, sketches[b].fine, shift):
                found.append(Match(a, b, *same))
        yield found


class _Spectra:
    """Fourier transforms of all coarse pictures, zero-padded so that shifts don't wrap around."""

    def __init__(self, sketches: Sequence[Sketch]) -> None:
        self._shapes = [one.coarse.shape for one in sketches]
        self._size = tuple(fft.next_fast_len(2 * max(s[axis] for s in self._shapes), real=True) for axis in (0, 1))
        pictures = (one.coarse.astype(np.float32) for one in sketches)
        self._spectra = np.stack([fft.rfft2(p / max(_rms(p), 1e-6), self._size) for p in pictures])

    def promising(self, a: int, others: NDArray[np.intp]) -> Iterator[tuple[int, Shift]]:
        """List tiles whose texture may be that of tile `a`, and where in it their origin would lie."""
        for shape, group in groupby(sorted(others.tolist(), key=self._shape), key=self._shape):
            weight = _peak_weight(self._shapes[a], shape, self._size)
            members = list(group)
            for batch in (members[start : start + _BATCH] for start in range(0, len(members), _BATCH)):
                spectra = self._spectra[a] * self._spectra[batch].conj()
                heights = fft.irfft2(spectra, self._size, workers=-1) * weight
                heights = heights.reshape(len(batch), -1)
                peaks = heights.argmax(axis=1)
                tops = heights[np.arange(len(batch)), peaks]
                for n in np.flatnonzero(tops >= _PROMISING).tolist():
                    y, x = divmod(int(peaks[n]), self._size[1])
                    yield batch[n], (_signed(y, self._size[0]), _signed(x, self._size[1]))

    def _shape(self, a: int) -> tuple[int, ...]:
        return self._shapes[a]


def _signed(index: int, size: int) -> int:
    return index - size if index > size // 2 else index


def _peak_weight(a: tuple[int, ...], b: tuple[int, ...], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Scale sums of products at each shift to standard deviations of unrelated textures; 0 for small overlaps."""
    rows, columns = (
        np.maximum(0, np.minimum(m, shift + n) - np.maximum(0, shift))
        for m, n, shift in zip(a, b, (fft.fftfreq(s, 1 / s) for s in size), strict=True)
    )
    area = np.outer(rows, columns)
    enough = area >= max(_MIN_AREA, MIN_SHARE * min(a[0] * a[1], b[0] * b[1]))
    return np.where(enough, 1 / np.sqrt(np.maximum(area, 1)), 0).astype(np.float32)


def _look_closer(a: NDArray[np.int8], b: NDArray[np.int8], coarse: Shift) -> tuple[float, float] | None:
    """Return share and correlation of the overlap at the best fine shift around a coarse one.

    None where the textures differ, or are too flat to tell.
    """
    shifts = product(*((2 * c - 1, 2 * c, 2 * c + 1) for c in coarse))
    overlaps = [pair for pair in (_overlap(a, b, y, x) for y, x in shifts) if pair[0].size]
    correlations = [_correlate(*pair) for pair in overlaps]
    best = int(np.argmax(correlations))
    ours, theirs = overlaps[best]
    limit = max(MIN_CORRELATION, _CERTAIN / np.sqrt(ours.size))
    if correlations[best] < limit or min(_spread(ours), _spread(theirs)) < _MIN_SPREAD:
        return None
    return ours.size / min(a.size, b.size), correlations[best]


def _overlap(a: NDArray[np.int8], b: NDArray[np.int8], y: int, x: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Cut from both what they share when the origin of `b` lies at `(y, x)` of `a`."""
    ours = a[max(0, y) : max(0, b.shape[0] + y), max(0, x) : max(0, b.shape[1] + x)]
    theirs = b[max(0, -y) :, max(0, -x) :][: ours.shape[0], : ours.shape[1]]
    return ours, theirs


def _correlate(a: NDArray[np.int8], b: NDArray[np.int8]) -> float:
    """Return the correlation of two textures; as both differ from their surroundings, their means are zero."""
    x, y = a.astype(np.float32).ravel(), b.astype(np.float32).ravel()
    return float(x @ y) / max(float(np.linalg.norm(x) * np.linalg.norm(y)), 1e-6)


def _spread(texture: NDArray[np.int8]) -> float:
    """Return the share of pixels that carry a texture: the participation ratio of its energy, at most 1."""
    energy = texture.astype(np.float32).ravel() ** 2
    return float(energy.sum() ** 2 / max(energy @ energy, 1e-6) / energy.size)


def _rms(x: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(x * x)))


def _texture(gray: NDArray[np.float32], valid: NDArray[np.bool_], factor: int) -> NDArray[np.int8]:
    """Reduce by a factor and keep how each place differs from its surroundings, in local standard deviations."""
    if min(valid.shape) < factor:
        return np.zeros((1, 1), np.int8)  # next to nothing beside the other tiles
    weight = _reduce(valid.astype(np.float32), factor)
    picture = _reduce(gray, factor)
    known = weight > 0.5
    if not known.any():
        return np.zeros(picture.shape, np.int8)
    picture = np.where(known, picture / np.maximum(weight, 0.5), 0)
    detail = np.where(known, _blur(picture, known, 0.7) - _blur(picture, known, 2), 0)
    spread = np.sqrt(_blur(detail * detail, known, 5))
    floor = 0.3 * np.median(spread[known]) + 1e-6  # what is flatter than this is taken for flat
    scaled = np.clip(detail / (spread + floor), -_CLIP, _CLIP) * (127 / _CLIP)
    return np.where(known, np.rint(scaled), 0).astype(np.int8)


def _reduce(x: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Average blocks; what is left over at the lower and right edge is dropped."""
    height, width = x.shape[0] // factor, x.shape[1] // factor
    blocks = x[: height * factor, : width * factor].reshape(height, factor, width, factor)
    means: NDArray[np.float32] = blocks.mean(axis=(1, 3))
    return means


def _blur(x: NDArray[np.float32], known: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    """Blur with a Gaussian that looks at known pixels alone."""
    total: NDArray[np.float32] = ndimage.gaussian_filter(np.where(known, x, 0), sigma)
    if known.all():
        return total
    total /= np.maximum(ndimage.gaussian_filter(known.astype(np.float32), sigma), 1e-3)
    return total
