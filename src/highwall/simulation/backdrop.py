"""Real scenes under simulated mines: where windows are cut, and how they are turned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from highwall.image import Image
from highwall.sentinel2 import DEFAULT_BANDS
from highwall.simulation.earths import is_water
from highwall.simulation.sensor import PIXEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Window = tuple[slice, slice]
"""Rows and columns, each a slice with start and stop."""

PLACELESS: Final = "EPSG:32723"
"""Where tiles stand whose scene has no place on the ground, and those that are wholly simulated."""


class Readable(Protocol):
    """What a scene must offer: `highwall.scenes.Scene` does."""

    @property
    def id(self) -> str:
        """Name."""

    @property
    def geobox(self) -> GeoBox:
        """The grid, without a coordinate reference system where nothing is known of the ground."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""

    def read(self, window: Window | None = None, bands: Sequence[str] | None = None) -> Image:
        """Read a window of these bands as an image."""


@dataclass(frozen=True, eq=False)
class Backdrop:
    """A real scene to lay mines over."""

    scene: Readable
    """Holds the six default bands."""

    unknown: tuple[Window, ...] = ()
    """Windows that hold real mines, or may: no mine is laid there, and their pixels are unknown in the masks."""

    drawn: NDArray[np.uint8] | None = None
    """Real mines drawn by hand: class indices of the default legend for the whole scene, `(y, x)`, 0 where nothing is
    drawn. What is drawn is not unknown, and no mine is laid there."""


@dataclass(frozen=True)
class Block:
    """A part of a backdrop that tiles are cut from: those of two blocks neither overlap nor touch."""

    backdrop: Backdrop
    """The whole."""

    window: Window
    """The part."""

    geobox: GeoBox
    """Where the whole scene stands: its own grid, or a made-up one where nothing is known of its ground."""

    place: int
    """Blocks that share ground, such as those of two dates, have the same number."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        rows, columns = self.window
        return rows.stop - rows.start, columns.stop - columns.start

    @cached_property
    def drawn(self) -> NDArray[np.intp]:
        """Row and column in the scene of each pixel of the block that belongs to a drawn mine, `(n, 2)`."""
        if self.backdrop.drawn is None:
            return np.empty((0, 2), np.intp)
        rows, columns = self.window
        return np.argwhere(self.backdrop.drawn[rows, columns]) + np.array([rows.start, columns.start], np.intp)


@dataclass(frozen=True, eq=False)
class Cut:
    """A square window of a block."""

    image: Image
    """The real pixels, not valid where the window reaches beyond the block."""

    unknown: NDArray[np.bool_]
    """Where the backdrop says so, `(y, x)`."""

    labels: NDArray[np.uint8]
    """Class indices of drawn mines, `(y, x)`, 0 where nothing is drawn."""


def blocks(backdrops: Sequence[Backdrop], size: int) -> list[Block]:
    """Divide backdrops into blocks of one to four tiles of `size` pixels along a side, in fixed order.

    Scenes smaller than a tile make one block. Blocks are two pixels apart.
    """
    found = [
        (backdrop, (rows, columns), geobox)
        for number, backdrop in enumerate(backdrops)
        for geobox in [_standing(backdrop.scene, number)]
        for rows in _spans(backdrop.scene.shape[0], size)
        for columns in _spans(backdrop.scene.shape[1], size)
    ]
    places = _places([(geobox, window) for _, window, geobox in found])
    return [Block(*one, place) for one, place in zip(found, places, strict=True)]


def _standing(scene: Readable, number: int) -> GeoBox:
    """Return a scene's grid; one without a place on the ground gets one, so that its tiles lie as they do in it."""
    if scene.geobox.crs is not None:
        return scene.geobox
    north = 8_300_000 + 200_000 * number  # sites that are wholly simulated stand south of it
    return GeoBox(scene.shape, Affine(PIXEL, 0, 300_000, 0, -PIXEL, north), PLACELESS)


