"""What the networks say of some images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from highwall.models.symmetry import turned, turned_back

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from highwall.models.backends import Compute


@dataclass(frozen=True, eq=False)
class NetworkAnswers:
    """What level 1 says of some images; it stays where it was computed until somebody asks."""

    logits: Tensor
    """Of each network, `(member, n, class, y, x)` float32."""

    deepest: Tensor
    """What the encoders see in each patch, `(n, patch y, patch x, feature)` float32."""

    temperature: float
    """What the average's logits are divided by."""

    @cached_property
    def member_probabilities(self) -> Tensor:
        """Class probabilities of each network as they are, `(member, n, class, y, x)`, on the device."""
        return self.logits.softmax(2)

    @cached_property
    def members(self) -> NDArray[np.float32]:
        """Class probabilities of each network as they are, `(member, n, class, y, x)`."""
        return _array(self.member_probabilities)

    @cached_property
    def average(self) -> NDArray[np.float32]:
        """Those of their average, which is taken of the logits, as in training: `(n, class, y, x)`."""
        return _array((self.logits.mean(0) / self.temperature).softmax(1))

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """The likeliest class of the average, `(n, y, x)`; of those that tie, the first."""
        labels: NDArray[np.uint8] = self.logits.mean(0).argmax(1).to(torch.uint8).cpu().numpy()
        return labels

    @cached_property
    def embedding(self) -> NDArray[np.float32]:
        """What the encoders see in each patch, `(n, patch y, patch x, feature)`."""
        return _array(self.deepest)


@torch.inference_mode()
def ask_networks(
    compute: Compute, reflectance: NDArray[np.float32], temperature: float = 1, views: int = 1
) -> NetworkAnswers:
    """Ask level 1 about images.

    Args:
        compute: computes the networks.
        reflectance: `(n, band, y, x)`.
        temperature: what the average's logits are divided by.
        views: how many of the square's eight symmetries the networks look at; their logits are averaged. What the
            encoders see is told of the image as it is.
    """
    images = torch.from_numpy(np.ascontiguousarray(reflectance))
    logits, deepest = compute(images)
    for symmetry in range(1, views):
        answer, _ = compute(turned(images, symmetry).contiguous())
        logits = logits + turned_back(answer, symmetry)
    return NetworkAnswers(logits / views if views > 1 else logits, deepest, temperature)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.cpu().numpy()
    return array
