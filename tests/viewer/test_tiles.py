from __future__ import annotations

from typing import TYPE_CHECKING, Any

import morecantile
import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import colormaps
from pyproj import Transformer

from highwall.errors import BadInput
from highwall.legend import DEFAULT_LEGEND
from highwall.viewer.maps import find_maps
from highwall.viewer.tiles import MOST_ZOOM, Tile, draw, empty, layers

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.viewer.maps import ShownMap

WEB = morecantile.tms.get("WebMercatorQuad")
ZOOM = 15  # pixels of 4.4 m, smaller than the map's


def shown(folder: Path) -> ShownMap:
    return find_maps([folder])[0][0]


def middle(shown: ShownMap, zoom: int = ZOOM) -> Tile:
    west, south, east, north = shown.bounds
    tile = WEB.tile((west + east) / 2, (south + north) / 2, zoom)
    return Tile(zoom, tile.x, tile.y)


def look_up(path: Path, tile: Tile) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Take for each pixel of a tile the pixel of a file `(band, y, x)` that its centre lies in, -1 outside.

    Centres that lie on the edge between two pixels are not sure: GDAL's transformation is off by up to 1/8 pixel.
    """
    box = WEB.xy_bounds(morecantile.Tile(tile.x, tile.y, tile.z))
    step = (box.right - box.left) / 256
    x, y = np.meshgrid(box.left + step * (np.arange(256) + 0.5), box.top - step * (np.arange(256) + 0.5))
    with rasterio.open(path) as file:
        pixels, inverse = file.read().astype(int), ~file.transform
        x, y = Transformer.from_crs("EPSG:3857", file.crs, always_xy=True).transform(x, y)
    column, row = inverse * (x, y)
    height, width = pixels.shape[1:]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    found = pixels[:, np.clip(row, 0, height - 1).astype(int), np.clip(column, 0, width - 1).astype(int)]
    sure = (np.abs(column - np.rint(column)) > 0.2) & (np.abs(row - np.rint(row)) > 0.2)
    return np.where(inside, found, -1), sure


@pytest.mark.parametrize("crs", ["EPSG:32723", "EPSG:4326"])
def test_classes_have_the_colours_of_the_legend(make_map: Any, png: Any, crs: str) -> None:
    where = {"transform": rasterio.Affine(1e-4, 0, -45.0, 0, -1e-4, -22.6)} if crs == "EPSG:4326" else {}
    folder = make_map(crs=crs, **where)
    tile = middle(shown(folder))
    drawn = png(draw(shown(folder), "classes", tile))
    (ids,), sure = look_up(folder / "classes.tif", tile)
    assert set(np.unique(ids[sure]).tolist()) >= {0, 1, 2, 3, 255}
    colors = {c.id: (*c.color, 255) for c in DEFAULT_LEGEND.classes} | dict.fromkeys((-1, 0, 255), (0, 0, 0, 0))
    for number, color in colors.items():
        where_it_is = sure & (ids == number)
        assert (drawn[:, where_it_is] == np.array(color)[:, None]).all(), number


@pytest.mark.parametrize("layer", ["probability-0", "probability-3", "applicability"])
def test_probabilities_have_the_colours_of_the_ramp(make_map: Any, png: Any, layer: str) -> None:
    folder = make_map(judged=True)
    tile = middle(shown(folder))
    drawn = png(draw(shown(folder), layer, tile))
    planes, sure = look_up(folder / "probabilities.tif", tile)
    counts = planes[{"probability-0": 0, "probability-3": 3, "applicability": 4}[layer]]
    known = sure & (counts >= 0) & (counts < 255)
    ramp = colormaps["cividis" if layer == "applicability" else "viridis"]
    expected = ramp(counts[known] * 0.004, bytes=True).T
    assert np.abs(drawn[:, known].astype(int) - expected).max() <= 3  # a step of the ramp is as much
    assert (drawn[3, sure & ~known] == 0).all()
    assert known.sum() > 10_000


def test_a_hatch_marks_what_is_unknown_and_goes_on_in_the_next_tile(make_map: Any, png: Any) -> None:
    folder = make_map(size=(300, 600))
    tile = middle(shown(folder))
    drawn = png(draw(shown(folder), "masked", tile))
    (ids,), sure = look_up(folder / "classes.tif", tile)
    assert (drawn[3, sure & (ids == 255)] > 0).all()
    assert (drawn[3, sure & (ids != 255)] == 0).all()
    assert len(np.unique(drawn[:, sure & (ids == 255)], axis=1).T) == 2
    beside = png(draw(shown(folder), "masked", Tile(tile.z, tile.x - 1, tile.y)))
    both = np.concatenate([beside, drawn], axis=2)
    lines = both[3] == both[3].max()
    unknown = both[3] > 0
    again = unknown[:, 8:] & unknown[:, :-8]
    assert again[:, 248].any()  # from one tile into the other
    assert (lines[:, 8:] == lines[:, :-8])[again].all()


def enlarge(folder: Path, factor: int) -> None:
    """Turn every pixel of a map's rasters into some."""
    for name in ("classes.tif", "probabilities.tif"):
        with rasterio.open(folder / name) as file:
            planes, profile, names, scales = file.read(), file.profile, file.descriptions, file.scales
        planes = planes.repeat(factor, axis=1).repeat(factor, axis=2)
        keep = {key: profile[key] for key in ("count", "crs", "transform", "dtype", "nodata")}
        size = {"height": planes.shape[1], "width": planes.shape[2]}
        with rasterio.open(folder / name, "w", driver="COG", overview_resampling="average", **keep, **size) as file:
            file.write(planes)
            file.descriptions, file.scales = names, scales


