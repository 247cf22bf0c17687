"""What the benchmark counts, on scenes where the right count is known."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")


class Bright:
    """Calls mine whatever is bright in the first band."""

    bands = BANDS
    facts: dict[str, Any] = {"ground": [{"place": "Milan, Italy"}]}  # noqa: RUF012 - as a model's

    def for_bands(self, _there: tuple[str, ...]) -> Bright:
        """Stay the same."""
        return self

    def labels(self, reflectance: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Answer with 2 where it is bright."""
        return np.where(reflectance[:, 0] > 0.5, 2, 0).astype(np.uint8)


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module of the benchmark."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import box_scores  # noqa: PLC0415 - a script's

    yield box_scores
    sys.modules.pop("box_scores", None)


def _scene(path: Path, bright: list[tuple[slice, slice]], shape: tuple[int, int] = (300, 530)) -> None:
    counts = np.full((6, *shape), 1000, np.uint16)
    for window in bright:
        counts[:, *window] = 8000
    profile = {"driver": "GTiff", "count": 6, "height": shape[0], "width": shape[1], "dtype": "uint16", "nodata": 0}
    with rasterio.open(path, "w", **profile) as file:
        file.write(counts)
        file.descriptions = BANDS


def test_drawn_mines_are_found_where_more_than_half_is_called_mine(tmp_path: Path, scores: Any) -> None:
    _scene(tmp_path / "there.tif", [np.s_[100:110, 400:406]])
    ring = [[400, 100], [410, 100], [410, 110], [400, 110], [400, 100]]
    feature = {
        "properties": {"name": "pit", "class": "quarry pit"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    for scene in ("there", "absent"):
        document = {"type": "FeatureCollection", "scene": scene, "features": [feature], "mines": []}
        (tmp_path / f"{scene}.json").write_text(json.dumps(document))
    (answer,) = scores.find_drawn(Bright(), tmp_path, tmp_path)
    assert answer.drawn.sum() == 100
    assert answer.share == pytest.approx(0.6)
    assert answer.image.shape == (256, 256)
    assert not answer.learned


def test_false_objects_are_counted_in_tiles_without_mines(tmp_path: Path, scores: Any) -> None:
    (tmp_path / "outlines").mkdir()
    objects = [np.s_[10:15, 10:20], np.s_[40:47, 10:17], np.s_[60:70, 300:310], np.s_[270:290, 100:120]]
    _scene(tmp_path / "oscd_milano_1.tif", objects)  # of 50 pixels, 49, 100, and one beyond the last tile
    tiles = list(scores.find_false(Bright(), tmp_path, tmp_path / "outlines"))
    assert [one.false_objects for one in tiles] == [1, 1]
    assert all(one.learned for one in tiles)
    document = {"scene": "oscd_milano_1", "features": [], "mines": [[0, 5, 500, 510]]}
    (tmp_path / "outlines" / "a.json").write_text(json.dumps(document))
    assert [one.name for one in scores.find_false(Bright(), tmp_path, tmp_path / "outlines")] == ["oscd_milano_1 0,0"]


def test_outlines_name_polygons_inside_the_places_that_are_no_negatives() -> None:
    for path in sorted((BENCHMARKS / "box").glob("*.json")):
        document = json.loads(path.read_text("utf-8"))
        assert document["scene"] == path.stem
        for feature in document["features"]:
            columns, rows = zip(*feature["geometry"]["coordinates"][0], strict=True)
            assert any(
                top <= min(rows) and max(rows) <= bottom and left <= min(columns) and max(columns) <= right
                for top, bottom, left, right in document["mines"]
            )
