"""Maps of scenes some windows of which need no work."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

import highwall
from highwall.errors import BadInput
from highwall.legend import Legend, LegendClass
from highwall.mapping.engine import STEPS
from highwall.mapping.windows import make_grid
from highwall.models.patches import PATCH
from highwall.products.work import work_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.scenes import Scene


def read(folder: Path, name: str) -> NDArray[Any]:
    with rasterio.open(folder / name) as file:
        return file.read()


def touched(mine: tuple[int, int], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Tell which windows touch a patch that the mine of 96 pixels touches, `(row, column)`."""
    grid = make_grid(shape)
    found = np.zeros((len(grid.rows), len(grid.columns)), bool)
    for row, top in enumerate(grid.rows.starts):
        for column, left in enumerate(grid.columns.starts):
            y, x = mine
            first, last = (y - top) // PATCH * PATCH + top, -(-(y + 96 - top) // PATCH) * PATCH + top
            west, east = x // PATCH * PATCH, -(-(x + 96) // PATCH) * PATCH
            found[row, column] = first < top + 256 and last > top and west < left + 256 and east > left
    return found


@pytest.mark.parametrize("mine", [(0, 0), (300, 330), (544, 736)])
def test_with_a_first_look_the_map_is_the_full_one_where_windows_were_computed(
    seeing: Any, lonely_mine: Callable[..., Scene], tmp_path: Path, mine: tuple[int, int]
) -> None:
    scene = lonely_mine(*mine)
    grid, keep = make_grid(scene.shape), touched(mine, scene.shape)
    full = highwall.map_scene(scene, seeing.model, tmp_path / "full")
    quick = highwall.map_scene(scene, seeing.model, tmp_path / "quick", first_look=True)
    skipped = quick.manifest["skipped"]
    assert skipped == {
        "windows": len(grid),
        "sea": 0,
        "first_look": int((~keep).sum()),
        "out_of_fold": seeing.model.first_look.to_json(),
    }
    assert quick.to_json()["skipped"] == skipped
    assert full.manifest["skipped"]["first_look"] == 0
    assert full.manifest["skipped"]["out_of_fold"] is None
    weight = np.zeros(scene.shape)
    for row, top in enumerate(grid.rows.starts):
        for column, left in enumerate(grid.columns.starts):
            share = np.outer(grid.rows.weights[row], grid.columns.weights[column])
            weight[top : top + 256, left : left + 256] += keep[row, column] * share
    everything = weight == 1
    assert everything.any()
    nothing = weight == 0
    assert nothing.any()
    for name in ("classes.tif", "probabilities.tif"):
        one, other = read(tmp_path / "full", name), read(tmp_path / "quick", name)
        np.testing.assert_array_equal(one[:, everything], other[:, everything])
    sure = np.array([STEPS, 0, 0, 0, STEPS])[:, None]  # of background, and on known ground
    np.testing.assert_array_equal(other[:, nothing], np.broadcast_to(sure, other[:, nothing].shape))
    assert (read(tmp_path / "quick", "classes.tif")[0, nothing] == 0).all()


def test_a_run_that_is_killed_knows_what_it_had_skipped(
    seeing: Any, lonely_mine: Callable[..., Scene], tmp_path: Path
) -> None:
    scene = lonely_mine(544, 0)
    whole = highwall.map_scene(scene, seeing.model, tmp_path / "whole", first_look=True)

    class Stop(Exception):  # noqa: N818 - no error
        pass

    def stop(done: int, total: int) -> None:
        if done > 0.7 * total:
            raise Stop

    with pytest.raises(Stop):
        highwall.map_scene(scene, seeing.model, tmp_path / "out", first_look=True, progress=stop)
    with pytest.raises(BadInput, match="differs in options"):
        highwall.map_scene(scene, seeing.model, tmp_path / "out")
    assert (work_folder(tmp_path / "out") / "skipped.npy").exists()
    again = highwall.map_scene(scene, seeing.model, tmp_path / "out", first_look=True)
    assert again.manifest["skipped"] == whole.manifest["skipped"]
    for name in ("classes.tif", "probabilities.tif"):
        np.testing.assert_array_equal(read(tmp_path / "whole", name), read(tmp_path / "out", name))


def test_what_has_no_first_look_or_another_is_refused(
    seeing: Any, trained: Any, lonely_mine: Callable[..., Scene], constant: Any, tmp_path: Path
) -> None:
    scene = lonely_mine(0, 0)
    for predictor, options, reason in (
        (trained.model, {}, "no first look"),
        (constant, {}, "no first look"),
        (seeing.model, {"window": 128}, "256 pixels or more, not of 128"),
        (seeing.model, {"all_windows": True}, "all windows are computed"),
        (seeing.model, {"bands": scene.bands[::-1]}, "takes bands B02 B03"),
    ):
        with pytest.raises(BadInput, match=reason):
            highwall.map_scene(scene, predictor, tmp_path / "out", first_look=True, **options)
    assert not (tmp_path / "out").exists()


def test_the_first_look_belongs_to_the_fingerprint(seeing: Any, trained: Any) -> None:
    look = replace(seeing.model.first_look, threshold=0.3)
    prints = {model.fingerprint for model in (trained.model, seeing.model, replace(seeing.model, first_look=look))}
    assert len(prints) == 3


def test_open_sea_is_not_computed_unless_asked_for(
    draw: Callable[..., Any], save: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sea = np.array([500, 400, 300, 150, 80, 60], np.uint16)
    counts = np.broadcast_to(sea[:, None, None], (6, 300, 300)).copy()
    counts[:, :, 200:] = draw(0, 304, (0,))[0][:, :300, :100]
    bands = ("B02", "B03", "B04", "B08", "B11", "B12")
    scene = highwall.open_scene(
        save(tmp_path / "sea.tif", counts, None, bands, transform=rasterio.Affine.scale(40, -40), crs="EPSG:32723")
    )
    asked = []

    def predict(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        asked.append(len(reflectance))
        answer = np.zeros((len(reflectance), 4, *reflectance.shape[2:]), np.float32)
        answer[:, 3] = 1
        return answer

    caplog.set_level(logging.WARNING, "highwall")
    made = highwall.map_scene(scene, predict, tmp_path / "out", window=64, overlap=16)
    count = made.manifest["skipped"]["sea"]
    assert 0 < count == made.manifest["skipped"]["windows"] - sum(asked)
    (note,) = (note for note in made.manifest["notes"] if "open water" in note)
    assert f"{count:,} of 36 windows lie in open water" in note
    assert note in caplog.text
    classes = read(tmp_path / "out", "classes.tif")[0]
    assert (classes[:, 150:] == 3).all()  # whatever lies near the shore was asked about
    assert (classes[64:236, :48] == 0).all()  # in the corners too little water is seen
    full = highwall.map_scene(scene, predict, tmp_path / "full", window=64, overlap=16, all_windows=True)
    assert full.manifest["skipped"]["sea"] == 0
    assert not any("open water" in note for note in full.manifest["notes"])
    assert (read(tmp_path / "full", "classes.tif") == 3).all()
    strange = Legend(tuple(LegendClass(number, f"kind {number}", (0, 0, number)) for number in range(1, 5)))
    other = highwall.map_scene(scene, predict, tmp_path / "other", window=64, overlap=16, legend=strange)
    assert other.manifest["skipped"]["sea"] == 0  # its first class is no background
