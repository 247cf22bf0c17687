from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from highwall.cutting.seen import open_seen
from highwall.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

GRID = Affine(10, 0, 500_000, 0, -10, 7_500_000)


def write(path: Path, ids: NDArray[np.uint8], crs: str | None = "EPSG:32723") -> Path:
    shape = {"height": ids.shape[0], "width": ids.shape[1], "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", **shape, **({"crs": crs, "transform": GRID} if crs else {})) as file:
        file.write(ids, 1)
    return path


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:32723", GRID),
        ("EPSG:32723", GRID * Affine.translation(-7, 13)),
        ("EPSG:32723", GRID * Affine.translation(3.3, 5.1) * Affine.rotation(20) * Affine.scale(0.7)),
        ("EPSG:32723", Affine.translation(900_000, 0) * GRID),
        ("EPSG:4326", Affine(1e-4, 0, -45, 0, -1e-4, -22.6056)),
    ],
    ids=["same", "shifted", "turned", "elsewhere", "degrees"],
)
def test_ground_is_seen_where_the_raster_under_a_pixel_s_centre_is_known(
    tmp_path: Path, crs: str, transform: Affine
) -> None:
    blocks = np.random.default_rng(0).choice(np.array([0, 1, 3, 255], np.uint8), (12, 15))
    ids = np.kron(blocks, np.ones((6, 6), np.uint8))
    geobox = GeoBox((50, 60), transform, crs)
    with open_seen(write(tmp_path / "ids.tif", ids)) as seen:
        assert seen is not None
        found = seen.on(geobox)
    row, column = (index + 0.5 for index in np.indices((50, 60)))
    x, y = Transformer.from_crs(crs, "EPSG:32723", always_xy=True).transform(*(transform * (column, row)))
    column, row = ~GRID * (x, y)
    inside = (row >= 0) & (row < ids.shape[0]) & (column >= 0) & (column < ids.shape[1])
    under = np.full(found.shape, 255)
    under[inside] = ids[row[inside].astype(int), column[inside].astype(int)]
    margin = 0.13  # GDAL's own transformations are this far off at most
    sure = np.minimum.reduce([np.abs(part - np.rint(part)) for part in (row, column)]) > margin
    assert sure.mean() > 0.4
    np.testing.assert_array_equal(found[sure], (under != 255)[sure])


def test_what_cannot_be_placed_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "ids.tif", np.zeros((4, 4), np.uint8), crs=None)
    with pytest.raises(BadInput, match="no coordinate reference system"), open_seen(path):
        pass
    with pytest.raises(BadInput), open_seen(tmp_path / "none.tif"):
        pass
    with open_seen(None) as seen:
        assert seen is None
