"""Tiles to test with: textured ground from a seed, written as TIFF."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


SHARED = Path(os.environ.get("HIGHWALL_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture(scope="session")
def brazil() -> Path:
    """Real labelled tiles that are no part of the project."""
    folder = SHARED / "brazil-tailings"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing (set HIGHWALL_DATA)")
    return folder


@pytest.fixture(scope="session")
def ground() -> Callable[..., NDArray[np.float32]]:
    """Reflectance (band, y, x) with texture at all scales, as land has."""

    def make(seed: int, height: int = 128, width: int = 128, bands: int = 3) -> NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        noise = rng.normal(size=(height, width))
        land = sum(s * ndimage.gaussian_filter(noise, s, mode="wrap") for s in (0.7, 1.5, 3, 6, 12))
        land = 0.2 + 0.05 * (land - land.mean()) / land.std()
        return np.clip(land * rng.uniform(0.5, 1.5, (bands, 1, 1)), 0.005, 1).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """Write an array (band, y, x) or (y, x) as TIFF."""

    def make(
        path: Path,
        pixels: NDArray[Any],
        *,
        names: Sequence[str] | None = None,
        scale: float | None = None,
        **profile: Any,
    ) -> Path:
        pixels = np.atleast_3d(pixels.T).T
        path.parent.mkdir(parents=True, exist_ok=True)
        count, height, width = pixels.shape
        profile = {
            "driver": "GTiff",
            "count": count,
            "height": height,
            "width": width,
            "dtype": pixels.dtype,
            **profile,
        }
        with rasterio.open(path, "w", **profile) as file:
            file.write(pixels)
            for number, name in enumerate(names or (), 1):
                file.set_band_description(number, name)
            if scale is not None:
                file.scales = [scale] * count
        return path

    return make


@pytest.fixture
def make_dataset(
    tmp_path: Path, ground: Callable[..., NDArray[np.float32]], write: Callable[..., Path]
) -> Callable[..., Path]:
    """Write train (3), val (2) and open (1) tiles of different places, 64 x 64, uint16, B02 B03 B04."""

    def make(size: int = 64, **options: Any) -> Path:
        root = tmp_path / "data"
        rng = np.random.default_rng(0)
        for number, name in enumerate(("train/a", "train/b", "train/c", "val/d", "val/e", "open/f")):
            split, stem = name.split("/")
            pixels = np.rint(ground(number, size, size) * 1e4).astype(np.uint16)
            write(root / split / "images" / f"{stem}.tif", pixels, names=("B02", "B03", "B04"), **options)
            if split != "open":
                mask = rng.integers(0, 4, (size, size)).astype(np.uint8)
                write(root / split / "masks" / f"{stem}.tif", mask, nodata=255)
        return root

    return make
