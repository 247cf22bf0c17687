from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pystac
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pystac.extensions.classification import Classification
from pystac.extensions.mlm import MLMExtension
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from highwall.errors import BadInput
from highwall.files import sha256
from highwall.models.folder import load_model, save_model
from highwall.sentinel2 import BANDS

if TYPE_CHECKING:
    from pathlib import Path

ARRAYS = ("networks.safetensors", "forest.safetensors", "record.safetensors")
FILES = ("model.json", "README.md", *ARRAYS, "SHA256SUMS")


def test_a_loaded_model_keeps_its_record(trained: Any) -> None:
    record = load_model(trained.folder).record
    assert record is not None
    assert (record.judgement is None) == (trained.model.record.judgement is None)
    np.testing.assert_equal(record.to_arrays(), trained.model.record.to_arrays())


def test_a_loaded_model_gives_the_same_answers_at_every_level(trained: Any) -> None:
    model = load_model(trained.folder)
    rng = np.random.default_rng(0)
    for shape in ((1, 6, 64, 64), (2, 6, 33, 50), (1, 6, 1, 1)):
        pixels = rng.uniform(0, 0.5, shape).astype(np.float32)
        pixels[..., :3, :3] = 0
        expected, found = trained.model.levels(pixels), model.levels(pixels)
        assert list(found) == list(expected) == ["unet", "fpn", "networks", "forest"]
        for level, answer in expected.items():
            np.testing.assert_array_equal(found[level], answer)
            assert answer.shape == (shape[0], 4, *shape[2:])
            np.testing.assert_allclose(answer.sum(1), 1, atol=1e-5)
        called = model(pixels)
        assert called.dtype == np.float32
        np.testing.assert_array_equal(called, expected[model.final].astype(np.float32))


def test_saved_again_it_is_the_same_folder(trained: Any, tmp_path: Path) -> None:
    save_model(load_model(trained.folder), tmp_path / "model")
    assert (tmp_path / "model" / "SHA256SUMS").read_text() == (trained.folder / "SHA256SUMS").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_without_a_forest_there_is_none_in_the_folder(trained: Any, tmp_path: Path) -> None:
    save_model(replace(trained.model, forest=None, final="networks"), tmp_path / "model")
    assert {path.name for path in (tmp_path / "model").iterdir()} == set(FILES) - {"forest.safetensors"}
    model = load_model(tmp_path / "model")
    assert model.forest is None
    assert list(model.levels(np.full((1, 6, 8, 8), 0.1, np.float32))) == ["unet", "fpn", "networks"]


@pytest.fixture(scope="module")
def copy(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the model's folder, which tests put in order again."""
    return shutil.copytree(trained.folder, tmp_path_factory.mktemp("copy") / "model")


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_changed_byte_is_found(copy: Path, name: str, place: float, flip: int) -> None:
    path = copy / name
    original = path.read_bytes()
    content = bytearray(original)
    content[int(place * len(content))] ^= flip
    path.write_bytes(content)
    try:
        with pytest.raises(BadInput) as caught:
            load_model(copy)
    finally:
        path.write_bytes(original)
    assert "\n" not in str(caught.value)
    assert str(copy) in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_truncated_file_is_found(copy: Path, name: str) -> None:
    path = copy / name
    original = path.read_bytes()
    try:
        for content in (original[:-2], original + b" ", b"", None):
            path.unlink()
            if content is not None:
                path.write_bytes(content)
            with pytest.raises(BadInput):
                load_model(copy)
            path.touch()
    finally:
        path.write_bytes(original)
    assert load_model(copy).final in {"networks", "forest"}


def test_without_a_record_there_is_none_in_the_folder(trained: Any, tmp_path: Path) -> None:
    save_model(replace(trained.model, record=None), tmp_path / "model")
    assert {path.name for path in (tmp_path / "model").iterdir()} == set(FILES) - {"record.safetensors"}
    assert load_model(tmp_path / "model").record is None


def rewrite(folder: Path, document: dict[str, Any]) -> None:
    """Change the description and make its checksum fit."""
    (folder / "model.json").write_text(json.dumps(document))
    names = [name for name in FILES if name != "SHA256SUMS"]
    (folder / "SHA256SUMS").write_text("".join(f"{sha256(folder / name)}  {name}\n" for name in names))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", "99.0.0"),
        ("bands", ["B02", "B03"]),
        ("bands", ["red"] * 6),
        ("bands", []),
        ("final", "oracle"),
        ("networks", {}),
        ("classes", [[0, "a", [0, 0, 0]], [1, "b", [0, 0, 0]]]),
        ("features", ["B02"]),
        ("answers", "whispers"),
        ("temperatures", {"networks": 0}),
    ],
)
def test_a_description_that_does_not_fit_the_arrays_is_bad_input(
    trained: Any, tmp_path: Path, key: str, value: object
) -> None:
    folder = shutil.copytree(trained.folder, tmp_path / "model")
    document = json.loads((folder / "model.json").read_text())
    document["properties"]["highwall:blueprint"][key] = value
    rewrite(folder, document)
    with pytest.raises(BadInput) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_steps_that_fit_no_weights_are_bad_input(trained: Any, tmp_path: Path) -> None:
    copy = shutil.copytree(trained.folder, tmp_path / "model")
    path = copy / "networks.safetensors"
    stored = load_file(path)
    name = next(name for name, value in stored.items() if value.ndim == 1)
    save_file(stored | {f"{name}#step": torch.ones(1, 1)}, path)
    lines = [f"{sha256(copy / line[66:])}  {line[66:]}" for line in (copy / "SHA256SUMS").read_text().splitlines()]
    (copy / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    with pytest.raises(BadInput, match="does not fit the blueprint"):
        load_model(copy)


def test_other_json_is_no_model(trained: Any, tmp_path: Path) -> None:
    folder = shutil.copytree(trained.folder, tmp_path / "model")
    for document in ({}, [], {"properties": {}}, {"properties": None}, 3):
        rewrite(folder, document)  # type: ignore[arg-type]
        with pytest.raises(BadInput, match="no model"):
            load_model(folder)


def test_checksums_are_what_sha256sum_reads(trained: Any) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],  # noqa: S607 - wherever it is
        cwd=trained.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(FILES) - 1


