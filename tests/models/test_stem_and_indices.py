"""What a network may see beside its encoder: features at full resolution, and spectral indices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from highwall.models.config import NetworkConfig
from highwall.models.indices import INDICES, SPREAD, indices_of, spectral_indices
from highwall.models.networks import Normalisation, build_networks
from highwall.sentinel2 import DEFAULT_BANDS

SIX = Normalisation(mean=(0.1,) * 6, std=(0.1,) * 6)


def reflectance(seed: int = 0) -> torch.Tensor:
    """Random images of six bands, with ground without data."""
    pixels = torch.rand(2, 6, 64, 96, generator=torch.Generator().manual_seed(seed))
    pixels[:, :, :3] = 0
    return pixels


@pytest.mark.parametrize(("architecture", "encoder"), [("unet", "tu-resnet18"), ("fpn", "mit_b0")])
def test_a_stem_begins_as_nothing_and_then_tells_pixels_apart(architecture: str, encoder: str) -> None:
    config = NetworkConfig(architecture=architecture, encoder=encoder, stem=8)
    networks = build_networks({"only": config}, DEFAULT_BANDS, 4, SIX).eval()
    member, image = networks.members["only"], reflectance()
    with torch.no_grad():
        assert torch.equal(member(image), member.base(image))
        last = member.join[-1]
        last.weight.fill_(0.5)
        changed = image.clone()
        changed[:, :, 30, 41] += 1
        difference = (member(changed) - member(image))[0, 0] - (member.base(changed) - member.base(image))[0, 0]
    assert (difference.abs() > 1e-5).any()
    logits, embedding = networks.with_embedding(image)
    assert logits.shape == (1, 2, 4, 64, 96)
    assert torch.isfinite(embedding).all()


def test_indices_are_their_formulas() -> None:
    image = reflectance().double() + 0.05
    b02, b03, b04, b08, b11, b12 = image.numpy().transpose(1, 0, 2, 3)
    expected = {
        "NDVI": (b08 - b04) / (b08 + b04),
        "NDWI": (b03 - b08) / (b03 + b08),
        "MNDWI": (b03 - b11) / (b03 + b11),
        "NDBI": (b11 - b08) / (b11 + b08),
        "BSI": (b11 + b04 - b08 - b02) / (b11 + b04 + b08 + b02),
        "iron oxide": (b04 / b02 - 1) / (b04 / b02 + 1),
        "clay": (b11 / b12 - 1) / (b11 / b12 + 1),
    }
    found = spectral_indices(image, DEFAULT_BANDS, tuple(INDICES)) * SPREAD
    np.testing.assert_allclose(found.numpy(), np.stack(list(expected.values()), 1))


def test_indices_stay_within_bounds_and_need_their_bands() -> None:
    wild = torch.randn(1, 6, 8, 8) * 3
    assert spectral_indices(wild, DEFAULT_BANDS, tuple(INDICES)).abs().max() * SPREAD <= 1
    assert indices_of(("B04", "B03", "B02")) == ("iron oxide",)
    assert indices_of(DEFAULT_BANDS) == tuple(INDICES)
    assert indices_of(("B08",)) == ()


def test_networks_see_indices_after_the_bands_and_nothing_without_data() -> None:
    config = NetworkConfig(architecture="unet", encoder="tu-tf_efficientnet_lite0", weights="package")
    names = indices_of(DEFAULT_BANDS)
    networks = build_networks({"only": config}, DEFAULT_BANDS, 4, SIX.model_copy(update={"indices": names})).eval()
    seen: list[torch.Tensor] = []
    networks.members["only"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = reflectance()
    with torch.no_grad():
        networks(image)
        alone = networks.alone()[0](image)
    assert seen[0].shape[1] == 6 + len(names)
    assert (seen[0][:, :, :3] == 0).all()
    torch.testing.assert_close(seen[0][:, 6:, 3:], spectral_indices(image, DEFAULT_BANDS, names)[:, :, 3:])
    torch.testing.assert_close(alone[0], networks(image)[0])
