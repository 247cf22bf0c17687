from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from highwall.image import Image
from highwall.legend import Legend
from highwall.tilefiles import LEAST, MOST, dataset_toml, write_image, write_mask
from highwall.tiles import open_dataset, read_image, read_labels

if TYPE_CHECKING:
    from pathlib import Path

BANDS = ("B03", "B8A")
LEGEND = Legend.from_names({0: "background", 4: 'pit "north"', 9: "Grube, süd"})
GEOBOX = GeoBox((40, 60), Affine(10, 0, 500_000, 0, -10, 7_500_000), "EPSG:32723")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 20_000, (2, 40, 60))
    valid = rng.random((40, 60)) > 0.2
    image = Image(np.where(valid, counts * np.float32(1e-4), 0).astype(np.float32), valid, BANDS, GEOBOX)
    mask = rng.choice(np.array([0, 4, 9, 255], np.uint8), (40, 60))
    write_image(tmp_path / "train" / "images" / "a.tif", image)
    write_mask(tmp_path / "train" / "masks" / "a.tif", mask, LEGEND, GEOBOX)
    (tmp_path / "dataset.toml").write_text(dataset_toml(BANDS, LEGEND), encoding="utf-8")
    dataset = open_dataset(tmp_path)
    (tile,) = dataset.tiles
    back = read_image(tile.image, dataset.encoding)
    np.testing.assert_array_equal(back.pixels, image.pixels)
    np.testing.assert_array_equal(back.valid, valid)
    assert (back.bands, back.geobox) == (BANDS, GEOBOX)
    assert dataset.encoding.legend.names == LEGEND.names
    np.testing.assert_array_equal(read_labels(tile, dataset.encoding), LEGEND.indices(mask))


def test_reflectance_beyond_the_range_stays_data(tmp_path: Path) -> None:
    pixels = np.full((2, 40, 60), 0.3, np.float32)
    pixels[:, 0, :3] = [-0.05, 0.0, 9.0]
    write_image(tmp_path / "a.tif", Image(pixels, np.ones((40, 60), bool), BANDS, GEOBOX))
    back = read_image(tmp_path / "a.tif", open_dataset(tmp_path).encoding)
    assert back.valid.all()
    np.testing.assert_allclose(back.pixels[:, 0, :3], [[LEAST, LEAST, MOST]] * 2, rtol=1e-6)
