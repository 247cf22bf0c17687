"""What a model finds in real patches that are known to show a mine, or none, and that it has not learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from box_scores import HALF_HECTARE

from highwall.box.patches import SHARES, SPLITS, read_patches
from highwall.legend import UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.models.model import Model

REPEATS: Final = 4
"""Times that a patch is repeated, mirrored, in both directions, so that networks see ground all around it."""


def find_in_patches(model: Model, folder: Path) -> dict[str, tuple[int, float]]:
    """Ask about the patches of the splits that are not trained on.

    Args:
        model: of the six default bands.
        folder: see `highwall.box.patches.read_patches`.

    Returns:
        Of each kind the number of patches, and the share of them where more than half of the pixels labelled mine are
        called mine, of any class (patches with less than half a hectare of mine are left out); of those without a mine
        the share where half a hectare or more is called mine.
    """
    found: dict[str, list[bool]] = {kind: [] for kind in SHARES}
    for patch in read_patches(folder, SPLITS["val"]):
        labels = _middle(model.labels(_around(patch.pixels)[None])[0])
        said = (labels != 0) & (labels != UNKNOWN) & (patch.labels != UNKNOWN)
        true = (patch.labels != 0) & (patch.labels != UNKNOWN)
        if patch.kind == "none":
            found[patch.kind].append(said.sum() >= HALF_HECTARE)
        elif true.sum() >= HALF_HECTARE:
            found[patch.kind].append(said[true].mean() > 0.5)
    return {kind: (len(those), float(np.mean(those))) for kind, those in found.items() if those}


def _around(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    side = pixels.shape[-1]
    width = [(0, 0), *[(side, (REPEATS - 2) * side)] * 2]
    return np.pad(pixels, width, mode="symmetric")


def _middle(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = labels.shape[-1] // REPEATS
    return labels[side : 2 * side, side : 2 * side]
