from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.models.answers import NetworkAnswers, ask_networks
from highwall.models.backends import in_torch
from highwall.models.config import NetworkConfig
from highwall.models.networks import Networks, Normalisation, build_networks

BANDS = ("B02", "B03", "B04")
SMALL = "tu-test_efficientnet"


@pytest.fixture(scope="module")
def networks() -> Networks:
    """U-Net and FPN with random weights."""
    torch.manual_seed(0)
    configs = {name: NetworkConfig(architecture=name, encoder=SMALL) for name in ("unet", "fpn")}
    return build_networks(configs, BANDS, 4, Normalisation(mean=(0.1,) * 3, std=(0.1,) * 3)).eval()


def asked(networks: Networks, reflectance: np.ndarray) -> NetworkAnswers:
    return ask_networks(in_torch(networks, torch.float32), reflectance)


def ground(n: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.01, 0.5, (n, 3, height, width)).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 2), st.integers(1, 70), st.integers(1, 70))
def test_logits_have_the_size_of_the_tile(networks: Networks, n: int, height: int, width: int) -> None:
    with torch.inference_mode():
        logits = networks(torch.from_numpy(ground(n, height, width)))
    assert logits.shape == (2, n, 4, height, width)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


def test_padding_to_whole_strides_repeats_the_edge(networks: Networks) -> None:
    tile = ground(1, 50, 45)
    whole = np.pad(tile, ((0, 0), (0, 0), (0, 14), (0, 19)), mode="edge")
    with torch.inference_mode():
        expected = networks(torch.from_numpy(whole))[..., :50, :45]
        torch.testing.assert_close(networks(torch.from_numpy(tile)), expected)


def test_the_average_is_that_of_the_logits(networks: Networks) -> None:
    tiles = ground(2, 32, 32)
    seen = asked(networks, tiles)
    members, average = seen.members, seen.average
    with torch.inference_mode():
        logits = networks(torch.from_numpy(tiles)).double().numpy()

    def softmax(values: np.ndarray, axis: int) -> np.ndarray:
        powers = np.exp(values - values.max(axis, keepdims=True))
        return powers / powers.sum(axis, keepdims=True)

    np.testing.assert_allclose(members, softmax(logits, 2), atol=1e-6)
    np.testing.assert_allclose(average, softmax((logits[0] + logits[1]) / 2, 1), atol=1e-6)


def test_tiles_of_a_batch_do_not_see_each_other(networks: Networks) -> None:
    tiles = ground(3, 40, 40)
    together = asked(networks, tiles).members
    for number in range(3):
        alone = asked(networks, tiles[number : number + 1]).members
        np.testing.assert_allclose(together[:, number], alone[:, 0], atol=1e-5)


def test_ground_without_data_looks_like_average_ground(networks: Networks) -> None:
    holed, average = ground(1, 32, 32), ground(1, 32, 32)
    holed[..., 5:20, 3:9] = 0
    average[..., 5:20, 3:9] = 0.1  # the mean of the normalisation
    np.testing.assert_allclose(
        asked(networks, holed).members,
        asked(networks, average).members,
        atol=1e-5,
    )


def test_a_zero_in_one_band_alone_is_deep_shadow_and_no_hole(networks: Networks) -> None:
    shadow, hole = ground(1, 32, 32), ground(1, 32, 32)
    shadow[:, 1] = 0
    hole[:] = 0
    assert np.abs(asked(networks, shadow).members - asked(networks, hole).members).max() > 1e-4


@pytest.mark.parametrize("architecture", ["unet", "fpn", "unetplusplus", "deeplabv3plus", "segformer"])
def test_other_architectures_work(architecture: str) -> None:
    config = NetworkConfig(architecture=architecture.upper(), encoder="resnet18" if "deep" in architecture else SMALL)
    built = build_networks({"only": config}, ("B08",), 2, Normalisation(mean=(0.0,), std=(1.0,)))
    with torch.inference_mode():
        assert built.eval()(torch.rand(1, 1, 33, 40)).shape == (1, 1, 2, 33, 40)


def test_an_encoder_that_does_not_go_with_the_architecture_is_bad_input() -> None:
    config = NetworkConfig(architecture="unetplusplus", encoder="mit_b0")
    with pytest.raises(BadInput, match="unetplusplus with mit_b0"):
        build_networks({"only": config}, BANDS, 2, Normalisation(mean=(0.0,) * 3, std=(1.0,) * 3))


def test_an_encoder_that_timm_lacks_is_bad_input() -> None:
    config = NetworkConfig(architecture="unet", encoder="tu-no_such_encoder")
    with pytest.raises(BadInput, match="no_such_encoder"):
        build_networks({"only": config}, BANDS, 2, Normalisation(mean=(0.0,) * 3, std=(1.0,) * 3))