def test_there_is_no_pickle_and_no_code_in_it(trained: Any) -> None:
    assert {path.name for path in trained.folder.iterdir()} == set(FILES)
    for name in ARRAYS:
        with safe_open(trained.folder / name, framework="numpy") as file:  # a header of JSON, then plain numbers
            assert len(list(file.keys())) > 0


def test_no_place_or_time_of_the_training_is_told(trained: Any) -> None:
    text = (trained.folder / "model.json").read_text()
    assert str(trained.run.parent) not in text


def test_the_description_is_a_stac_item_of_a_model(trained: Any) -> None:
    document = json.loads((trained.folder / "model.json").read_text())
    core = pystac.Item.from_dict(document | {"stac_extensions": []}, preserve_dict=True)
    assert core.validate() == ["https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"]
    item = pystac.Item.from_dict(document)
    mlm = MLMExtension.ext(item)
    assert mlm.architecture == "unet (tu-test_efficientnet) + fpn (tu-test_efficientnet) + random forest"
    assert mlm.framework == "pytorch"
    assert mlm.tasks == ["semantic-segmentation"]
    assert mlm.total_parameters == sum(p.numel() for p in trained.model.networks.parameters())
    (given_input,) = mlm.input
    assert given_input.bands == list(trained.model.bands)
    for place in (document["properties"], *(document["assets"][level] for level in ("networks", "forest"))):
        assert [(band["name"], band["eo:center_wavelength"]) for band in place["bands"]] == [
            (name, BANDS[name][0]) for name in given_input.bands
        ]
    assert given_input.input.shape == [-1, 6, -1, -1]
    assert given_input.input.dim_order == ["batch", "bands", "height", "width"]
    scaling = given_input.to_dict()["value_scaling"]
    assert [step["type"] for step in scaling] == ["z-score"] * 6
    np.testing.assert_allclose([step["mean"] for step in scaling], trained.model.normalisation.mean)
    np.testing.assert_allclose([step["stddev"] for step in scaling], trained.model.normalisation.std)
    (output,) = mlm.output
    assert output.result.shape == [-1, 4, -1, -1]
    classes = [Classification(entry) for entry in output.to_dict()["classification:classes"]]
    assert [(c.value, c.name) for c in classes] == [(c.id, c.name) for c in trained.model.legend.classes]


def test_the_item_covers_the_training_tiles(trained: Any) -> None:
    item = pystac.Item.from_file(trained.folder / "model.json")
    rings = np.array(list(trained.model.facts["training"]["footprints"].values()))
    assert rings.shape == (6, 5, 2)
    np.testing.assert_allclose(item.bbox, [*rings.min((0, 1)), *rings.max((0, 1))])
    west, south, east, north = item.bbox
    assert -45.01 < west < east < -44.8  # zone 23 south, from its central meridian 6 tiles of 2 km eastwards
    assert -23 < south < north < -22


def test_assets_carry_size_and_checksum(trained: Any) -> None:
    item = pystac.Item.from_file(trained.folder / "model.json")
    for asset in item.assets.values():
        path = trained.folder / asset.href.rsplit("/", maxsplit=1)[-1]
        assert asset.extra_fields["file:size"] == path.stat().st_size
        assert asset.extra_fields["file:checksum"] == "1220" + sha256(path)
    assert {asset.href.rsplit("/", maxsplit=1)[-1] for asset in item.assets.values()} == set(ARRAYS)


def test_only_what_makes_maps_is_called_weights(trained: Any) -> None:
    assets = pystac.Item.from_file(trained.folder / "model.json").assets
    for level in ("networks", "forest"):
        assert assets[level].roles == ["mlm:model", "mlm:weights"]
        assert assets[level].extra_fields["mlm:artifact_type"] == "safetensors"
    assert assets["record"].roles == ["metadata"]
    assert not [field for field in assets["record"].extra_fields if field.startswith("mlm:")]


def test_the_card_tells_what_it_was_trained_on(trained: Any) -> None:
    facts = load_model(trained.folder).facts
    assert facts["seed"] == 0
    assert set(facts["scores"]) == {"out_of_fold", "validation"}
    assert {"torch", "scikit-learn", "highwall"} <= set(facts["versions"])
    assert len(facts["training"]["fingerprint"]) == 64


def test_a_first_look_is_kept_with_the_model(seeing: Any, tmp_path: Path) -> None:
    look = load_model(seeing.folder).first_look
    assert look is not None
    np.testing.assert_equal(look.to_arrays(), seeing.model.first_look.to_arrays())
    folder = tmp_path / "model"
    shutil.copytree(seeing.folder, folder)
    arrays = folder / "first_look.safetensors"
    for spoilt in (arrays.read_bytes()[:-1] + b"x", arrays.read_bytes()[:100]):
        arrays.write_bytes(spoilt)
        with pytest.raises(BadInput, match=r"first_look.safetensors is damaged"):
            load_model(folder)
    arrays.unlink()
    with pytest.raises(BadInput, match=r"first_look.safetensors is missing"):
        load_model(folder)