def _spans(length: int, size: int) -> list[slice]:
    edges = np.linspace(0, length, max(length // (2 * size), 1) + 1).astype(int).tolist()
    return [slice(start + (start > 0), stop - (stop < length)) for start, stop in pairwise(edges)]


def _places(grids: list[tuple[GeoBox, Window]]) -> list[int]:
    """Number blocks such that those that share ground share the number."""
    outlines = [geobox[window].footprint("EPSG:4326", npoints=8).geom for geobox, window in grids]
    pairs = [
        (a, b)
        for a, b in combinations(range(len(grids)), 2)
        if grids[a][0] is not grids[b][0] and outlines[a].intersects(outlines[b])
    ]
    first, second = np.array(pairs, np.intp).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(len(grids), len(grids)))
    return [int(number) for number in connected_components(graph, directed=False)[1]]


def cut(rng: np.random.Generator, block: Block, size: int) -> Cut:
    """Cut a square window of `size` pixels at random, turned and mirrored at random too.

    Of up to four windows, the one with most land is taken. It lies on the scene's grid, turned with it.

    Args:
        rng: where the randomness comes from.
        block: what to cut from.
        size: height and width in pixels.
    """
    best, most = _window(rng, block, size)
    for _ in range(3):
        if most > 0.6:
            break
        one, land = _window(rng, block, size)
        if land > most:
            best, most = one, land
    return turn(best, int(rng.integers(4)), mirrored=bool(rng.integers(2)))


def cut_drawn(rng: np.random.Generator, block: Block, size: int) -> Cut:
    """Cut a square window at random that holds some pixel of the block's drawn mines, turned and mirrored at random.

    Args:
        rng: where the randomness comes from.
        block: what to cut from, with a drawn pixel or more.
        size: height and width in pixels.
    """
    drawn = block.drawn
    starts = []
    for at, span in zip(drawn[int(rng.integers(len(drawn)))].tolist(), block.window, strict=True):
        first = max(span.start, at - size + 1)
        starts.append(int(rng.integers(first, max(min(at, span.stop - size), first) + 1)))
    one = _at(block, starts, size)
    return turn(one, int(rng.integers(4)), mirrored=bool(rng.integers(2)))


def _window(rng: np.random.Generator, block: Block, size: int) -> tuple[Cut, float]:
    """Return a window at random, and the share of it that is land."""
    starts = [span.start + int(rng.integers(max(span.stop - span.start - size, 0) + 1)) for span in block.window]
    one = _at(block, starts, size)
    return one, float((one.image.valid & ~is_water(one.image.pixels)).mean())


def _at(block: Block, starts: Sequence[int], size: int) -> Cut:
    """Return the window that begins at this row and column of the scene."""
    window = tuple(slice(start, min(start + size, span.stop)) for start, span in zip(starts, block.window, strict=True))
    image = block.backdrop.scene.read((window[0], window[1]), bands=DEFAULT_BANDS)
    unknown = np.zeros((size, size), bool)
    for rows, columns in block.backdrop.unknown:
        unknown[
            max(rows.start - starts[0], 0) : max(rows.stop - starts[0], 0),
            max(columns.start - starts[1], 0) : max(columns.stop - starts[1], 0),
        ] = True
    beyond = [(0, size - length) for length in image.shape]
    labels = np.zeros((size, size), np.uint8)
    if block.backdrop.drawn is not None:
        labels = np.pad(block.backdrop.drawn[window], beyond)
    corner = block.geobox.translate_pix(starts[1], starts[0])
    geobox = GeoBox((size, size), corner.affine, corner.crs)
    whole = Image(np.pad(image.pixels, [(0, 0), *beyond]), np.pad(image.valid, beyond), image.bands, geobox)
    return Cut(whole, unknown & (labels == 0), labels)


def turn(one: Cut, quarters: int, *, mirrored: bool) -> Cut:
    """Turn a square window by quarters counter-clockwise and then mirror it left to right; its grid turns with it."""
    size = one.image.shape[0]

    def moved(layer: NDArray[np.generic]) -> NDArray[np.generic]:
        layer = np.rot90(layer, quarters, axes=(-2, -1))
        return np.ascontiguousarray(layer[..., ::-1] if mirrored else layer)

    geobox = one.image.geobox
    if geobox is not None:
        affine = geobox.affine
        for _ in range(quarters):
            affine = affine * Affine(0, -1, size, 1, 0, 0)
        if mirrored:
            affine = affine * Affine(-1, 0, size, 0, 1, 0)
        geobox = GeoBox((size, size), affine, geobox.crs)
    image = Image(moved(one.image.pixels), moved(one.image.valid), one.image.bands, geobox)  # type: ignore[arg-type]  # dtypes stay
    return Cut(image, moved(one.unknown), moved(one.labels))  # type: ignore[arg-type]
