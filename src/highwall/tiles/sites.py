"""Which tiles belong together: the unit that splits, folds and confidence intervals respect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from highwall.header import read_header
from highwall.tiles.anchors import common_pixels
from highwall.tiles.content import identical, matches, reduction, sketch
from highwall.tiles.footprints import contacts
from highwall.tiles.read import read_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.tiles.content import Sketch
    from highwall.tiles.dataset import Dataset
    from highwall.tiles.footprints import Contact

    Track = Callable[[Sequence[Any], str], Iterable[Any]]
    """Hands the items of a sequence on, one by one, and tells somebody how far it is."""

_COPY: Final = 0.98  # share of a tile that makes another its near duplicate


@dataclass(frozen=True)
class Neighbours:
    """Two tiles of the same site."""

    a: int
    """Position of the first tile."""

    b: int
    """Position of the second tile."""

    why: str
    """What makes them neighbours, for people to read."""

    kind: Literal["copy", "overlap", "touch", "near"]
    """Whether they show all the same, share some ground, share an edge, or lie less than a pixel apart."""


def untracked(items: Sequence[Any], _: str) -> Iterable[Any]:
    """Hand items on and tell nobody."""
    return items


def sites(dataset: Dataset) -> dict[str, int]:
    """Number the sites: tiles that overlap or touch, directly or through others, share a number.

    Reads every image once, so that copies and overlaps of tiles without georeference are found too.

    Returns:
        Tile key to site number, from 0 in the order of the tiles.

    Raises:
        BadInput: an image cannot be read.
    """
    factor = reduction([read_header(tile.image).shape for tile in dataset.tiles])
    geoboxes, sketches = [], []
    for tile in dataset.tiles:
        image = read_image(tile.image, dataset.encoding)
        geoboxes.append(image.geobox)
        sketches.append(sketch(image, factor))
    numbers = number_sites(len(dataset.tiles), [(n.a, n.b) for n in find_neighbours(geoboxes, sketches)])
    return {tile.key: number for tile, number in zip(dataset.tiles, numbers, strict=True)}


def find_neighbours(
    geoboxes: Sequence[GeoBox | None], sketches: Sequence[Sketch], track: Track = untracked
) -> list[Neighbours]:
    """Find all pairs of tiles that share ground, each once, by the best evidence there is.

    Identical pixels come first, then georeference, then, where one of the two has none, what they show.

    Args:
        geoboxes: Grid of each tile, None where it has none.
        sketches: Sketch of each tile, all reduced by the same factor.
        track: Told of each tile that is compared with the others.
    """
    found = {pair: Neighbours(*pair, "same pixels", "copy") for pair in identical(sketches)}
    for pair in (_on_the_ground(contact) for contact in contacts(geoboxes)):
        found.setdefault((pair.a, pair.b), pair)
    located = np.array([geobox is not None for geobox in geoboxes])
    if not located.all():
        for pair in _by_content(sketches, located, track):
            found.setdefault((pair.a, pair.b), pair)
    return [found[pair] for pair in sorted(found)]


def _on_the_ground(contact: Contact) -> Neighbours:
    if contact.overlap > 0:
        why = f"overlap on the ground, {_percent(contact.overlap)}"
        return Neighbours(contact.a, contact.b, why, "overlap")
    if contact.gap == 0:
        return Neighbours(contact.a, contact.b, "touch on the ground", "touch")
    return Neighbours(contact.a, contact.b, f"{contact.gap:.2g} pixels apart on the ground", "near")


def _by_content(sketches: Sequence[Sketch], located: NDArray[np.bool_], track: Track) -> Iterator[Neighbours]:
    """Find pairs by what they show, unless the ground tells of both tiles where they lie."""
    marks, shapes = [one.anchors for one in sketches], [one.shape for one in sketches]
    for a, b, share in common_pixels(marks, shapes, skip=located):
        yield Neighbours(a, b, f"have pixels in common, {_percent(share)}", _kind(share))
    for _, row in zip(track(sketches, "comparing"), matches(sketches, skip=located), strict=True):
        for match in row:
            kind = _kind(match.share)
            what = "near duplicate" if kind == "copy" else "show the same ground"
            why = f"{what}, {_percent(match.share)}, correlation {match.correlation:.2f}"
            yield Neighbours(match.a, match.b, why, kind)


def _kind(share: float) -> Literal["copy", "overlap"]:
    return "copy" if share >= _COPY else "overlap"


def number_sites(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Give each of `count` tiles, of which some pairs are neighbours, the number of its site, from 0 in order."""
    a, b = np.array(pairs, np.intp).reshape(-1, 2).T
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    order: dict[int, int] = {}
    return [order.setdefault(label, len(order)) for label in labels.tolist()]


def _percent(share: float) -> str:
    return f"{share:.0%} of the smaller tile" if share >= 0.01 else "under 1% of the smaller tile"
