from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from highwall.image import Image
from highwall.tiles import open_dataset, read_image
from highwall.tiles.content import identical, matches, reduction, sketch
from highwall.tiles.footprints import contacts
from highwall.tiles.sites import find_neighbours, number_sites

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.tiles.content import Match, Sketch
    from highwall.tiles.sites import Neighbours


SIDE = 128


def sketches(*tiles: NDArray[Any]) -> list[Sketch]:
    factor = reduction([tile.shape[1:] for tile in tiles])
    names = ("B02", "B03", "B04")
    return [
        sketch(Image(np.ascontiguousarray(t, np.float32), np.isfinite(t).all(axis=0), names), factor) for t in tiles
    ]


def matched(*tiles: NDArray[Any]) -> list[Match]:
    every = sketches(*tiles)
    return [m for row in matches(every, np.zeros(len(every), bool)) for m in row]


def neighbours(*tiles: NDArray[Any]) -> list[Neighbours]:
    return find_neighbours([None] * len(tiles), sketches(*tiles))


def crop(land: NDArray[Any], y: int, x: int) -> NDArray[Any]:
    return land[:, y : y + SIDE, x : x + SIDE]


@given(seed=st.integers(0, 10_000), y=st.integers(-70, 70), x=st.integers(-70, 70))
@settings(max_examples=25, deadline=None)
def test_shifted_crops_are_found_with_the_share_that_they_have_in_common(
    ground: Callable[..., NDArray[np.float32]], seed: int, y: int, x: int
) -> None:
    land = ground(seed, 300, 300)
    (match,) = matched(crop(land, 80, 80), ground(seed + 1, SIDE, SIDE), crop(land, 80 + y, 80 + x))
    assert (match.a, match.b) == (0, 2)
    assert match.share == pytest.approx((SIDE - abs(y)) * (SIDE - abs(x)) / SIDE**2, abs=0.03)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: 0.7 * t + 0.03,
        lambda t: t + np.random.default_rng(0).normal(0, 0.005, t.shape),
        lambda t: np.rint(t * 255) / 255,
        lambda t: ndimage.shift(t, (0, 0.4, 0.6), order=1, mode="nearest"),
    ],
    ids=["gain", "noise", "uint8", "resampled"],
)
def test_changed_values_hide_no_overlap(
    ground: Callable[..., NDArray[np.float32]], change: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    land = ground(3, 256, 256)
    (match,) = matched(crop(land, 0, 0), change(crop(land, 50, 40)))
    assert match.share == pytest.approx(78 * 88 / SIDE**2, abs=0.03)
    (copy,) = neighbours(crop(land, 0, 0), change(crop(land, 0, 0)))
    assert copy.kind == "copy"


def test_different_places_never_match(ground: Callable[..., NDArray[np.float32]]) -> None:
    assert neighbours(*(ground(seed, SIDE, SIDE) for seed in range(40))) == []


def flat(seed: int) -> NDArray[Any]:
    tile = np.full((3, SIDE, SIDE), 0.03, np.float32)
    rng = np.random.default_rng(seed)
    y, x = rng.integers(30, 90, 2)
    tile[:, y : y + 4, x : x + 7] = 0.3  # a ship
    return tile


@pytest.mark.parametrize("noise", [0, 1e-4, 3e-3])
def test_flat_water_does_not_match_because_it_is_flat(noise: float) -> None:
    tiles = [flat(n) + np.random.default_rng(n + 50).normal(0, noise, (3, SIDE, SIDE)) for n in range(8)]
    assert neighbours(*tiles) == []


def test_constant_tiles_are_no_copies() -> None:
    assert neighbours(np.full((3, SIDE, SIDE), 0.1), np.full((3, SIDE, SIDE), 0.1)) == []


@pytest.mark.parametrize("strip", [22, 10_000])
def test_a_strip_that_two_crops_share_is_found_by_its_pixels(
    ground: Callable[..., NDArray[np.float32]], strip: int
) -> None:
    land = ground(5, SIDE, 2 * SIDE)
    found = neighbours(crop(land, 0, 0), crop(land, 0, max(0, SIDE - strip)), ground(6, SIDE, SIDE))
    assert [(n.a, n.b) for n in found] == [(0, 1)]
    assert found[0].kind == ("copy" if strip > SIDE else "overlap")


def test_tiles_of_different_sizes_are_compared(ground: Callable[..., NDArray[np.float32]]) -> None:
    land = ground(8, 256, 256)
    (match,) = matched(land[:, :120, :128], land[:, 30:110, 50:150])
    assert match.share == pytest.approx(80 * 78 / (80 * 100), abs=0.04)


def test_equal_pixels_are_identical_and_others_are_not(ground: Callable[..., NDArray[np.float32]]) -> None:
    tile = ground(0)
    almost = np.where(tile == tile.max(), tile + 1e-4, tile)
    assert identical(sketches(tile, ground(1), tile.copy(), almost, tile.copy())) == [(0, 2), (0, 4), (2, 4)]


def test_tiny_tiles_are_no_trouble_beside_large_ones(ground: Callable[..., NDArray[np.float32]]) -> None:
    land = ground(4, 400, 400)
    assert neighbours(land, land[:, :1, :1], ground(5, 2, 40)) == []


@given(st.integers(1, 12), st.data())
def test_sites_are_the_connected_parts_numbered_in_order(count: int, data: st.DataObject) -> None:
    pairs = data.draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))))
    site = list(range(count))
    for _ in range(count):
        for a, b in pairs:
            site[a] = site[b] = min(site[a], site[b])
    order = {s: n for n, s in enumerate(dict.fromkeys(site))}
    assert number_sites(count, pairs) == [order[s] for s in site]


def test_real_overlaps_are_found_without_their_georeference(brazil: Path) -> None:
    dataset = open_dataset(brazil)
    images = [read_image(tile.image, dataset.encoding) for tile in dataset.tiles]
    factor = reduction([image.shape for image in images])
    every = [sketch(image, factor) for image in images]
    truth = {(c.a, c.b): c.overlap for c in contacts([image.geobox for image in images]) if c.overlap > 0}
    found = {(m.a, m.b): m.share for row in matches(every, np.zeros(len(every), bool)) for m in row}
    assert found.keys() <= truth.keys()
    assert {pair for pair, share in truth.items() if share >= 0.07} <= found.keys()
    assert max(abs(share - truth[pair]) for pair, share in found.items()) < 0.02
