"""The file: valid, complete, and the same answers in onnxruntime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from missing_fixtures import MEASURED, with_dropout

import highwall
from highwall.errors import BadInput
from highwall.exporting import agreement, export_onnx
from highwall.legend import Legend

if TYPE_CHECKING:
    from collections.abc import Callable

    from highwall.exporting import Exported
    from highwall.models.model import Model


def session(file: Path) -> onnxruntime.InferenceSession:
    """Load a file as the plugin does."""
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


def ask(file: Path, images: np.ndarray) -> np.ndarray:
    """Return what a file answers."""
    return session(file).run(None, {"reflectance": images})[0]


def test_it_is_valid_and_for_old_programs_too(exported: Exported) -> None:
    onnx.checker.check_model(str(exported.file), full_check=True)
    proto = onnx.load(exported.file)
    assert proto.ir_version <= 9  # the most that onnxruntime 1.17 reads, the plugin's
    assert [(one.domain, one.version) for one in proto.opset_import] == [("", 18)]
    assert not any(one.external_data for one in proto.graph.initializer)
    assert str(Path(highwall.__file__).parent).encode() not in exported.file.read_bytes()
    assert proto.producer_name == "highwall"
    assert "waste dump" in proto.doc_string
    assert [path.name for path in exported.file.parent.iterdir()] == ["trained.onnx"]


@hypothesis_settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 5), seed=st.integers(0, 99), hole=st.booleans())
def test_it_answers_as_the_networks_do(exported: Exported, count: int, seed: int, hole: bool) -> None:
    images = np.random.default_rng(seed).uniform(0.001, 0.6, (count, 6, 64, 64)).astype(np.float32)
    if hole:
        images[:, :, 10:40, 20:50] = 0
    expected = exported.model.ask(images).average
    answer = ask(exported.file, images)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, expected, atol=1e-4)


def test_it_is_the_average_and_not_the_forest(exported: Exported) -> None:
    images = np.random.default_rng(0).uniform(0.001, 0.6, (1, 6, 64, 64)).astype(np.float32)
    levels = exported.model.levels(images)
    answer = ask(exported.file, images)
    assert np.abs(answer - levels["forest"]).max() > 0.01
    assert all(np.abs(answer - levels[name]).max() > 1e-3 for name in exported.model.networks.names)
    assert "forest (level 2), whose answer counts in highwall, is not inside" in exported.level


def test_it_tells_what_the_plugin_and_people_ask(exported: Exported) -> None:
    loaded = session(exported.file)
    (given_,), (gives,) = loaded.get_inputs(), loaded.get_outputs()
    assert isinstance(given_.shape[0], str)  # the plugin takes a name for any number
    assert given_.shape[1:] == [6, 64, 64]
    assert gives.shape[1:] == [4, 64, 64]
    told = {key: json.loads(value) for key, value in loaded.get_modelmeta().custom_metadata_map.items()}
    assert told["model_type"] == "Segmentor"
    assert told["tile_size"] == told["tiles_size"] == 64
    assert len(told["standardization_std"]) == len(told["standardization_mean"]) == 6
    model = exported.model
    assert told["highwall_bands"] == list(model.bands)
    assert told["highwall_fingerprint"] == model.fingerprint
    assert told["highwall_version"] == highwall.__version__
    assert [(one["id"], one["name"], one["color"]) for one in told["highwall_legend"]] == [
        (one.id, one.name, f"#{one.hex}") for one in model.legend.classes
    ]
    assert "not inside" in told["highwall_level"]
    assert "reflectance" in told["highwall_normalisation"]
    assert isinstance(told["highwall_licences"], list)
    assert exported.agreement.good
    assert json.dumps(exported.to_json())


def test_the_same_model_gives_the_same_bytes(small: Callable[..., Model], tmp_path: Path) -> None:
    one, other = (export_onnx(small(), tmp_path / name, size=32).file.read_bytes() for name in ("a.onnx", "b.onnx"))
    assert one == other


def test_rasters_with_an_offset_and_without_some_bands(small: Callable[..., Model], tmp_path: Path) -> None:
    legend = Legend.from_names({0: "background", 1: "mine ground", 3: "tailings pond"})
    facts = {"recipe": {"views": 2, "augmentation": {}}}
    model = with_dropout(small(("NDVI",), legend, facts=facts), *MEASURED)
    bands = ("B04", "B03", "B02", "B08")
    done = export_onnx(model, tmp_path / "rgb.onnx", bands=bands, offset=-0.1, size=32)
    counts = np.random.default_rng(0).integers(1001, 6000, (2, 4, 32, 32)).astype(np.float32)
    counts[:, :, :8, :8] = 0
    everywhere = counts * np.float32(1e-4) - np.float32(0.1)
    seen = np.where(counts.any(1, keepdims=True), everywhere, 0)[:, [2, 1, 0, 3]]
    np.testing.assert_allclose(ask(done.file, everywhere), model.for_bands(bands).ask(seen).average, atol=1e-5)
    told = session(done.file).get_modelmeta().custom_metadata_map
    assert json.loads(told["class_names"]) == {"0": "background", "1": "mine ground", "2": "tailings pond"}
    assert "B11, B12 are missing" in json.loads(told["highwall_missing_bands"])
    assert done.to_json()["missing_bands"]["bands"] == ["B11", "B12"]


def test_any_size_if_wished(small: Callable[..., Model], tmp_path: Path) -> None:
    model = small()
    done = export_onnx(model, tmp_path / "any.onnx", size=None)
    for count, height, width in ((1, 32, 32), (3, 96, 32), (2, 64, 160)):
        images = np.random.default_rng(0).uniform(0.001, 0.6, (count, 6, height, width)).astype(np.float32)
        np.testing.assert_allclose(ask(done.file, images), model.ask(images).average, atol=1e-5)


def test_it_appears_only_if_it_agrees(
    small: Callable[..., Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "MOST", -1.0)
    (tmp_path / "old.onnx").write_bytes(b"old")
    with pytest.raises(BadInput, match="would answer otherwise than highwall-model: probabilities within"):
        export_onnx(small(), tmp_path / "old.onnx", size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["old.onnx"]
    assert (tmp_path / "old.onnx").read_bytes() == b"old"


def test_bad_wishes_are_told_in_one_line(small: Callable[..., Model], tmp_path: Path) -> None:
    wishes: dict[str, dict[str, Any]] = {
        "tiles of 100 pixels: must be a multiple of 32": {"size": 100},
        "tiles of 0 pixels": {"size": 0},
        "not trained with band dropout": {"bands": ("B02", "B03")},
        "no Sentinel-2 band": {"bands": ("R", "G", "B")},
        "scale -1: must be above 0": {"scale": -1},
        "is a folder": {},
    }
    for why, wish in wishes.items():
        file = tmp_path if not wish else tmp_path / "a.onnx"
        with pytest.raises(BadInput, match=why):
            export_onnx(small(), file, **wish)
    assert not list(tmp_path.iterdir())
