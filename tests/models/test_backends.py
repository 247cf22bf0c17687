"""Other ways to compute networks, against PyTorch in float32."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from highwall.errors import BadInput
from highwall.models.answers import ask_networks
from highwall.models.backends import BACKENDS, PLAIN, backends_on, in_torch, make_backend
from highwall.models.config import NetworkConfig
from highwall.models.networks import Networks, Normalisation, build_networks
from highwall.models.quickest import HOLD, VARIABLE, agreement_of, choose_backend, measure

CPU = torch.device("cpu")
PRECISION = {"float32": 1e-3, "bfloat16": 0.15}
"""What a logit may be off, in standard deviations of all logits: bfloat16 has 8 bits, float32 has 24."""


@pytest.fixture(scope="module", params=["mit_b0", "tu-test_efficientnet"])
def networks(request: pytest.FixtureRequest) -> Networks:
    """U-Net and FPN with random weights."""
    torch.manual_seed(0)
    configs = {name: NetworkConfig(architecture=name, encoder=request.param) for name in ("unet", "fpn")}
    return build_networks(configs, ("B02", "B03", "B04"), 4, Normalisation(mean=(0.1,) * 3, std=(0.1,) * 3)).eval()


def ground(n: int, height: int, width: int) -> np.ndarray:
    tiles = np.random.default_rng(0).uniform(0.01, 0.5, (n, 3, height, width)).astype(np.float32)
    tiles[:, :, :9, :7] = 0  # no data
    return tiles


@pytest.mark.parametrize("name", [name for name in backends_on(CPU) if name != PLAIN])
@pytest.mark.parametrize("shape", [(1, 64, 128), (3, 64, 128), (3, 64, 64), (2, 50, 45)])
def test_the_answers_are_those_of_float32_but_for_rounding(
    networks: Networks, name: str, shape: tuple[int, int, int]
) -> None:
    tiles = ground(*shape)
    plain = ask_networks(in_torch(networks, torch.float32), tiles)
    backend = make_backend(name, networks)
    for _ in range(2):  # the second time it is compiled already
        seen = ask_networks(backend.compute, tiles)
        for got, wanted in ((seen.logits, plain.logits), (seen.deepest, plain.deepest)):
            assert got.shape == wanted.shape
            assert got.dtype == torch.float32
            assert float((got - wanted).abs().max() / wanted.std()) < PRECISION[backend.precision]
    assert all(parameter.dtype == torch.float32 for parameter in networks.parameters())


@pytest.mark.skipif("openvino-float32" not in backends_on(CPU), reason="the extra cpu is not installed")
def test_an_image_s_answer_does_not_depend_on_its_neighbours(networks: Networks) -> None:
    compute = make_backend("openvino-float32", networks).compute
    tiles = torch.from_numpy(ground(4, 64, 64))
    together = compute(tiles)[0]
    assert torch.equal(compute(tiles.flip(0))[0].flip(1), together)
    torch.testing.assert_close(compute(tiles[:1])[0], together[:, :1], atol=1e-4, rtol=1e-4)


def test_backends_that_are_not_to_be_had_are_named(networks: Networks) -> None:
    with pytest.raises(BadInput, match="no backend 'abacus'"):
        make_backend("abacus", networks)
    for name in set(BACKENDS) - set(backends_on(CPU)):
        with pytest.raises(BadInput, match=f"{name} is not to be had on this machine"):
            make_backend(name, networks)


def test_the_fastest_is_chosen_whose_labels_hold(
    networks: Networks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(VARIABLE)
    timings = measure(networks, {"bfloat16": 1.0})
    assert timings[0].backend.name == PLAIN
    assert timings[0].agreement == 1
    assert all(timing.seconds > 0 for timing in timings)
    with caplog.at_level(logging.DEBUG, "highwall"):
        never = choose_backend(networks, {"bfloat16": HOLD - 0.001})
    assert never.precision == "float32"
    assert f"networks: {never.name}" in caplog.text


def test_a_variable_decides_instead(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, PLAIN)
    assert choose_backend(networks, {}).name == PLAIN
    monkeypatch.setenv(VARIABLE, "openvino")
    with pytest.raises(BadInput, match="no backend 'openvino'"):
        choose_backend(networks, {})


def test_agreement_is_the_share_of_pixels_with_the_same_label(networks: Networks) -> None:
    images = [torch.from_numpy(tile) for tile in ground(2, 40, 50)]
    assert agreement_of(networks, images, torch.float32) == 1
    plain, rough = in_torch(networks, torch.float32), in_torch(networks, torch.bfloat16)
    same = total = 0
    with torch.inference_mode():
        for image in images:
            labels = [compute(image[None])[0].mean(0).argmax(1)[0].numpy() for compute in (plain, rough)]
            valid = (image != 0).any(0).numpy()
            same += (labels[0] == labels[1])[valid].sum()
            total += valid.sum()
    assert agreement_of(networks, images, torch.bfloat16) == pytest.approx(same / total)
    assert agreement_of(networks, [torch.zeros(3, 32, 32)], torch.bfloat16) == 1


def test_networks_that_take_no_windows_of_256_pixels_are_computed_by_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    config = NetworkConfig(architecture="unet", encoder="tu-swin_tiny_patch4_window7_224")
    networks = build_networks({"only": config}, ("B02",), 2, Normalisation(mean=(0.1,), std=(0.1,))).eval()
    assert measure(networks, {}) == []
    assert choose_backend(networks, {}).name == PLAIN
