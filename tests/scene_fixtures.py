"""Scenes made of numbers, and predictors whose answers are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from highwall.scenes import open_scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.scenes import Scene


@pytest.fixture
def make_scene(tmp_path: Path) -> Callable[..., Scene]:
    """Write six bands of random counts as GeoTIFF, with a hole in it, and open it."""

    def make(
        height: int, width: int, *, hole: bool = False, seed: int = 0, name: str = "scene", **profile: Any
    ) -> Scene:
        counts = np.random.default_rng(seed).integers(1, 6000, (6, height, width)).astype(np.uint16)
        if hole:
            counts[:, height // 3 : 2 * height // 3 + 1, width // 4 : width // 2 + 1] = 0
        return open_scene(write_counts(tmp_path / f"{name}.tif", counts, **profile))

    return make


def write_counts(path: Path, counts: NDArray[np.uint16], **profile: Any) -> Path:
    """Write counts `(band, y, x)` on a grid of 10 m."""
    count, height, width = counts.shape
    where = {"crs": "EPSG:32723", "transform": Affine(10, 0, 500_000, 0, -10, 7_500_000)}
    shape = {"count": count, "height": height, "width": width, "dtype": counts.dtype.name}
    with rasterio.open(path, "w", driver="GTiff", **(shape | where | profile)) as file:
        file.write(counts)
    return path


CONSTANT = np.array([0.1, 0.2, 0.37, 0.33], np.float32)


@pytest.fixture
def constant() -> Any:
    """A predictor that always answers the same."""

    def predict(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        shape = (len(reflectance), 4, *reflectance.shape[2:])
        return np.broadcast_to(CONSTANT[None, :, None, None], shape).copy()

    return predict


@pytest.fixture
def local() -> Any:
    """A predictor that looks at single pixels."""

    def predict(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        odds = np.exp(8 * reflectance[:, :4])
        return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)

    return predict
