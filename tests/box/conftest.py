"""Scenes of ground that no satellite has seen, under names of free ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from affine import Affine
from scipy.ndimage import gaussian_filter

if TYPE_CHECKING:
    from pathlib import Path

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two scenes of 256 x 256 pixels, a kilometre apart."""
    folder = tmp_path_factory.mktemp("grounds")
    paths = []
    for number, name in enumerate(("oscd_milano_1", "oscd_nantes_1")):
        rng = np.random.default_rng(number)
        fields = gaussian_filter(rng.normal(size=(6, 256, 256)), (0, 6, 6)) * 3000
        counts = np.clip(1500 + fields, 300, 4000).astype(np.uint16)
        profile = {"driver": "GTiff", "count": 6, "height": 256, "width": 256, "dtype": "uint16", "nodata": 0}
        transform = Affine(10, 0, 500_000 + 3560 * number, 0, -10, 5_000_000)
        paths.append(folder / f"{name}.tif")
        with rasterio.open(paths[-1], "w", crs="EPSG:32632", transform=transform, **profile) as file:
            file.write(counts)
            file.descriptions = BANDS
    return paths
