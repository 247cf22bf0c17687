"""Maps to review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
from scene_fixtures import write_counts

from highwall.products.map import map_scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class BlockMap:
    """A map of square blocks of random classes, and all that is true of it."""

    scene: Path
    folder: Path
    ids: NDArray[np.uint8]

    def polygons(self) -> gpd.GeoDataFrame:
        """Read the model's polygons, by their ids."""
        return gpd.read_file(self.folder / "polygons.gpkg", layer="polygons").set_index("id")


def tell(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Tell classes by the fourth band."""
    ids = np.rint(reflectance[:, 3] * 10).clip(0, 3).astype(int)
    return np.ascontiguousarray(np.eye(4, dtype=np.float32)[ids].transpose(0, 3, 1, 2))


@pytest.fixture
def by_brightness() -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The predictor of these maps."""
    return tell


@pytest.fixture
def make_block_map(tmp_path: Path) -> Callable[..., BlockMap]:
    """Write a scene of blocks of random classes, unknown at its upper left, and map it."""

    def make(
        shape: tuple[int, int] = (96, 128), *, block: int = 16, seed: int = 0, name: str = "map", **profile: Any
    ) -> BlockMap:
        rng = np.random.default_rng(seed)
        blocks = rng.integers(0, 4, [-(-side // block) for side in shape])
        ids = np.kron(blocks, np.ones((block, block), int))[: shape[0], : shape[1]].astype(np.uint8)
        counts = rng.integers(80, 120, (6, *shape)).astype(np.uint16)
        counts[3] += np.uint16(1000) * ids
        counts[:, :10, :20] = 0
        ids[:10, :20] = 255
        scene = write_counts(tmp_path / f"{name}-scene.tif", counts, **profile)
        map_scene(scene, tell, tmp_path / name, window=64, overlap=16)
        return BlockMap(scene, tmp_path / name, ids)

    return make
