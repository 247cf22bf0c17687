"""Whether the labels of a model hold where its networks are computed in half precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

from highwall.models.quickest import agreement_of
from highwall.tiles import read_image

if TYPE_CHECKING:
    from highwall.models.networks import Networks
    from highwall.training.stages import Run

_TILES: Final = 16
"""Most tiles that are asked about."""


def agreement(run: Run, networks: Networks) -> dict[str, float]:
    """Return the share of pixels that get the label of float32, by number format, on tiles for validation if there are.

    Float16 is for GPUs alone: most processors do not compute in it.
    """
    tiles = (run.plan.roles.validation or run.plan.roles.train)[:_TILES]
    images = [torch.from_numpy(read_image(tile.image, run.dataset.encoding).pixels) for tile in tiles]
    on_gpu = next(networks.parameters()).is_cuda
    formats = {"bfloat16": torch.bfloat16} | ({"float16": torch.float16} if on_gpu else {})
    return {name: round(agreement_of(networks, images, precision), 5) for name, precision in formats.items()}
