"""Maps of scenes that lack bands of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from missing_fixtures import with_dropout

import highwall
from highwall.errors import BadInput
from highwall.products.plan import Options, make_plan
from highwall.products.skipped import find_skipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.models.model import Model
    from highwall.scenes import Scene

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
RGB = BANDS[:3]
RASTERS = ("classes.tif", "probabilities.tif")
CUT: dict[str, Any] = {"window": 64, "overlap": 16}


@pytest.fixture
def scene(draw: Callable[..., Any], save: Callable[..., Path], tmp_path: Path) -> Path:
    """A scene of all bands with a hole."""
    counts, _ = draw(0, 96)
    counts[:, 30:50, 20:60] = 0
    return save(tmp_path / "all.tif", counts, (0, 0), BANDS)


@pytest.fixture
def visible(scene: Path, keep_bands: Callable[..., Path], tmp_path: Path) -> Scene:
    """The same in red, green and blue alone."""
    return highwall.open_scene(keep_bands(scene, tmp_path / "visible.tif", RGB[::-1]))


def test_a_map_is_that_of_a_predictor_that_fills_in_the_mean(lenient: Model, visible: Scene, tmp_path: Path) -> None:
    mean = np.array(lenient.normalisation.mean, np.float32)

    def by_hand(reflectance: Any) -> Any:
        valid = (reflectance != 0).any(1, keepdims=True)
        rest = np.where(valid, mean[3:, None, None], np.float32(0))
        return lenient.ask(np.concatenate([reflectance, rest], 1)).average

    made = highwall.map_scene(visible, lenient, tmp_path / "out", **CUT)
    highwall.map_scene(visible, by_hand, tmp_path / "by_hand", bands=RGB, **CUT)
    for name in RASTERS:
        with rasterio.open(tmp_path / "out" / name) as ours, rasterio.open(tmp_path / "by_hand" / name) as theirs:
            np.testing.assert_array_equal(ours.read(), theirs.read())
    with rasterio.open(tmp_path / "out" / "classes.tif") as classes:
        np.testing.assert_array_equal(classes.read(1) == 255, ~visible.read().valid)
    missing = lenient.for_bands(RGB).missing
    assert missing is not None
    assert made.manifest["missing_bands"] == made.to_json()["missing_bands"] == missing.to_json()
    assert sum(missing.sentence in note for note in made.manifest["notes"]) == 1
    assert (made.manifest["forecast"], made.manifest["outside_share"]) == (None, None)


def test_a_map_in_all_bands_is_as_that_of_a_model_that_needs_them(
    trained: Any, lenient: Model, scene: Path, tmp_path: Path
) -> None:
    found = {
        name: highwall.map_scene(scene, m, tmp_path / name, **CUT) for name, m in (("a", trained.model), ("b", lenient))
    }
    for name in (*RASTERS, "polygons.gpkg"):
        if name != "polygons.gpkg":
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    a, b = (found[name].manifest for name in "ab")
    assert a["claim"] == b["claim"]
    assert (b["missing_bands"], b["notes"], b["forecast"]) == (None, a["notes"], a["forecast"])


def test_the_first_look_is_not_asked_and_open_water_not_guessed(lenient: Model, visible: Scene, tmp_path: Path) -> None:
    options = Options(first_look=True)
    plan = make_plan(visible, lenient, lenient.legend, None, options)
    skipped = find_skipped(plan, options, tmp_path / "work")
    assert (skipped.background.first_look, skipped.background.sea) == (None, None)
    made = highwall.map_scene(visible, lenient, tmp_path / "out", first_look=True)
    assert made.manifest["skipped"]["first_look"] == made.manifest["skipped"]["sea"] == 0


def test_dark_ground_is_compared_band_by_band(lenient: Model, visible: Scene, tmp_path: Path) -> None:
    with rasterio.open(visible.planes["B02"].path, "r+") as image:
        counts = image.read()
        image.write(np.where(counts.any(0), counts + 1000, 0).astype(np.uint16))
    made = highwall.map_scene(visible, lenient, tmp_path / "out", **CUT)
    (note,) = [note for note in made.manifest["notes"] if "darkest ground" in note]
    assert all(f"{band} +" in note for band in RGB)


def test_a_model_that_learned_from_all_bands_refuses(
    trained: Any, lenient: Model, visible: Scene, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"^visible: band B08 B11 B12 is missing .* not trained with band dropout$"):
        highwall.map_scene(visible, with_dropout(trained.model, share=0), tmp_path / "out")
    with pytest.raises(BadInput, match="the network for clouds takes band B08"):
        highwall.map_scene(visible, lenient, tmp_path / "out", clouds="network")
    assert not (tmp_path / "out").exists()
