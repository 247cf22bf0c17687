from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from pyproj import Geod
from scipy import stats

from highwall.errors import BadInput
from highwall.sampling.draw import draw_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


def read(path: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(path, layer="samples")


def test_points_are_pixels_of_their_class_for_a_person_to_label(
    make_map: Callable[..., Path], quarters: NDArray[np.uint8], tmp_path: Path
) -> None:
    folder, out = make_map(quarters), tmp_path / "new" / "samples.gpkg"
    draw = draw_sample(folder, out, 40, spacing=15)
    points = read(out)
    assert [*points.columns] == ["id", "stratum", "reference", "note", "geometry"]
    assert points["id"].tolist() == [*range(1, 41)]
    assert points[["reference", "note"]].isna().all().all()
    assert points.crs == "EPSG:32723"
    with rasterio.open(folder / "classes.tif") as file:
        ids = [value[0] for value in file.sample(zip(points.geometry.x, points.geometry.y, strict=True))]
    assert points["stratum"].tolist() == ids
    assert np.bincount(ids).tolist() == draw.placed.tolist() == draw.wanted.tolist() == [10, 10, 10, 10]
    assert set(points.geometry.x % 10) == set(points.geometry.y % 10) == {5}  # centres
    assert dict(pyogrio.list_layers(out)) == {"samples": "Point", "layer_styles": None}


def test_the_same_seed_draws_the_same_file(
    make_map: Callable[..., Path], quarters: NDArray[np.uint8], tmp_path: Path
) -> None:
    folder = make_map(quarters)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        draw_sample(folder, tmp_path / f"{name}.gpkg", 30, seed=seed)
    a, b, c = ((tmp_path / f"{name}.gpkg").read_bytes() for name in "abc")
    assert a == b
    assert a != c


@pytest.mark.parametrize(
    ("crs", "transform"),
    [("EPSG:32723", Affine(10, 0, 500_000, 0, -10, 7_500_000)), ("EPSG:4326", Affine(3e-4, 0, 25, 0, -1e-4, 68))],
)
def test_points_are_as_far_apart_on_the_ground_as_wanted(
    make_map: Callable[..., Path], tmp_path: Path, crs: str, transform: Affine
) -> None:
    ids = np.random.default_rng(0).integers(0, 4, (60, 60))
    draw_sample(make_map(ids, crs=crs, transform=transform), tmp_path / "a.gpkg", 60, spacing=40)
    degrees = read(tmp_path / "a.gpkg").to_crs(4326).geometry
    places = list(zip(degrees.x, degrees.y, strict=True))
    nearest = min(Geod(ellps="WGS84").inv(*one, *two)[2] for one, two in combinations(places, 2))
    assert 40 * 0.999 <= nearest < 45


def test_by_default_points_are_no_neighbours(make_map: Callable[..., Path], tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 4, (40, 40))
    draw = draw_sample(make_map(ids), tmp_path / "a.gpkg", 100)
    nearest = min(np.hypot(*(one - two)) for one, two in combinations(draw.pixels, 2))
    assert nearest == 2


def test_what_has_no_room_is_said_and_a_class_gets_two(make_map: Callable[..., Path], tmp_path: Path) -> None:
    ids = np.zeros((40, 40), int)
    ids[20, 20:23] = 1
    draw = draw_sample(make_map(ids), tmp_path / "a.gpkg", 30, spacing=120)
    placed = draw.placed.tolist()
    assert placed[1:] == [2, 0, 0]
    assert placed[0] < draw.wanted[0]
    assert f"background: only {placed[0]} of {draw.wanted[0]} points could be placed 120 m apart" in draw.notes
    assert any(note.startswith("waste dump: points nearer than 120 m") for note in draw.notes)


def test_all_pixels_are_drawn_where_there_are_no_more(
    make_map: Callable[..., Path], quarters: NDArray[np.uint8], tmp_path: Path
) -> None:
    draw = draw_sample(make_map(quarters), tmp_path / "a.gpkg", 10_000, spacing=0)
    assert sorted(map(tuple, draw.pixels.tolist())) == sorted(map(tuple, np.argwhere(quarters < 255).tolist()))


def test_every_pixel_of_a_class_has_the_same_chance(
    make_map: Callable[..., Path], quarters: NDArray[np.uint8], tmp_path: Path
) -> None:
    folder, hits = make_map(quarters), np.zeros(quarters.shape, int)
    for seed in range(60):
        pixels = draw_sample(folder, tmp_path / f"{seed}.gpkg", 200, spacing=0, seed=seed).pixels
        np.add.at(hits, tuple(pixels.T), 1)
    for class_id in range(4):
        assert stats.chisquare(hits[quarters == class_id]).pvalue > 1e-3
    assert hits[quarters == 255].sum() == 0


def test_any_first_part_of_the_points_is_a_sample(
    make_map: Callable[..., Path], quarters: NDArray[np.uint8], tmp_path: Path
) -> None:
    folder = make_map(quarters)
    first = [draw_sample(folder, tmp_path / f"{n}.gpkg", 40, seed=n).classes[:10] for n in range(30)]
    assert stats.chisquare(np.bincount(np.concatenate(first))).pvalue > 1e-3


def test_a_map_that_lies_nowhere_is_measured_in_pixels(
    make_map: Callable[..., Path], quarters: NDArray[np.uint8], tmp_path: Path
) -> None:
    draw = draw_sample(make_map(quarters, crs=None), tmp_path / "a.gpkg", 20, spacing=2)
    points = read(tmp_path / "a.gpkg")
    assert np.column_stack([-points.geometry.y - 0.5, points.geometry.x - 0.5]).tolist() == draw.pixels.tolist()
    assert draw.apart == "2 pixels"


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("there.gpkg", {}, "is there already"),
        ("a.shp", {}, "ends in .gpkg"),
        ("a.gpkg", {"spacing": -1}, "0 metres apart or more"),
        ("a.gpkg", {"minimum": 20}, "20 points do not suffice for 20"),
        ("a.gpkg", {"folder": "nothing"}, "is no map"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_leaves_nothing(
    make_map: Callable[..., Path], tmp_path: Path, name: str, options: dict[str, Any], words: str
) -> None:
    (tmp_path / "there.gpkg").write_text("mine")
    folder = options.pop("folder", make_map(np.arange(400).reshape(20, 20) % 4))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadInput, match=words):
        draw_sample(tmp_path / folder, tmp_path / name, 20, **options)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.gpkg").read_text() == "mine"


def test_a_map_without_known_ground_is_refused(make_map: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="all of the map is unknown"):
        draw_sample(make_map(np.full((5, 5), 255)), tmp_path / "a.gpkg", 20)
    with pytest.raises(BadInput, match="holds 9, which its legend lacks"):
        draw_sample(make_map(np.full((5, 5), 9), "b"), tmp_path / "a.gpkg", 20)
