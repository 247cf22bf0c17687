"""The forest as tensors, so that pixels need not leave the device that the networks are on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from highwall.models.config import Answers
    from highwall.models.forest import Forest

_WALKS: Final = 2**25
"""Walks, of a pixel through a tree, that are on their way at once; a walk takes about 40 bytes."""


class TensorForest:
    """A forest on a device; answers as `Forest` does."""

    def __init__(self, forest: Forest, device: torch.device) -> None:
        self._feature = torch.from_numpy(forest.feature).to(device)
        self._threshold = torch.from_numpy(forest.threshold).to(device)
        self._right = torch.from_numpy(forest.right).to(device)
        self._roots = torch.from_numpy(forest.roots).to(device)
        self._leaves = torch.from_numpy(forest.leaves).to(device)

    def predict_proba(self, x: Tensor) -> Tensor:
        """Class probabilities `(pixel, class)` float64 for features `(pixel, feature)` float32 on the device."""
        step = max(_WALKS // len(self._roots), 1)
        return torch.cat([self._leaves[self._arrive(part)].mean(1) for part in torch.split(x, step)])

    def _arrive(self, x: Tensor) -> Tensor:
        """Return the row of `leaves` that each pixel gets to in each tree, `(pixel, tree)`."""
        node = self._roots.expand(len(x), -1).flatten()
        pixel = torch.arange(len(x), device=x.device).repeat_interleave(len(self._roots))
        arrived = torch.empty_like(node)
        walking = torch.arange(len(node), device=x.device)
        while len(walking):
            feature = self._feature[node]
            inner = feature >= 0
            arrived[walking[~inner]] = self._right[node[~inner]]
            walking, pixel, node, feature = walking[inner], pixel[inner], node[inner], feature[inner]
            goes_left = x[pixel, feature.long()] <= self._threshold[node]
            node = torch.where(goes_left, node + 1, self._right[node])
        return arrived.view(len(x), -1)


def tensor_features(reflectance: Tensor, probabilities: Tensor, answers: Answers) -> Tensor:
    """Put what is known of every pixel in one row, as `highwall.models.features.features` does.

    Args:
        reflectance: `(n, band, y, x)` float32.
        probabilities: of each network, `(member, n, class, y, x)` float32.
        answers: `masks` (the index of the likeliest class) or `probabilities`.

    Returns:
        `(pixel, feature)` float32.
    """
    if answers == "masks":
        said = probabilities.argmax(2).movedim(0, 1).to(reflectance.dtype)
    else:
        said = probabilities.movedim(0, 1).flatten(1, 2)
    return torch.cat([reflectance, said], 1).movedim(1, -1).flatten(0, 2)
