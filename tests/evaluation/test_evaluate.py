from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import torch
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_jaccard_index,
)

import highwall
from highwall.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = ("background", "waste dump", "quarry pit", "tailings pond")


@pytest.fixture(scope="module")
def unseen(trained: Any, make_tiles: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiles from elsewhere, darkened so that the model errs, with a hole and labels unknown."""
    root = make_tiles(tmp_path_factory.mktemp("unseen"), {"val": 3}, seed=50)
    for path in sorted((root / "val" / "images").iterdir()):
        with rasterio.open(path, "r+") as image:
            pixels = (image.read() * 0.8).astype(np.uint16)
            pixels[:, :8, :8] = 0
            image.write(pixels)
            image.transform = rasterio.transform.from_origin(200_000 + 2_000 * int(path.stem[4:]), 9_000_000, 10, 10)
    with rasterio.open(root / "val" / "masks" / "tile1.tif", "r+") as mask:
        mask.write(np.full((1, 30, 10), 255, np.uint8), window=((30, 60), (0, 10)))
    return root


def test_scores_are_torchmetrics_on_the_masks_that_predict_writes(trained: Any, unseen: Path, tmp_path: Path) -> None:
    result = highwall.evaluate(trained.model, unseen)
    score = result.to_json()["scores"][trained.model.final]
    answers, truths = [], []
    for path in highwall.predict(trained.model, unseen, tmp_path / "out"):
        with rasterio.open(path) as mask, rasterio.open(unseen / "val" / "masks" / path.name) as truth:
            answers.append(mask.read(1))
            truths.append(truth.read(1))
    answer, truth = np.stack(answers), np.stack(truths)
    known = torch.from_numpy((truth != 255) & (answer != 255))
    assert int((~known).sum()) == 3 * 64 + 300
    given, right = (torch.from_numpy(array.astype(np.int64))[known] for array in (answer, truth))
    matrix = multiclass_confusion_matrix(given, right, 4)
    np.testing.assert_array_equal(result.matrices[trained.model.final].sum(0), matrix.numpy())
    assert score["accuracy"] == pytest.approx(float(multiclass_accuracy(given, right, 4, average="micro")), abs=1e-6)
    jaccard = multiclass_jaccard_index(given, right, 4, average="none")
    f1 = multiclass_f1_score(given, right, 4, average="none")
    assert list(score["iou"].values()) == pytest.approx(jaccard.tolist(), abs=1e-6)
    assert list(score["f1"].values()) == pytest.approx(f1.tolist(), abs=1e-6)
    assert score["miou"] == pytest.approx(float(jaccard[1:].mean()), abs=1e-6)
    assert score["miou_all"] == pytest.approx(float(jaccard.mean()), abs=1e-6)
    assert 0.2 < score["miou"] < 1  # neither trivial


def test_each_level_is_judged_by_its_own_answer(trained: Any, unseen: Path) -> None:
    result = highwall.evaluate(trained.model, unseen)
    with rasterio.open(unseen / "val" / "images" / "tile1.tif") as image:
        pixels = image.read().astype(np.float32) * np.float32(1e-4)
    with rasterio.open(unseen / "val" / "masks" / "tile1.tif") as mask:
        truth = mask.read(1)
    known = (truth != 255) & (pixels != 0).any(0)
    for level, probabilities in trained.model.levels(pixels[None]).items():
        expected = np.zeros((4, 4), int)
        np.add.at(expected, (truth[known], probabilities[0].argmax(0)[known]), 1)
        np.testing.assert_array_equal(result.matrices[level][1], expected)


def test_json_holds_every_set_site_and_tile(trained: Any, unseen: Path) -> None:
    document = highwall.evaluate(trained.folder, unseen).to_json()
    assert document["classes"] == list(NAMES)
    assert set(document) >= {"final", "scores", "classes", "notes", "confusion", "tiles"}
    for level, score in document["scores"].items():
        total = np.array(document["confusion"][level])
        of_tiles = sum(np.array(tile["confusion"][level]) for tile in document["tiles"].values())
        np.testing.assert_array_equal(total, of_tiles)
        assert set(score) == {"accuracy", "miou", "miou_all", "iou", "precision", "recall", "f1", "interval"}
        assert set(score["iou"]) == set(NAMES)
        assert score["accuracy"] == pytest.approx(np.trace(total) / total.sum())
    assert [tile["site"] for tile in document["tiles"].values()] == [0, 1, 2]
    assert document["notes"] == []


def test_tiles_on_training_ground_are_told(trained: Any, unseen: Path) -> None:
    seen = highwall.evaluate(trained.model, trained.dataset, split="train")
    assert seen.notes == ("6 of 6 tiles share ground with training tiles: their scores flatter",)
    assert highwall.evaluate(trained.model, trained.dataset).notes == ()
    assert len(highwall.evaluate(trained.model, trained.dataset).tiles) == 2  # those of val
    assert highwall.evaluate(trained.model, unseen).notes == ()


def test_a_class_that_never_occurs_is_told_and_has_no_score(
    trained: Any, make_tiles: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_tiles(tmp_path, {"val": 1}, classes=(0, 1), seed=90, referenced=False)
    result = highwall.evaluate(trained.model, root)
    assert result.notes == tuple(
        f"class {name!r} never occurs in the labels of these tiles" for name in ("quarry pit", "tailings pond")
    )
    score = result.to_json()["scores"][trained.model.final]
    assert score["recall"]["quarry pit"] is None


def renumbered(source: Path, target: Path, ids: dict[int, int], toml: str) -> Path:
    """Copy a split, its masks in other ids."""
    table = np.arange(256, dtype=np.uint8)
    table[list(ids)] = list(ids.values())
    for kind in ("images", "masks"):
        (target / kind).mkdir(parents=True)
        for path in (source / kind).iterdir():
            with rasterio.open(path) as file:
                profile, pixels = file.profile, file.read()
            with rasterio.open(target / kind / path.name, "w", **profile) as file:
                file.write(table[pixels] if kind == "masks" else pixels)
    (target / "dataset.toml").write_text(toml)
    return target


def test_legends_meet_by_name(trained: Any, unseen: Path, tmp_path: Path) -> None:
    toml = '[legend]\n0 = "background"\n7 = "tailings pond"\n20 = "quarry pit"\n30 = "waste dump"\n'
    other = renumbered(unseen / "val", tmp_path / "val", {3: 7, 2: 20, 1: 30}, toml)
    expected, found = (highwall.evaluate(trained.model, root) for root in (unseen, other))
    for level, matrices in expected.matrices.items():
        np.testing.assert_array_equal(found.matrices[level], matrices)


def test_a_class_that_the_model_does_not_know_is_bad_input(trained: Any, unseen: Path, tmp_path: Path) -> None:
    toml = '[legend]\n0 = "background"\n1 = "waste dump"\n2 = "quarry pit"\n3 = "lake"\n'
    other = renumbered(unseen / "val", tmp_path / "val", {}, toml)
    with pytest.raises(BadInput, match="does not know the class 'lake'"):
        highwall.evaluate(trained.model, other)


def test_a_dataset_without_legend_takes_the_models(
    make_tiles: Callable[..., Path], tiny: tuple[str, ...], tmp_path: Path
) -> None:
    plain = make_tiles(tmp_path / "plain", {"train": 1, "val": 1}, classes=(0, 1))
    toml = '[legend]\n0 = "background"\n9 = "mine ground"\n'
    own = renumbered(plain / "train", tmp_path / "own" / "train", {1: 9}, toml)
    model = highwall.train(own.parent, tmp_path / "run", preset="quick", changes=(*tiny, "max_steps=1"))
    assert model.legend.names == ("background", "mine ground")
    bare = renumbered(plain / "val", tmp_path / "bare" / "val", {1: 9}, "")
    assert highwall.evaluate(model, bare).legend.names == ("background", "mine ground")
    (mask,) = highwall.predict(model, bare, tmp_path / "out")
    with rasterio.open(mask) as file:
        assert set(np.unique(file.read(1))) <= {0, 9}


def test_bands_in_another_order_make_no_difference(trained: Any, unseen: Path, tmp_path: Path, save: Any) -> None:
    order = [5, 0, 3, 1, 4, 2]
    names = [("B02", "B03", "B04", "B08", "B11", "B12")[i] for i in order] + ["B8A"]
    for path in (unseen / "val" / "images").iterdir():
        with rasterio.open(path) as image, rasterio.open(unseen / "val" / "masks" / path.name) as mask:
            pixels = image.read()
            extra = np.where((pixels != 0).any(0), 777, 0).astype(np.uint16)
            save(tmp_path / "images" / path.name, np.concatenate([pixels[order], extra[None]]), names=names)
            save(tmp_path / "masks" / path.name, mask.read(1))
    expected, found = (highwall.evaluate(trained.model, root) for root in (unseen, tmp_path))
    np.testing.assert_array_equal(found.matrices["forest"], expected.matrices["forest"])


def test_tiles_without_masks_cannot_be_judged(trained: Any) -> None:
    with pytest.raises(BadInput, match="no masks"):
        highwall.evaluate(trained.model, trained.dataset, split="open")
