"""Tiles that lack bands of a model, from their files to masks and scores."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from missing_fixtures import with_dropout

import highwall
from highwall.api import explain
from highwall.errors import BadInput
from highwall.evaluation.confusion import confusion
from highwall.evaluation.sheet import draw_sheet
from highwall.models.model import AVERAGE, FOREST
from highwall.tiles import open_dataset, read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.models.model import Model

RGB = ("B02", "B03", "B04")


@pytest.fixture
def visible(trained: Any, keep_bands: Callable[..., Path], tmp_path: Path) -> Path:
    """The validation tiles in red, green and blue alone, one with a hole."""
    for image in sorted((trained.dataset / "val" / "images").iterdir()):
        keep_bands(image, tmp_path / "rgb" / "images" / image.name, RGB[::-1])
    masks = trained.dataset / "val" / "masks"
    (tmp_path / "rgb" / "masks").symlink_to(masks)
    with rasterio.open(tmp_path / "rgb" / "images" / "tile6.tif", "r+") as image:
        image.write(np.zeros((3, 20, 30), np.uint16), window=((40, 60), (10, 40)))
    return tmp_path / "rgb"


def test_masks_are_the_averages_answers_with_the_mean_in_missing_bands(
    lenient: Model, visible: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    masks = highwall.predict(lenient, visible, tmp_path / "out", probabilities=True)
    assert caplog.messages.count(f"note: {lenient.for_bands(RGB).missing.sentence}") == 1  # type: ignore[union-attr]
    mean = np.array(lenient.normalisation.mean, np.float32)
    for path in masks:
        with rasterio.open(visible / "images" / path.name) as image:
            there = image.read()[::-1].astype(np.float32) * np.float32(1e-4)
        valid = (there != 0).any(0)
        full = np.concatenate([there, valid * mean[3:, None, None]]).astype(np.float32)
        expected = lenient.ask(full[None]).average[0]
        with rasterio.open(path) as mask, rasterio.open(path.parent / "probabilities" / path.name) as planes:
            np.testing.assert_array_equal(mask.read(1), np.where(valid, expected.argmax(0), 255))
            np.testing.assert_allclose(planes.read()[:, valid], expected[:, valid], atol=1e-6)
            assert np.isnan(planes.read()[:, ~valid]).all()


def test_masks_do_not_depend_on_the_order_of_bands_or_on_further_ones(
    trained: Any, lenient: Model, keep_bands: Callable[..., Path], tmp_path: Path
) -> None:
    source = trained.dataset / "open" / "images" / "tile8.tif"
    found = []
    for number, order in enumerate((RGB, ("B04", "B02", "B03"))):
        tile = keep_bands(source, tmp_path / str(number) / "tile8.tif", order)
        (mask,) = highwall.predict(lenient, tile, tmp_path / f"out{number}")
        found.append(mask.read_bytes())
    extra = keep_bands(source, tmp_path / "more" / "tile8.tif", (*RGB, "B08"))
    with rasterio.open(extra, "r+") as image:
        image.set_band_description(4, "B8A")  # which the model does not take
    (mask,) = highwall.predict(lenient, extra, tmp_path / "out")
    assert {mask.read_bytes()} == {*found}


def test_scores_are_those_of_the_average_and_the_cost_is_told(lenient: Model, visible: Path) -> None:
    result = highwall.evaluate(lenient, visible)
    fewer, dataset = lenient.for_bands(RGB), open_dataset(visible)
    assert fewer.missing is not None
    assert result.final == AVERAGE
    assert FOREST not in result.counts
    for number, tile in enumerate(dataset.tiles):
        image = read_image(tile.image, dataset.encoding).select(RGB)
        labels = np.where(image.valid, read_labels(tile, dataset.encoding), 255).astype(np.uint8)
        expected = confusion(labels, fewer.labels(image.pixels[None])[0], 4)
        np.testing.assert_array_equal(result.matrices[AVERAGE][number], expected)
    assert fewer.missing.sentence in result.notes
    assert result.to_json()["missing_bands"] == fewer.missing.to_json()


def test_nothing_changes_where_all_bands_are_there(trained: Any, lenient: Model, tmp_path: Path) -> None:
    strict, same = (highwall.evaluate(model, trained.dataset, split="val") for model in (trained.model, lenient))
    assert same.to_json() == strict.to_json()
    assert same.to_json()["missing_bands"] is None
    for name, model in (("strict", trained.model), ("lenient", lenient)):
        highwall.predict(model, trained.dataset, tmp_path / name)
    for path in (tmp_path / "strict").iterdir():
        assert path.read_bytes() == (tmp_path / "lenient" / path.name).read_bytes()


@pytest.mark.parametrize("final", [AVERAGE, FOREST])
def test_a_set_that_lacks_bands_is_compared_by_the_level_that_both_have(
    trained: Any, lenient: Model, visible: Path, final: str
) -> None:
    model = replace(lenient, final=final)
    for a, b in ((trained.dataset / "val", visible), (visible, trained.dataset / "val")):
        result = explain(model, a, b)
        document = result.to_json()
        assert result.level == document["difference"]["level"] == AVERAGE
        assert FOREST not in document["difference"]["by_level"]
        assert {side: document[side]["missing_bands"] is None for side in "ab"} == {
            "a": b == visible,
            "b": a == visible,
        }
        for side in "ab":
            expected = document[side]["scores"][AVERAGE]["miou"]
            assert document["difference"]["metrics"]["miou"][side] == pytest.approx(expected)


def test_nothing_is_forecast_but_what_it_costs_is_told(lenient: Model, visible: Path) -> None:
    with pytest.raises(BadInput, match=r"no forecast .* B08, B11, B12 are missing: expect mIoU about 31 instead of 40"):
        highwall.forecast(lenient, visible)


def test_a_model_that_learned_from_all_bands_refuses(trained: Any, visible: Path, tmp_path: Path) -> None:
    strict = with_dropout(trained.model, share=0)
    for ask in (
        lambda: highwall.predict(strict, visible, tmp_path / "out"),
        lambda: highwall.evaluate(strict, visible),
        lambda: highwall.forecast(strict, visible),
    ):
        with pytest.raises(BadInput, match=r"band B08 B11 B12 is missing .* not trained with band dropout"):
            ask()
    assert not (tmp_path / "out").exists()


def test_a_contact_sheet_shows_answers_without_them(lenient: Model, visible: Path, tmp_path: Path) -> None:
    dataset = open_dataset(visible)
    draw_sheet(lenient, dataset.tiles, dataset.encoding, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 1000
