"""A model with temperatures and with the record of its training."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from highwall.errors import BadInput
from highwall.files import sha256
from highwall.forecasting.examine import examine
from highwall.models.backends import backends_on, make_backend
from highwall.models.folder import load_model, save_model
from highwall.models.model import AVERAGE, FOREST, Model
from highwall.models.networks import PATCH
from highwall.tiles import open_dataset, read_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.models.record import Record

RECORD = "record.safetensors"
TEMPERATURES = {"unet": 0.7, "fpn": 3.0, AVERAGE: 1.9, FOREST: 0.4}


@pytest.fixture(scope="module")
def model(trained: Any) -> Model:
    """The trained model with temperatures that leave nothing as it is."""
    model: Model = replace(trained.model, temperatures=TEMPERATURES)
    assert model.record is not None
    return model


@pytest.fixture(scope="module")
def tiles(trained: Any) -> NDArray[np.float32]:
    """Its training tiles, `(tile, band, y, x)`."""
    dataset = open_dataset(trained.dataset / "train")
    return np.stack([read_image(tile.image, dataset.encoding).pixels for tile in dataset.tiles])


def record_of(model: Model) -> Record:
    assert model.record is not None
    return model.record


def test_labels_are_those_of_the_model_without_temperatures(model: Model, tiles: NDArray[np.float32]) -> None:
    plain = replace(model, temperatures={}).levels(tiles)
    for level, answer in model.levels(tiles).items():
        np.testing.assert_array_equal(answer.argmax(1), plain[level].argmax(1))
        np.testing.assert_allclose(answer.sum(1), 1, atol=1e-5)
        assert np.abs(answer - plain[level]).max() > 0.01


@pytest.mark.parametrize("final", [AVERAGE, FOREST])
def test_called_it_gives_the_level_that_counts(model: Model, tiles: NDArray[np.float32], final: str) -> None:
    of_level = replace(model, final=final)
    called = of_level(tiles)
    assert called.dtype == np.float32
    np.testing.assert_allclose(called, of_level.levels(tiles)[final], atol=1e-6)
    np.testing.assert_array_equal(called.argmax(1), replace(of_level, temperatures={})(tiles).argmax(1))


@pytest.mark.parametrize("final", [AVERAGE, FOREST])
def test_its_labels_are_those_of_its_likeliest_classes(model: Model, tiles: NDArray[np.float32], final: str) -> None:
    plain = replace(model, final=final, temperatures={})
    labels = replace(model, final=final).labels(tiles)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, plain.levels(tiles)[final].argmax(1))


def test_computed_in_another_way_it_says_so(model: Model, tiles: NDArray[np.float32]) -> None:
    assert model.computed_by("torch-float32") is model
    for name in set(backends_on(torch.device("cpu"))) - {"torch-float32"}:
        other = model.computed_by(name)
        assert other.computed_with == name
        assert other.fingerprint == model.fingerprint
        np.testing.assert_allclose(other(tiles), model(tiles), atol=0.2 if "bfloat16" in name else 1e-3)
    with pytest.raises(BadInput, match="no backend"):
        model.computed_by("by hand")


@pytest.mark.parametrize("name", backends_on(torch.device("cpu")))
def test_a_copy_is_computed_in_the_same_way_with_networks_of_its_own(
    model: Model, tiles: NDArray[np.float32], name: str
) -> None:
    other = model.computed_by(name)
    expected = other(tiles)
    for again in (pickle.loads(pickle.dumps(other)), copy.deepcopy(other)):  # noqa: S301 - our own
        assert again.computed_with == name
        assert again.fingerprint == other.fingerprint
        np.testing.assert_allclose(again(tiles), expected, atol=1e-6)
        with torch.inference_mode():
            for parameter in again.networks.parameters():
                parameter.zero_()
        anew = replace(again, backend=make_backend(name, again.networks))
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(again))(tiles), anew(tiles))  # noqa: S301
        np.testing.assert_allclose(other(tiles), expected, atol=1e-6)


def test_temperatures_divide_logits(model: Model, tiles: NDArray[np.float32]) -> None:
    with torch.inference_mode():
        logits = model.networks(torch.from_numpy(tiles).to(model.device)).cpu().double()
    found = model.levels(tiles)
    for number, name in enumerate(model.networks.names):
        np.testing.assert_allclose(found[name], (logits[number] / TEMPERATURES[name]).softmax(1), atol=1e-5)
    np.testing.assert_allclose(found[AVERAGE], (logits.mean(0) / TEMPERATURES[AVERAGE]).softmax(1), atol=1e-5)


def test_the_forest_sees_the_networks_as_they_are(model: Model, tiles: NDArray[np.float32]) -> None:
    votes = replace(model, temperatures={}).levels(tiles)[FOREST]
    powers = votes ** (1 / TEMPERATURES[FOREST])
    np.testing.assert_allclose(model.levels(tiles)[FOREST], powers / powers.sum(1, keepdims=True), atol=1e-9)


def test_temperatures_and_record_survive_the_folder(model: Model, tiles: NDArray[np.float32], tmp_path: Path) -> None:
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model", model.device)
    assert again.temperatures == TEMPERATURES
    np.testing.assert_equal(record_of(again).to_arrays(), record_of(model).to_arrays())
    assert again.fingerprint == model.fingerprint
    np.testing.assert_array_equal(again.with_applicability(tiles), model.with_applicability(tiles))
    save_model(replace(model, record=None), tmp_path / "bare")
    assert not (tmp_path / "bare" / RECORD).exists()
    assert load_model(tmp_path / "bare").record is None


@pytest.mark.parametrize("views", [4, 8])
def test_it_looks_at_as_many_views_as_in_its_training(
    model: Model, tiles: NDArray[np.float32], views: int, tmp_path: Path
) -> None:
    facts = model.facts | {"recipe": model.facts["recipe"] | {"views": views}}
    save_model(replace(model, facts=facts), tmp_path / "model")
    turning = load_model(tmp_path / "model", backend=model.computed_with)
    answers = []
    for number in range(views):
        rows = -1 if number >= 4 else 1
        turned = np.rot90(tiles[:1, :, ::rows], number % 4, (-2, -1)).copy()
        answers.append(np.rot90(model.ask(turned).logits.numpy(), -number % 4, (-2, -1))[..., ::rows, :])
    np.testing.assert_allclose(turning.ask(tiles[:1]).logits.numpy(), np.mean(answers, axis=0), atol=1e-5)
    assert turning.fingerprint != model.fingerprint


def test_the_fingerprint_changes_with_all_that_decides_maps(model: Model) -> None:
    record = record_of(model)
    stricter = replace(record.experience, threshold=record.experience.threshold / 2)
    others = [
        replace(model, temperatures={}),
        *(replace(model, temperatures=TEMPERATURES | {level: 1.1}) for level in TEMPERATURES),
        replace(model, record=None),
        replace(model, record=replace(record, experience=stricter)),
        replace(model, record=replace(record, looks=record.looks + 1)),
        replace(model, forest=None, final=AVERAGE),
    ]
    assert len({model.fingerprint, *(other.fingerprint for other in others)}) == len(others) + 1
    assert replace(model, temperatures=dict(reversed(TEMPERATURES.items()))).fingerprint == model.fingerprint


@pytest.mark.parametrize("final", [AVERAGE, FOREST])
def test_training_tiles_are_known_ground(model: Model, tiles: NDArray[np.float32], final: str) -> None:
    of_level = replace(model, final=final)
    found = of_level.with_applicability(tiles)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, :-1], of_level(tiles))
    np.testing.assert_allclose(found[:, -1], 1, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (65, 130), (100, 70)])
def test_each_patch_has_the_applicability_of_what_the_encoders_see_in_it(model: Model, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).uniform(0.01, 0.5, (2, 6, *shape)).astype(np.float32)
    found = model.with_applicability(pixels)[:, -1]
    assert found.shape == (2, *shape)
    experience, embedding = record_of(model).experience, model.ask(pixels).embedding
    for place in np.ndindex(*embedding.shape[:3]):
        n, row, column = place
        unlike = experience.dissimilarity(embedding[place][None])
        expected = 1 / (1 + (unlike / experience.threshold) ** 2)
        patch = found[n, row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH]
        np.testing.assert_allclose(patch, np.broadcast_to(expected, patch.shape), atol=1e-4)


def test_what_no_tile_shows_is_less_applicable_than_what_they_show(model: Model, tiles: NDArray[np.float32]) -> None:
    turned = tiles[2:3, ::-1] * 2  # no ground has such a spectrum
    other, same = (model.with_applicability(x)[:, -1].mean() for x in (turned, tiles[2:3]))
    assert other < same - 0.1


def test_examined_a_training_tile_is_known_and_other_ground_as_far_as_the_threshold_says(
    model: Model, tiles: NDArray[np.float32]
) -> None:
    record = record_of(model)
    counted = np.ones((64, 64), bool)
    counted[:10] = False
    observed, answer = examine(model, record.experience, record.appearance, tiles[3], counted, 1.5)
    np.testing.assert_array_equal(answer, model(tiles[3:4])[0])
    assert observed.kinship == [1.5]
    assert observed.expected.sum() == pytest.approx(counted.sum(), rel=1e-5)
    np.testing.assert_allclose([observed.dissimilarity, observed.strangeness], 0, atol=1e-3)
    other = tiles[3] * 2
    stricter = replace(record.experience, threshold=record.experience.threshold / 4)
    wide, narrow = (
        examine(model, experience, record.appearance, other, counted)[0] for experience in (record.experience, stricter)
    )
    assert wide.dissimilarity > 0.01
    assert narrow.dissimilarity == pytest.approx(wide.dissimilarity * 4)
    assert wide.strangeness > 0.1


def test_without_a_record_applicability_is_not_known(model: Model, tiles: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="no record"):
        replace(model, record=None).with_applicability(tiles)


@pytest.fixture
def folder(model: Model, tmp_path: Path) -> Path:
    save_model(model, tmp_path / "model")
    return tmp_path / "model"


def sign(folder: Path) -> None:
    """Make the checksums fit."""
    paths = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    (folder / "SHA256SUMS").write_text("".join(f"{sha256(path)}  {path.name}\n" for path in paths))


def refused(folder: Path) -> str:
    with pytest.raises(BadInput) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_damaged_or_missing_record_is_found(folder: Path) -> None:
    path = folder / RECORD
    original = path.read_bytes()
    flipped = bytearray(original)
    flipped[len(flipped) // 2] ^= 1
    for content in (bytes(flipped), original[:-2], original + b" ", b""):
        path.write_bytes(content)
        assert f"{RECORD} is damaged" in refused(folder)
    path.unlink()
    assert f"{RECORD} is missing" in refused(folder)
    path.write_bytes(original)
    assert load_model(folder).record is not None


def test_a_record_that_the_checksums_do_not_list_is_refused(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text("".join(line for line in lines if RECORD not in line))
    assert "does not list" in refused(folder)


def test_a_record_that_is_none_is_bad_input_though_its_checksum_fits(folder: Path) -> None:
    arrays = load_file(folder / RECORD)
    save_file({name: values for name, values in arrays.items() if name != "experience.spread"}, folder / RECORD)
    sign(folder)
    assert "incomplete" in refused(folder)
    (folder / RECORD).write_bytes(b"nothing of the sort")
    sign(folder)
    assert RECORD in refused(folder)


def test_a_model_of_before_there_were_temperatures_is_read(folder: Path, tmp_path: Path) -> None:
    old = shutil.copytree(folder, tmp_path / "old")
    document = json.loads((old / "model.json").read_text())
    del document["properties"]["highwall:blueprint"]["temperatures"]
    (old / "model.json").write_text(json.dumps(document))
    (old / RECORD).unlink()
    sign(old)
    model = load_model(old)
    assert model.temperatures == {}
    assert model.record is None
