"""The eight symmetries of a square: quarter turns against the clock, and 4 more where rows are mirrored before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def turned(planes: Tensor, symmetry: int) -> Tensor:
    """Mirror the rows of planes `(..., y, x)` where the symmetry is 4 or more, then turn them by quarters."""
    mirrored = planes.flip(-2) if symmetry >= 4 else planes
    return torch.rot90(mirrored, symmetry % 4, (-2, -1))


def turned_back(planes: Tensor, symmetry: int) -> Tensor:
    """Undo `turned`."""
    upright = torch.rot90(planes, -symmetry % 4, (-2, -1))
    return upright.flip(-2) if symmetry >= 4 else upright
