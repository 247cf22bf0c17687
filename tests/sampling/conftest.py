"""Maps made of numbers, whose truth is known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from highwall.legend import DEFAULT_LEGEND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

UTM = Affine(10, 0, 500_000, 0, -10, 7_500_000)


@pytest.fixture
def make_map(tmp_path: Path) -> Callable[..., Path]:
    """Write class ids `(y, x)` as the folder of a map: what it is known by, no more."""

    def make(ids: NDArray[Any], name: str = "map", crs: str | None = "EPSG:32723", transform: Affine = UTM) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        where = {} if crs is None else {"crs": crs, "transform": transform}
        shape = {"height": ids.shape[0], "width": ids.shape[1], "count": 1, "dtype": "uint8", "nodata": 255}
        with rasterio.open(folder / "classes.tif", "w", driver="GTiff", **shape, **where) as file:
            file.write(ids.astype(np.uint8), 1)
        classes = [{"value": c.id, "name": c.name, "color_hint": c.hex} for c in DEFAULT_LEGEND.classes]
        item = {"id": name, "properties": {}, "assets": {"classes": {"classification:classes": classes}}}
        (folder / "item.json").write_text(json.dumps(item))
        return folder

    return make


@pytest.fixture
def quarters() -> NDArray[np.uint8]:
    """Class ids: a class in each quarter of 20 x 30 pixels, and a corner of 2 x 5 that is unknown."""
    ids = np.kron(np.array([[0, 1], [2, 3]], np.uint8), np.ones((10, 15), np.uint8))
    ids[:2, :5] = 255
    return ids
