from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

from highwall.products.map_folder import read_map_folder
from highwall.products.review import clear, decide
from highwall.products.reviewed import read_corrections
from highwall.sampling.area import estimate_areas
from highwall.sampling.draw import draw_sample
from highwall.sampling.strata import count_classes, ids_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

NAMES = ("background", "waste dump", "quarry pit", "tailings pond")


def decide_some(made: Any) -> NDArray[np.uint8]:
    """Accept, reject and reclass some polygons; return the map's classes then."""
    for polygon, own in made.polygons()["class_id"].items():
        if polygon % 4 == 1:
            decide(made.folder, polygon, "reject", reviewer="ana")
        elif polygon % 4 == 2:
            decide(made.folder, polygon, "reclass", class_id=own % 3 + 1, reviewer="ana")
        elif polygon % 4 == 3:
            decide(made.folder, polygon, "accept", reviewer="ana")
    return read_corrections(read_map_folder(made.folder)).apply(made.ids)


def label_all(made: Any, path: Path, truth: NDArray[np.uint8]) -> Path:
    """Write each known pixel of a map as a point with its true class."""
    with rasterio.open(made.folder / "classes.tif") as file:
        rows, columns = np.nonzero(made.ids != 255)
        x, y = file.xy(rows, columns)
    lines = [f"{x},{y},{i},{t}" for x, y, i, t in zip(x, y, made.ids[rows, columns], truth[rows, columns], strict=True)]
    path.write_text("\n".join(["x,y,stratum,reference", *lines]))
    return path


@pytest.fixture
def truth() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 4, (48, 64)).astype(np.uint8)


def test_where_all_is_known_all_is_exact(
    make_block_map: Callable[..., Any], truth: NDArray[np.uint8], tmp_path: Path
) -> None:
    made = make_block_map((48, 64), block=8)
    points = label_all(made, tmp_path / "points.csv", truth)
    before = estimate_areas(made.folder, points)
    assert before.review is None
    assert before.to_json()["review"] is None
    after = decide_some(made)
    known = made.ids != 255
    areas = estimate_areas(made.folder, points)
    for key in ("classes", "accuracy", "confusion", "points", "strata"):  # a review changes nothing of the estimate
        assert areas.to_json()[key] == before.to_json()[key]
    document = areas.to_json()["review"]
    assert (after != made.ids).any()
    assert document["accuracy"]["value"] == pytest.approx((after == truth)[known].mean(), rel=2e-4)  # pixels differ so
    for i, name in enumerate(NAMES):
        row, own, there = document["classes"][name], (after == i) & known, (truth == i) & known
        right = (own & there).sum()
        assert row["mapped_share"] == pytest.approx(own.sum() / known.sum())
        assert row["mapped_ha"] == pytest.approx(own.sum() / 100, rel=2e-3)  # UTM against the ellipsoid
        assert row["users_accuracy"]["value"] == pytest.approx(right / own.sum(), rel=2e-4)
        assert row["producers_accuracy"]["value"] == pytest.approx(right / there.sum(), rel=2e-4)
    assert areas.review is not None
    assert document["rejected"] == areas.review.summary.rejected > 0
    assert any("strata are the classes as the model mapped them" in note for note in areas.notes)


def test_a_review_that_was_taken_back_is_none(
    make_block_map: Callable[..., Any], truth: NDArray[np.uint8], tmp_path: Path
) -> None:
    made = make_block_map((48, 64), block=8)
    points = label_all(made, tmp_path / "points.csv", truth)
    decide(made.folder, 1, "reject", reviewer="ana")
    clear(made.folder, 1, reviewer="ana", version=1)
    assert estimate_areas(made.folder, points).review is None


def test_a_sample_is_drawn_from_the_model_s_classes(make_block_map: Callable[..., Any], tmp_path: Path) -> None:
    made = make_block_map((48, 64), block=8)
    one = draw_sample(made.folder, tmp_path / "one.gpkg", 80)
    decide_some(made)
    two = draw_sample(made.folder, tmp_path / "two.gpkg", 80)
    np.testing.assert_array_equal(one.pixels, two.pixels)
    np.testing.assert_array_equal(one.strata.pixels, two.strata.pixels)


def test_counts_and_look_ups_follow_the_review(
    make_block_map: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("highwall.sampling.strata._BLOCK", 16)  # several strips
    made = make_block_map((48, 64), block=8)
    after = decide_some(made)
    of = read_map_folder(made.folder)
    review = read_corrections(of)
    rows, columns = (index.ravel() for index in np.indices(after.shape))
    np.testing.assert_array_equal(ids_at(of, rows, columns, review), after.ravel())
    np.testing.assert_array_equal(ids_at(of, rows, columns), made.ids.ravel())
    pixels, hectares = count_classes(of, review)
    np.testing.assert_array_equal(pixels, np.bincount(after.ravel(), minlength=256))
    np.testing.assert_allclose(hectares, pixels / 100, rtol=2e-3)
