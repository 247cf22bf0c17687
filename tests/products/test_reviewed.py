from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.features import rasterize

from highwall.products.map_folder import read_map_folder
from highwall.products.review import clear, decide
from highwall.products.reviewed import Summary, read_corrections, summarise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

TURNED = Affine(8, 3, 500_000, 3, -8, 7_500_000)


def by_hand(made: Any, ids: dict[int, int]) -> NDArray[np.uint8]:
    """Burn polygons onto a map's classes, one after the other."""
    with rasterio.open(made.folder / "classes.tif") as file:
        classes, transform = file.read(1), file.transform if file.crs else Affine.scale(1, -1)
    polygons = made.polygons()
    for polygon, class_id in ids.items():
        burnt = rasterize([polygons.geometry[polygon]], classes.shape, transform=transform).astype(bool)
        classes[burnt] = class_id
    return np.asarray(classes)


@pytest.mark.parametrize(
    "where",
    [{}, {"transform": TURNED}, {"crs": None, "transform": None}],
    ids=["upright", "turned", "nowhere"],
)
def test_rejected_is_background_and_reclassed_is_its_class(
    make_block_map: Callable[..., Any], where: dict[str, Any]
) -> None:
    made = make_block_map((90, 130), block=10, **where)
    polygons = made.polygons()
    ids = {}
    for number, polygon in enumerate(polygons.index):
        own = int(polygons["class_id"][polygon])
        if number % 4 == 1:
            decide(made.folder, polygon, "reject", reviewer="ana")
            ids[polygon] = 0
        elif number % 4 == 2:
            ids[polygon] = own % 3 + 1
            decide(made.folder, polygon, "reclass", class_id=ids[polygon], reviewer="ana")
        elif number % 4 == 3:
            decide(made.folder, polygon, "accept", reviewer="ana")
    expected = by_hand(made, ids)
    assert (expected == 255).sum() == (made.ids == 255).sum() == 200
    corrections = read_corrections(read_map_folder(made.folder))
    np.testing.assert_array_equal(corrections.apply(made.ids), expected)
    assert (expected != made.ids).sum() == polygons.loc[[*ids]].geometry.area.sum() / abs(
        corrections.geobox.affine.determinant
    )
    for height, width in ((7, 130), (90, 1), (32, 50)):
        pieces = np.zeros_like(expected)
        for top in range(0, 90, height):
            for left in range(0, 130, width):
                window = slice(top, top + height), slice(left, left + width)
                before = made.ids[window].copy()
                pieces[window] = corrections.apply(before, top, left)
                np.testing.assert_array_equal(before, made.ids[window])
        np.testing.assert_array_equal(pieces, expected)


def test_a_map_that_nobody_has_looked_at_stays_as_it_is(make_block_map: Callable[..., Any]) -> None:
    made = make_block_map()
    before = (made.folder / "polygons.gpkg").read_bytes()
    count = len(made.polygons())
    assert summarise(made.folder) == Summary(count, 0, 0, 0)
    np.testing.assert_array_equal(read_corrections(read_map_folder(made.folder)).apply(made.ids), made.ids)
    assert (made.folder / "polygons.gpkg").read_bytes() == before
    decide(made.folder, 1, "reject", reviewer="ana")
    clear(made.folder, 1, reviewer="ana", version=1)
    np.testing.assert_array_equal(read_corrections(read_map_folder(made.folder)).apply(made.ids), made.ids)


def test_a_summary_counts_what_holds(make_block_map: Callable[..., Any]) -> None:
    made = make_block_map()
    decide(made.folder, 1, "accept", reviewer="ana")
    decide(made.folder, 1, "reject", reviewer="ana", version=1)
    decide(made.folder, 2, "accept", reviewer="ana")
    decide(made.folder, 3, "reclass", class_id=1, reviewer="ana")
    decide(made.folder, 4, "accept", reviewer="ana")
    clear(made.folder, 4, reviewer="ana", version=1)
    summary = summarise(made.folder)
    count = len(made.polygons())
    assert (summary, summary.decided) == (Summary(count, 1, 1, 1), 3)
    assert str(summary) == f"3 of {count} polygons decided: 1 accepted, 1 rejected, 1 reclassed"
    assert summary.to_json() == {"polygons": count, "accepted": 1, "rejected": 1, "reclassed": 1}
