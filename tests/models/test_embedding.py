"""What the encoders see, patch by patch, beside the logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from highwall.models.answers import ask_networks
from highwall.models.backends import in_torch
from highwall.models.config import NetworkConfig
from highwall.models.experience import PATCH
from highwall.models.networks import STRIDE, Networks, Normalisation, build_networks

if TYPE_CHECKING:
    from torch import Tensor

SMALL = "tu-test_efficientnet"
SIDES = st.integers(1, 150)


def build(**encoders: str) -> Networks:
    """Networks with random weights, by architecture."""
    torch.manual_seed(0)
    configs = {name: NetworkConfig(architecture=name, encoder=encoder) for name, encoder in encoders.items()}
    return build_networks(configs, ("B03", "B04"), 3, Normalisation(mean=(0.1, 0.2), std=(0.1, 0.05))).eval()


@pytest.fixture(scope="module")
def networks() -> Networks:
    return build(unet=SMALL, fpn="resnet18")


def ground(height: int, width: int, n: int = 1) -> Tensor:
    return torch.rand((n, 2, height, width), generator=torch.Generator().manual_seed(0)) * 0.4 + 0.01


def seen(networks: Networks, tiles: Tensor) -> tuple[Tensor, Tensor]:
    with torch.inference_mode():
        return networks.with_embedding(tiles)


@settings(max_examples=15, deadline=None)
@given(SIDES, SIDES, st.integers(1, 2))
def test_logits_are_those_of_forward_and_each_patch_has_its_features(
    networks: Networks, height: int, width: int, n: int
) -> None:
    tiles = ground(height, width, n)
    logits, embedding = seen(networks, tiles)
    with torch.inference_mode():
        assert torch.equal(logits, networks(tiles))
    assert embedding.shape == (n, -(-height // PATCH), -(-width // PATCH), 64 + 512)
    assert embedding.dtype == torch.float32
    assert embedding.isfinite().all()


@settings(max_examples=10, deadline=None)
@given(SIDES, SIDES)
def test_a_patch_is_the_mean_of_the_deepest_features_over_it(networks: Networks, height: int, width: int) -> None:
    tiles = ground(height, width)
    padded = functional.pad(tiles, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
    mean, std = (torch.tensor(values)[:, None, None] for values in ((0.1, 0.2), (0.1, 0.05)))
    with torch.inference_mode():
        maps = [cast("Any", member).encoder((padded - mean) / std)[-1] for member in networks.members.values()]
    found = seen(networks, tiles)[1][0]
    each = PATCH // STRIDE
    for row, column in np.ndindex(*found.shape[:2]):
        where = np.s_[0, :, row * each : (row + 1) * each, column * each : (column + 1) * each]
        expected = torch.cat([deepest[where].mean((1, 2)) for deepest in maps])
        torch.testing.assert_close(found[row, column], expected, atol=1e-4, rtol=1e-4)


def test_ground_that_is_the_same_everywhere_looks_the_same_in_all_inner_patches() -> None:
    _, embedding = seen(build(unet=SMALL), torch.full((1, 2, 10 * PATCH, 10 * PATCH), 0.3))
    inner = embedding[0, 3:-3, 3:-3].reshape(-1, embedding.shape[-1])
    torch.testing.assert_close(inner, inner[:1].expand_as(inner), atol=1e-4, rtol=1e-4)
    assert (embedding[0, 0, 0] - inner[0]).abs().max() > 1e-3  # at the border the padding shows


def test_tiles_of_a_batch_do_not_see_each_other(networks: Networks) -> None:
    tiles = ground(70, 130, 3)
    _, together = seen(networks, tiles)
    for number in range(3):
        alone = seen(networks, tiles[number : number + 1])[1][0]
        torch.testing.assert_close(together[number], alone, atol=1e-4, rtol=1e-4)


def test_nothing_is_left_on_the_encoders(networks: Networks) -> None:
    encoders = [cast("Any", member).encoder for member in networks.members.values()]
    seen(networks, ground(64, 64))
    with pytest.raises(RuntimeError):
        seen(networks, torch.rand(1, 5, 64, 64))  # bands that it does not take
    assert [len(encoder._forward_hooks) for encoder in encoders] == [0, 0]


def test_asked_with_numpy_it_is_the_same(networks: Networks) -> None:
    tiles = ground(65, 40)
    logits, embedding = seen(networks, tiles)
    asked = ask_networks(in_torch(networks, torch.float32), tiles.numpy(), temperature=2.5)
    np.testing.assert_array_equal(asked.embedding, embedding.numpy())
    np.testing.assert_allclose(asked.average, (logits.mean(0) / 2.5).softmax(1).numpy(), atol=1e-6)
    np.testing.assert_allclose(asked.members, logits.softmax(2).numpy(), atol=1e-6)


@pytest.mark.parametrize("architecture", ["deeplabv3plus", "deeplabv3", "pan", "pspnet"])
def test_patches_are_as_large_where_an_encoder_keeps_more_pixels(architecture: str) -> None:
    _, embedding = seen(build(**{architecture: "resnet18"}), ground(2 * PATCH, 3 * PATCH))
    assert embedding.shape[1:3] == (2, 3)


def test_networks_with_different_strides_go_together() -> None:
    _, embedding = seen(build(unet=SMALL, deeplabv3plus="resnet18"), ground(PATCH, 2 * PATCH))
    assert embedding.shape == (1, 1, 2, 64 + 512)
