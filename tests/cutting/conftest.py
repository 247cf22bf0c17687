"""A scene of textured ground, and polygons that a layer of any format and projection can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.features import rasterize

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")

GRID = Affine(10, 0, 500_000, 0, -10, 7_500_000)


@dataclass(frozen=True, eq=False)
class Ground:
    """A scene on disk and all that is true of it."""

    path: Path
    counts: NDArray[np.uint16]
    transform: Affine
    crs: str

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.counts.shape[1:]  # type: ignore[return-value]

    def star(self, rng: np.random.Generator, column: float, row: float, radius: float) -> shapely.Polygon:
        """Draw a polygon around a pixel, in the scene's coordinates."""
        angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
        reach = radius * rng.uniform(0.5, 1, 9)
        corners = zip(column + reach * np.cos(angles), row + reach * np.sin(angles), strict=True)
        return shapely.Polygon([self.transform * corner for corner in corners])

    def square(self, column: float, row: float, side: float) -> shapely.Polygon:
        """Return a square whose first pixel is this."""
        corners = [(column, row), (column + side, row), (column + side, row + side), (column, row + side)]
        return shapely.Polygon([self.transform * corner for corner in corners])

    def layer(self, shapes: list[Any], **columns: list[Any]) -> gpd.GeoDataFrame:
        """Make a layer in the scene's coordinates."""
        return gpd.GeoDataFrame(columns, geometry=shapes, crs=self.crs)

    def truth(self, shapes: list[Any], ids: list[int]) -> NDArray[np.uint8]:
        """Return the mask of the whole scene, by rasterio: unknown where two classes or 255 lie."""
        mask = np.zeros(self.shape, np.uint8)
        hits = np.zeros(self.shape, int)
        for i in sorted(set(ids)):
            own = [shape for shape, other in zip(shapes, ids, strict=True) if other == i]
            burnt = rasterize(own, self.shape, transform=self.transform).astype(bool)
            mask[burnt] = i
            hits += burnt & (i != 255)
        mask[hits > 1] = 255
        return mask


@pytest.fixture
def make_ground(tmp_path: Path) -> Callable[..., Ground]:
    """Write a six-band scene in UTM zone 23 south."""

    def make(
        shape: tuple[int, int] = (400, 500),
        *,
        transform: Affine = GRID,
        crs: str | None = "EPSG:32723",
        bands: tuple[str, ...] = BANDS,
        hole: tuple[slice, slice] | None = None,
        **profile: Any,
    ) -> Ground:
        counts = np.random.default_rng(7).integers(1, 6000, (len(bands), *shape)).astype(np.uint16)
        if hole is not None:
            counts[:, *hole] = 0
        path = tmp_path / "ground.tif"
        size = {"count": len(bands), "height": shape[0], "width": shape[1]}
        where = {"transform": transform, "crs": crs} if crs else {}
        with rasterio.open(path, "w", driver="GTiff", dtype="uint16", nodata=0, **size, **where, **profile) as file:
            file.write(counts)
            file.descriptions = bands
        return Ground(path, counts, transform, crs or "EPSG:32723")

    return make
