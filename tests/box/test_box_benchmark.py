"""What the benchmark counts, on scenes where the right count is known."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

from highwall.box.ground import DRAWN
from highwall.legend import DEFAULT_LEGEND, Legend

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


def _by_hand(pairs: list[tuple[Any, NDArray[np.uint8]]], classes: dict[int, int]) -> dict[str, float]:
    """Count pixel by pixel; objects by flooding."""
    counts = dict.fromkeys(("mine and", "mine or", "pond and", "pond or", "objects", "found"), 0)
    for answer, truth in pairs:
        said, (height, width) = answer.labels, truth.shape
        spots = set()
        for at in np.ndindex(height, width):
            if truth[at] == 255 or said[at] == 255:
                continue
            if truth[at] != 0:
                spots.add(at)
            for key, real, told in (
                ("mine", truth[at] != 0, said[at] != 0),
                ("pond", truth[at] == 3, classes[int(said[at])] == 3),
            ):
                counts[f"{key} and"] += bool(real and told)
                counts[f"{key} or"] += bool(real or told)
        while spots:
            edge, whole = [spots.pop()], []
            while edge:
                y, x = edge.pop()
                whole.append((y, x))
                near = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & spots
                spots -= near
                edge += near
            if len(whole) >= 50:
                counts["objects"] += 1
                counts["found"] += 2 * sum(said[at] != 0 for at in whole) > len(whole)
    return {
        "tiles": len(pairs),
        "objects": counts["objects"],
        "objects_found": counts["found"] / max(counts["objects"], 1),
        "mine_iou": counts["mine and"] / max(counts["mine or"], 1),
        "tailings_iou": counts["pond and"] / max(counts["pond or"], 1),
    }


@pytest.mark.parametrize("seed", range(5))
def test_labelled_tiles_are_scored_as_by_hand(seed: int, scores: Any) -> None:
    rng = np.random.default_rng(seed)
    legend = Legend(tuple(DEFAULT_LEGEND.classes[n] for n in (0, 1, 3)))  # an index is no id here
    pairs = []
    for _ in range(3):
        blocks = rng.choice([0, 0, 0, 1, 2, 3, 255], (6, 7)).astype(np.uint8)
        truth = np.kron(blocks, np.ones((7, 8), np.uint8))
        noise = rng.choice([0, 1, 2, 255], truth.shape, p=[0.45, 0.25, 0.25, 0.05]).astype(np.uint8)
        answer = scores.Answer("tile", None, np.where(rng.random(truth.shape) < 0.4, np.uint8(1), noise))
        pairs.append((answer, truth))
    told = scores.score_labelled(SimpleNamespace(legend=legend), pairs)
    assert told == pytest.approx(_by_hand(pairs, {0: 0, 1: 1, 2: 3, 255: 255}))
    assert told["objects"] > 0
    nothing = scores.score_labelled(SimpleNamespace(legend=legend), [])
    assert not any(nothing.values())


def test_labelled_tiles_are_read_with_their_own_ids(tmp_path: Path, scores: Any) -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 10_000, (6, 20, 30), dtype=np.uint16)
    counts[:, 5, 5:9] = 0
    mask = rng.choice([0, 1, 3, 255], (20, 30)).astype(np.uint8)
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    profile = {"driver": "GTiff", "height": 20, "width": 30}
    with rasterio.open(tmp_path / "images/a.tif", "w", count=6, dtype="uint16", nodata=0, **profile) as file:
        file.write(counts)
    with rasterio.open(tmp_path / "masks/a.tif", "w", count=1, dtype="uint8", **profile) as file:
        file.write(mask, 1)
    names = '0 = "background"\n1 = "waste dump"\n3 = "tailings pond"\n'
    (tmp_path / "dataset.toml").write_text(f"bands = {json.dumps(BANDS)}\nscale = 1e-4\noffset = 0\n[legend]\n{names}")
    ((answer, truth),) = scores.find_labelled(Bright(), tmp_path)
    there = (counts > 0).any(0)
    np.testing.assert_array_equal(truth, np.where(there, mask, 255))
    np.testing.assert_array_equal(answer.labels, np.where(there, np.where(counts[0] > 5000, 2, 0), 255))
    np.testing.assert_array_equal(answer.drawn, there & (mask != 0) & (mask != 255))


def test_outlines_name_polygons_inside_the_places_that_are_no_negatives() -> None:
    for path in [*(BENCHMARKS / "box").glob("*.json"), *DRAWN.glob("*.json")]:
        document = json.loads(path.read_text("utf-8"))
        assert document["scene"] == path.stem
        for feature in document["features"]:
            columns, rows = zip(*feature["geometry"]["coordinates"][0], strict=True)
            assert any(
                top <= min(rows) and max(rows) <= bottom and left <= min(columns) and max(columns) <= right
                for top, bottom, left, right in document["mines"]
            )
