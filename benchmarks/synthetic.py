"""Writes what is measured on: noisy tiles, and a product as large as a Sentinel-2 granule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

from highwall.sentinel2 import DEFAULT_BANDS
from highwall.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_noisy_tiles(folder: Path, tiles: Mapping[str, int], noise: float = 0.6) -> None:
    """Write simulated tiles whose bands have noise: the standard deviation of the logarithm of a factor."""
    simulate(folder, tiles=tiles)
    for number, path in enumerate(sorted(folder.glob("*/images/*.tif"))):
        with rasterio.open(path, "r+") as file:
            counts = file.read()
            factors = np.exp(np.random.default_rng(number).normal(0, noise, counts.shape))
            file.write(np.clip(counts * factors, 1, 65535).astype(np.uint16))


def write_granule(path: Path, size: int, seed: int = 0) -> Path:
    """Write six bands of smooth ground with sensor noise, `size` by `size` pixels, and a corner without data."""
    rng = np.random.default_rng(seed)
    patch = 2048
    coarse = rng.normal(size=(6, patch // 16 + 2, patch // 16 + 2))
    rows = np.linspace(0, coarse.shape[1] - 1.001, patch)
    low = rows.astype(int)
    part = rows - low
    smooth = coarse[:, low] * (1 - part)[:, None] + coarse[:, low + 1] * part[:, None]
    smooth = smooth[..., low] * (1 - part) + smooth[..., low + 1] * part
    ground = np.clip(1800 + 500 * smooth + 20 * rng.normal(size=smooth.shape), 1, None).astype(np.uint16)
    profile = {"driver": "GTiff", "count": 6, "height": size, "width": size, "dtype": "uint16", "nodata": 0}
    tiles = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "predictor": 2}
    where = {"crs": "EPSG:32723", "transform": Affine(10, 0, 500_000, 0, -10, 7_500_000)}
    with rasterio.open(path, "w", **profile, **tiles, **where, zlevel=1, num_threads="all_cpus") as file:
        file.descriptions = DEFAULT_BANDS
        for top in range(0, size, 512):
            height = min(512, size - top)
            strip = np.tile(ground[:, top % patch : top % patch + height], (1, 1, -(-size // patch)))[..., :size]
            strip[:, :, : max(size // 8 - top // 4, 0)] = 0  # the edge of the swath
            file.write(strip, window=Window(0, top, size, height))
    return path
