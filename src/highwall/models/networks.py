"""Level 1: several networks that look at the same image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional

from highwall.errors import BadInput
from highwall.models.config import Config
from highwall.models.experience import PATCH
from highwall.models.indices import spectral_indices
from highwall.models.stem import Stemmed
from highwall.models.weights import load_pretrained, pretrained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from highwall.models.config import NetworkConfig

STRIDE: Final = 32
"""Encoders halve the image five times: sides are padded to multiples of this."""


def default_device() -> torch.device:
    """Return the GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Normalisation(Config):
    """What is done to reflectance before a network sees it: `(reflectance - mean) / std`, per band."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    indices: tuple[str, ...] = ()
    """Names of spectral indices that networks see after the bands (see `indices.INDICES`)."""


class Networks(nn.Module):
    """The networks of level 1, from reflectance to logits.

    Pixels where every band is exactly 0 are no data (Sentinel-2's own convention); the networks see
    them as average ground.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, members: Mapping[str, nn.Module], bands: Sequence[str], normalisation: Normalisation) -> None:
        super().__init__()
        self.members = nn.ModuleDict(members)
        self.bands = tuple(bands)
        self.normalisation = normalisation
        self.register_buffer("mean", torch.tensor(normalisation.mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(normalisation.std)[:, None, None], persistent=False)
        self.to(memory_format=torch.channels_last)  # several times faster on a CPU

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the members, in order."""
        return tuple(self.members)

    def forward(self, reflectance: Tensor) -> Tensor:
        """Return logits `(member, n, class, y, x)` float32 for reflectance `(n, band, y, x)` of any size."""
        height, width = reflectance.shape[-2:]
        valid = (reflectance != 0).any(1, keepdim=True)
        x = (reflectance - self.mean) / self.std
        if self.normalisation.indices:
            x = torch.cat([x, spectral_indices(reflectance, self.bands, self.normalisation.indices)], 1)
        x = torch.where(valid, x, 0)
        x = functional.pad(x, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        x = x.to(next(self.members.parameters()).dtype).contiguous(memory_format=torch.channels_last)
        logits = torch.stack([member(x).float() for member in self.members.values()])
        return logits[..., :height, :width]

    def alone(self) -> list[Networks]:
        """Return each member by itself, with the same weights."""
        return [
            Networks({name: member}, self.bands, self.normalisation).train(self.training)
            for name, member in self.members.items()
        ]

    def with_embedding(self, reflectance: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits as `forward` does, and what the encoders saw in each patch of `PATCH` x `PATCH` pixels.

        Returns:
            Logits, and the deepest features of all encoders side by side, pooled, `(n, patch y, patch x, feature)`
            float32; patches at the lower and right border may be smaller.
        """
        seen: list[Tensor] = []
        hooks = [
            cast("nn.Module", member.encoder).register_forward_hook(lambda _, __, maps: seen.append(maps[-1].float()))
            for member in self.members.values()
        ]
        try:
            logits = self(reflectance)
        finally:
            for hook in hooks:
                hook.remove()
        width = reflectance.shape[-1] + -reflectance.shape[-1] % STRIDE
        # Most encoders halve the image five times; those of some architectures stop earlier.
        pooled = [functional.avg_pool2d(maps, PATCH * maps.shape[-1] // width, ceil_mode=True) for maps in seen]
        return logits, torch.cat(pooled, 1).movedim(1, -1)


def build_networks(
    configs: Mapping[str, NetworkConfig],
    bands: Sequence[str],
    classes: int,
    normalisation: Normalisation,
) -> Networks:
    """Build the networks and start their encoders from the weights that each config names.

    Raises:
        BadInput: an encoder doesn't go with an architecture, or weights can't be had.
    """
    members: dict[str, nn.Module] = {}
    channels = (*bands, *normalisation.indices)
    for name, config in configs.items():
        try:
            member = smp.create_model(
                config.architecture, config.encoder, encoder_weights=None, in_channels=len(channels), classes=classes
            )
        except (ValueError, RuntimeError, KeyError) as error:
            raise BadInput(f"{config.architecture} with {config.encoder}: {str(error).splitlines()[0]}") from None
        if config.weights is not None:
            load_pretrained(member.encoder, pretrained(config.encoder, config.weights), channels)
        members[name] = Stemmed(member, len(channels), classes, config.stem) if config.stem else member
    return Networks(members, bands, normalisation)
