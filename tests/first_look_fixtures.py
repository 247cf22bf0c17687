"""A model with a first look, and ground to look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from highwall.models.first_look import FirstLook
from highwall.models.folder import save_model
from highwall.models.forest import fit_forest
from highwall.models.patches import describe, patch_features
from highwall.scenes import open_scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.models.model import Model
    from highwall.scenes import Scene

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")


@dataclass(frozen=True)
class Seeing:
    """A model with a first look that tells mines from grass."""

    model: Model
    folder: Path


@pytest.fixture(scope="session")
def seeing(trained: Any, draw: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Seeing:
    """Give the small model a first look."""
    drawn = [draw(seed, 128, classes) for seed in range(4) for classes in ((0,), (1, 2, 3))]
    ground = [(np.float32(1e-4) * counts, mask) for counts, mask in drawn]
    patches = [describe(pixels, np.ones(mask.shape, bool), BANDS) for pixels, mask in ground]
    x = np.concatenate([found.features.reshape(-1, found.features.shape[-1]) for found in patches])
    y = np.concatenate(
        [np.full(found.known.size, mask.any()) for found, (_, mask) in zip(patches, ground, strict=True)]
    )
    forest = fit_forest(x, y.astype(np.uint8), patch_features(BANDS), 2, trees=9)
    look = FirstLook(forest, BANDS, 0.2, 0.996, 0.989, 0.999, 0.71, 12)
    folder = tmp_path_factory.mktemp("seeing") / "model"
    model = replace(trained.model, first_look=look)
    save_model(model, folder)
    return Seeing(model, folder)


@pytest.fixture
def lonely_mine(draw: Callable[..., Any], save: Callable[..., Path], tmp_path: Path) -> Callable[..., Scene]:
    """Write a scene of grass with one mine of 96 pixels in it, whose upper left corner is where it is told."""

    def make(top: int, left: int, shape: tuple[int, int] = (640, 832)) -> Scene:
        counts: NDArray[np.uint16] = draw(0, 832, (0,))[0][:, : shape[0], : shape[1]]
        counts[:, top : top + 96, left : left + 96] = draw(1, 96, (1, 2, 3))[0]
        return open_scene(save(tmp_path / "lonely.tif", counts, (0, 0), BANDS))

    return make
