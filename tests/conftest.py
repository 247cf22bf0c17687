"""Tiles whose classes a child could tell by their brightness, and one small model trained on them once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # networks this small are slower on two
os.environ.setdefault("HIGHWALL_BACKEND", "torch-float32")  # a choice by speed is not the same each time

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import settings

import highwall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.models.model import Model

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")

SPECTRA = np.array(
    [
        [0.04, 0.07, 0.05, 0.30, 0.18, 0.09],  # background: grass
        [0.16, 0.19, 0.23, 0.28, 0.34, 0.31],  # waste dump: broken rock
        [0.09, 0.10, 0.12, 0.14, 0.17, 0.16],  # quarry pit: shaded rock
        [0.12, 0.14, 0.10, 0.03, 0.02, 0.01],  # tailings pond: murky water
    ]
)
"""Reflectance of each class, per band."""

settings.register_profile("highwall", deadline=None)  # other processes may be in the way
settings.load_profile("ci" if os.environ.get("CI") else "highwall")

pytest_plugins = ("scene_fixtures", "safe_fixtures", "first_look_fixtures", "missing_fixtures", "review_fixtures")

TINY = (
    *(f"networks.{name}.{key}" for name in ("unet", "fpn") for key in ("encoder=tu-test_efficientnet", "weights=none")),
    *("crop=64", "batch=2", "max_steps=12", "least_steps=1", "fold_share=0.5", "rate=0.003", "precision=32-true"),
    "folds=2",
    *("forest.trees=5", "forest.min_leaf=5", "max_pixels=8000", "accelerator=cpu"),
)
"""Changes that make the preset `quick` a matter of seconds."""


@dataclass(frozen=True)
class Trained:
    """A model, and the tiles and the run that it is from."""

    dataset: Path
    run: Path
    model: Model

    @property
    def folder(self) -> Path:
        """The model's folder."""
        return self.run / "model"


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Changes that make the preset `quick` a matter of seconds."""
    return TINY


@pytest.fixture(scope="session")
def draw() -> Callable[..., tuple[NDArray[np.uint16], NDArray[np.uint8]]]:
    """Draw a tile: counts (band, y, x) and class ids (y, x), in blocks of 16 pixels."""

    def make(
        seed: int, size: int = 64, classes: Sequence[int] = (0, 1, 2, 3)
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
        rng = np.random.default_rng(seed)
        blocks = rng.permutation(np.resize(classes, (size // 16) ** 2)).reshape(size // 16, -1)
        mask = np.kron(blocks, np.ones((16, 16), int)).astype(np.uint8)
        reflectance = SPECTRA[mask].transpose(2, 0, 1) * rng.uniform(0.9, 1.1, (6, size, size))
        return np.rint(reflectance * 1e4).astype(np.uint16), mask

    return make


@pytest.fixture(scope="session")
def save() -> Callable[..., Path]:
    """Write an array (band, y, x) or (y, x) as TIFF, with its upper left corner so many pixels east and south."""

    def make(
        path: Path, array: NDArray[Any], at: tuple[int, int] | None = None, names: Sequence[str] = (), **profile: Any
    ) -> Path:
        planes = array.reshape(-1, *array.shape[-2:])
        path.parent.mkdir(parents=True, exist_ok=True)
        count, height, width = planes.shape
        shape = {"count": count, "height": height, "width": width, "dtype": planes.dtype.name}
        transform = Affine(10, 0, 500_000 + 10 * at[0], 0, -10, 7_500_000 - 10 * at[1]) if at else None
        where = {"crs": "EPSG:32723", "transform": transform} if at else {}
        with rasterio.open(path, "w", driver="GTiff", **shape, **where, **profile) as file:
            file.write(planes)
            for number, name in enumerate(names, 1):
                file.set_band_description(number, name)
        return path

    return make


@pytest.fixture(scope="session")
def make_tiles(draw: Callable[..., Any], save: Callable[..., Path]) -> Callable[..., Path]:
    """Write a dataset of tiles that lie apart from each other, each its own site."""

    def make(
        root: Path,
        splits: Mapping[str, int],
        *,
        classes: Sequence[int] = (0, 1, 2, 3),
        referenced: bool = True,
        seed: int = 0,
    ) -> Path:
        number = 0
        for split, count in splits.items():
            for _ in range(count):
                pixels, mask = draw(seed + number, classes=classes)
                at = (200 * number, 0) if referenced else None
                save(root / split / "images" / f"tile{number}.tif", pixels, at, BANDS)
                if split not in {"open", "closed"}:
                    save(root / split / "masks" / f"tile{number}.tif", mask, at)
                number += 1
        return root

    return make


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, make_tiles: Callable[..., Path]) -> Trained:
    """Train a small model on tiles with a hole in an image and labels unknown in a mask."""
    root = tmp_path_factory.mktemp("trained")
    dataset = make_tiles(root / "data", {"train": 6, "val": 2, "open": 2})
    with rasterio.open(dataset / "train" / "images" / "tile0.tif", "r+") as image:
        image.write(np.zeros((6, 20, 30), np.uint16), window=((0, 20), (0, 30)))
    with rasterio.open(dataset / "train" / "masks" / "tile1.tif", "r+") as mask:
        mask.write(np.full((1, 20, 30), 255, np.uint8), window=((0, 20), (0, 30)))
    run = root / "run"
    return Trained(dataset, run, highwall.train(dataset, run, preset="quick", changes=TINY))
