from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize, shapes
from shapely.geometry import shape

from highwall.legend import DEFAULT_LEGEND
from highwall.products.areas import measure, pixel_hectares
from highwall.products.components import find_components
from highwall.products.labels import Labels
from highwall.products.polygons import outlines

if TYPE_CHECKING:
    from numpy.typing import NDArray

UTM = Affine(10, 0, 500_000, 0, -10, 7_500_000)


def as_labels(classes: NDArray[np.uint8], affine: Affine = UTM, crs: str | None = "EPSG:32723") -> Labels:
    return Labels(classes, None, GeoBox(classes.shape, affine, crs), DEFAULT_LEGEND)


def measured(polygons: list[Any] | NDArray[Any], geobox: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure shapely polygons in the coordinates of a grid."""
    _, ground, (rings, outer) = shapely.to_ragged_array(np.asarray(polygons, object))
    corners = np.array([~geobox.affine * tuple(point) for point in ground])
    return measure(corners, rings.astype(np.int64), outer.astype(np.int64), geobox)


def polygons_of(labels: Labels, **sizes: int) -> NDArray[Any]:
    components = find_components(labels)
    parts = list(outlines(labels, components, **sizes))
    assert [part.start for part in parts] == np.cumsum([0, *(len(p.geometry) for p in parts)])[:-1].tolist()
    return np.concatenate([np.empty(0, object), *(part.geometry for part in parts)])


@settings(max_examples=150, deadline=None)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 16), st.integers(1, 9)), elements=st.sampled_from([0, 1, 1, 1, 2, 255])),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_polygons_are_those_of_the_whole_raster(classes: NDArray[np.uint8], rows: int, batch: int) -> None:
    labels = as_labels(classes)
    polygons = polygons_of(labels, rows=rows, batch=batch)
    ids = find_components(labels).class_id
    whole = shapes(classes, (classes > 0) & (classes < 255), connectivity=4, transform=UTM)
    expected = {(int(value), shape(outline).normalize().wkb) for outline, value in whole}
    found = {(int(value), polygon.normalize().wkb) for value, polygon in zip(ids, polygons, strict=True)}
    assert found == expected
    assert len(polygons) == len(expected)
    assert shapely.is_valid(polygons).all()


@pytest.mark.parametrize("share", [0.02, 0.4, 0.6, 0.95])
@pytest.mark.parametrize("rows", [8, 512])
def test_polygons_rasterize_to_the_map(share: float, rows: int) -> None:
    rng = np.random.default_rng(1)
    classes = np.where(rng.random((120, 90)) < share, rng.integers(1, 3, (120, 90)), 0).astype(np.uint8)
    classes[40:80, 30:60] = 3
    classes[50:70, 40:50] = 0
    labels = as_labels(classes)
    polygons = polygons_of(labels, rows=rows)
    components = find_components(labels)
    pairs = zip(polygons, components.class_id.tolist(), strict=True)
    np.testing.assert_array_equal(rasterize(pairs, classes.shape, transform=UTM, dtype=np.uint8), classes)
    np.testing.assert_allclose(shapely.area(polygons), components.pixels * 100.0, rtol=1e-12)


@pytest.mark.parametrize("rows", [4, 512])
def test_a_rotated_grid_is_followed(rows: int) -> None:
    affine = Affine.translation(500_000, 7_500_000) * Affine.rotation(30) * Affine.scale(10, -10)
    classes = np.zeros((30, 20), np.uint8)
    classes[3:28, 4:9] = 1
    (polygon,) = polygons_of(as_labels(classes, affine), rows=rows)
    corners = [affine * corner for corner in ((4, 3), (9, 3), (9, 28), (4, 28))]
    assert polygon.symmetric_difference(shapely.Polygon(corners)).area < 1e-3


def test_areas_and_perimeters_are_those_of_pyproj() -> None:
    ring = shapely.Polygon(
        [(500_000, 7_500_000), (500_300, 7_500_000), (500_300, 7_499_700), (500_000, 7_499_700)],
        [[(500_100, 7_499_900), (500_100, 7_499_800), (500_200, 7_499_800), (500_200, 7_499_900)]],
    )
    square = shapely.box(501_000, 7_400_000, 501_010, 7_400_010)
    areas, perimeters = measured(np.array([ring, square]), GeoBox((9, 9), UTM, "EPSG:32723"))
    to_degrees = pyproj.Transformer.from_crs("EPSG:32723", "EPSG:4326", always_xy=True)
    geod = pyproj.Geod(ellps="WGS84")
    for index, polygon in enumerate((ring, square)):
        ground = shapely.transform(shapely.orient_polygons(polygon), to_degrees.transform, interleaved=False)
        area, outer = geod.geometry_area_perimeter(ground)
        inner = sum(geod.geometry_length(hole) for hole in ground.interiors)
        np.testing.assert_allclose(areas[index], area / 1e4, rtol=1e-9)
        np.testing.assert_allclose(perimeters[index], outer + inner, rtol=1e-9)
    assert areas[0] == pytest.approx(8 / 0.9996**2, rel=1e-4)  # UTM shrinks lengths on its central meridian


def test_long_sides_follow_the_grid_and_not_the_shortest_way() -> None:
    """One degree by one degree from 50 degrees north: the area between two parallels has a closed form."""
    affine = Affine(1e-3, 0, 10, 0, -1e-3, 51)
    geobox = GeoBox((1000, 1000), affine, "EPSG:4326")
    (area,), _ = measured(np.array([shapely.box(10, 50, 11, 51)]), geobox)
    a, f = 6378137.0, 1 / 298.257223563
    e = np.sqrt(f * (2 - f))
    s = np.sin(np.radians([50, 51]))
    q = s / (1 - (e * s) ** 2) + np.arctanh(e * s) / e  # Snyder (1987), Map projections, eq. 3-12
    exact = np.radians(1) * a**2 * (1 - e**2) / 2 * np.diff(q)[0]
    assert area * 1e4 == pytest.approx(exact, rel=1e-6)
    pixels = pixel_hectares(geobox, 300)
    assert pixels.shape == (4, 4)
    counts = np.diff([0, 300, 600, 900, 1000])
    assert (pixels * np.outer(counts, counts)).sum() * 1e4 == pytest.approx(exact, rel=1e-6)
    assert (np.diff(pixels, axis=0) > 0).all()  # pixels grow towards the equator


@pytest.mark.parametrize(
    ("affine", "crs"),
    [
        (UTM, "EPSG:32723"),
        (Affine(10, 0, 810_000, 0, -10, 9_990_000), "EPSG:32723"),  # at the edge of the zone
        (Affine(10, 0, 300_000, 0, -10, 8_800_000), "EPSG:32633"),  # 79 degrees north
        (Affine(1e-4, 0, 20, 0, -1e-4, 71), "EPSG:4326"),
        (Affine.translation(500_000, 7_500_000) * Affine.rotation(30) * Affine.scale(10, -20), "EPSG:32723"),
        (Affine(10, 4, 4_300_000, 3, -10, 3_200_000), "EPSG:3035"),  # sheared
    ],
)
def test_areas_and_perimeters_of_any_ring_are_those_of_pyproj_on_any_grid(affine: Affine, crs: str) -> None:
    noise = np.random.default_rng(0).normal(size=(190, 90))
    classes = (np.cumsum(np.cumsum(noise, 0), 1) > 0).astype(np.uint8)
    classes[:, 60:] = noise[:, 60:] > 0.5
    labels = as_labels(classes, affine, crs)
    polygons = polygons_of(labels)
    areas, perimeters = measured(polygons, labels.geobox)
    assert np.ptp([polygon.bounds[1::2] for polygon in polygons], axis=1).max() > 64 * abs(affine.e)
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    geod = pyproj.Geod(ellps="WGS84")
    for polygon, area, perimeter in zip(polygons, areas, perimeters, strict=True):
        dense = shapely.segmentize(shapely.orient_polygons(polygon), 10 * abs(affine.a))
        ground = shapely.transform(dense, to_degrees.transform, interleaved=False)
        expected, outer = geod.geometry_area_perimeter(ground)
        inner = sum(geod.geometry_length(hole) for hole in ground.interiors)
        assert area == pytest.approx(abs(expected) / 1e4, rel=5e-6)
        assert perimeter == pytest.approx(outer + inner, rel=5e-6)


def test_without_a_reference_system_nothing_has_an_area() -> None:
    geobox = GeoBox((3, 3), Affine.scale(1, -1), None)
    areas, perimeters = measured(np.array([shapely.box(0, 0, 1, 1)]), geobox)
    assert np.isnan([*areas, *perimeters]).all()
    assert np.isnan(pixel_hectares(geobox, 2)).all()
