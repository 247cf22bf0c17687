"""A light stem at full resolution: what an encoder that begins at a quarter of it cannot see."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn


class Stemmed(nn.Module):
    """A network whose logits are mended by features of a few convolutions over the bands at full resolution.

    The mending starts at nothing, so that the network begins as it would without.
    """

    def __init__(self, base: nn.Module, bands: int, classes: int, channels: int) -> None:
        super().__init__()
        self.base = base
        self.stem = nn.Sequential(_convolution(bands, channels), _convolution(channels, channels))
        self.join = nn.Sequential(_convolution(channels + classes, channels), nn.Conv2d(channels, classes, 1))
        last = cast("nn.Conv2d", self.join[-1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(cast("Tensor", last.bias))

    @property
    def encoder(self) -> nn.Module:
        """The network's encoder."""
        return cast("nn.Module", self.base.encoder)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits `(n, class, y, x)` for normalised bands `(n, band, y, x)`."""
        logits: Tensor = self.base(x)
        mended: Tensor = logits + self.join(torch.cat([logits, self.stem(x)], 1))
        return mended


def _convolution(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU())
