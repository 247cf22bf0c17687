from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from highwall.tiles.dataset import survey
from highwall.tiles.footprints import contacts

if TYPE_CHECKING:
    from pathlib import Path


def box(x: float, y: float, size: int = 64, crs: str = "EPSG:32633", pixel: float = 10.0) -> GeoBox:
    return GeoBox((size, size), Affine(pixel, 0, 5e5 + x * pixel, 0, -pixel, 4e6 - y * pixel), crs)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(4, 12)), min_size=2, max_size=12))
@settings(max_examples=60, deadline=None)
def test_contacts_are_those_of_plain_rectangles(places: list[tuple[int, int, int]]) -> None:
    found = {(c.a, c.b): c for c in contacts([box(*place) for place in places])}
    for a, (xa, ya, na) in enumerate(places):
        for b, (xb, yb, nb) in list(enumerate(places))[a + 1 :]:
            width, height = min(xa + na, xb + nb) - max(xa, xb), min(ya + na, yb + nb) - max(ya, yb)
            if width < 0 or height < 0:
                assert (a, b) not in found
            else:
                assert found[a, b].overlap == pytest.approx(width * height / min(na, nb) ** 2, abs=1e-6)
                assert found[a, b].gap == 0


@pytest.mark.parametrize(("shift", "gap"), [(64.005, 0), (64.5, 0.5), (64.99, 0.99)])
def test_small_gaps_are_told_from_touching(shift: float, gap: float) -> None:
    (contact,) = contacts([box(0, 0), None, box(shift, 3)])
    assert (contact.a, contact.b, contact.overlap) == (0, 2, 0)
    assert contact.gap == pytest.approx(gap, abs=1e-6)


def test_a_pixel_apart_is_no_contact_and_a_sliver_is_no_overlap() -> None:
    assert contacts([box(0, 0), box(65.01, 0)]) == []
    (contact,) = contacts([box(0, 0), box(63.995, 0)])
    assert contact.overlap == 0


def test_tiles_of_neighbouring_zones_meet() -> None:
    a = GeoBox((100, 100), Affine(10, 0, 810000, 0, -10, 4431000), "EPSG:32632")
    center = shapely.Point(a.extent.centroid.to_crs("EPSG:32633").coords[0])
    b = GeoBox((100, 100), Affine(10, 0, center.x, 0, -10, center.y), "EPSG:32633")
    (contact,) = contacts([a, b])
    truth = a.extent.intersection(b.footprint("EPSG:32632")).area / min(a.extent.area, b.footprint("EPSG:32632").area)
    assert contact.overlap == pytest.approx(truth, abs=1e-4)
    assert contacts([a, b.translate_pix(300, 0)]) == []


def test_real_overlaps_are_all_found_and_none_invented(brazil: Path) -> None:
    found = survey(brazil)
    headers = [found.headers[tile.key] for tile in found.dataset.tiles]
    outlines = [shapely.box(*h.geobox.extent.boundingbox) for h in headers]
    tree = shapely.STRtree(outlines)
    pairs = np.stack(tree.query(outlines, predicate="intersects")).T
    truth = {(a, b) for a, b in pairs.tolist() if a < b and outlines[a].intersection(outlines[b]).area > 0}
    found_contacts = contacts([h.geobox for h in headers])
    assert {(c.a, c.b) for c in found_contacts if c.overlap > 0} == truth
    assert [c.gap for c in found_contacts if c.overlap == 0] == [pytest.approx(0.1, abs=0.01)]