def test_from_afar_overviews_are_read(make_map: Any, png: Any) -> None:
    folder = make_map()
    enlarge(folder, 6)
    with rasterio.open(folder / "probabilities.tif") as file:
        assert file.overviews(1) == [2, 4]
        coarse = file.read(2, out_shape=(225, 300))  # exactly the coarsest overview
    tile = middle(shown(folder), 9)
    drawn = png(draw(shown(folder), "probability-1", tile))
    inside = drawn[:, drawn[3] > 0]
    table = colormaps["viridis"](np.unique(coarse[coarse < 255]) * 0.004, bytes=True).astype(int)
    assert inside.shape[1] > 500
    assert all(np.abs(table - color).max(axis=1).min() <= 3 for color in np.unique(inside, axis=1).T.astype(int))


def test_outside_there_is_nothing(make_map: Any, png: Any) -> None:
    one = shown(make_map(judged=True))
    for layer in layers(one):
        for tile in (Tile(3, 7, 7), Tile(MOST_ZOOM, 0, 0), Tile(MOST_ZOOM, 2**24 - 1, 2**24 - 1)):
            assert draw(one, layer, tile) == empty()
    assert not png(empty()).any()


def test_there_are_no_other_layers(make_map: Any) -> None:
    one = shown(make_map())
    assert layers(one) == ("classes", "masked", "probability-0", "probability-1", "probability-2", "probability-3")
    for layer in ("applicability", "probability-4", "probability-", "", "true"):
        with pytest.raises(BadInput, match="no such layer"):
            draw(one, layer, Tile(0, 0, 0))


numbers = st.one_of(st.integers(-3, 30), st.integers(-(2**70), 2**70), st.integers(0, 2**24)).map(str)
texts = st.text(max_size=6) | st.sampled_from(["", " 1", "+1", "1.0", "1e1", "٣", "1_0", "0x1", "9" * 5000])


@settings(max_examples=300, deadline=None)
@given(numbers | texts, numbers | texts, numbers | texts)
def test_an_address_is_a_tile_or_refused(z: str, x: str, y: str) -> None:
    fits = all(part.isascii() and part.isdigit() and len(part) < 9 for part in (z, x, y))
    exists = fits and int(z) <= MOST_ZOOM and max(int(x), int(y)) < 2 ** int(z)
    if exists:
        assert Tile.parse(z, x, y) == Tile(int(z), int(x), int(y))
    else:
        with pytest.raises(BadInput):
            Tile.parse(z, x, y)


@settings(max_examples=200, deadline=None)
@given(
    st.floats(-179.9, 179.9),
    st.floats(-80, 80),
    st.floats(0.001, 3),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, MOST_ZOOM),
)
def test_no_tile_with_ground_of_the_map_is_left_out(
    west: float, south: float, size: float, right: float, up: float, zoom: int
) -> None:
    bounds = (west, south, west + size, south + size)  # east may lie beyond the date line
    longitude, latitude = west + right * size, south + up * size
    tile = WEB.tile(longitude - 360 if longitude > 180 else longitude, latitude, zoom)
    assert Tile(zoom, tile.x, tile.y).touches(bounds)
