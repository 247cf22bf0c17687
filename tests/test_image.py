from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from highwall.errors import BadInput
from highwall.image import Image
from highwall.sentinel2 import BANDS, band_names

GRID = GeoBox((3, 4), Affine(10, 0, 500_000, 0, -10, 7_500_000), "EPSG:32723")


def image(bands: tuple[str, ...]) -> Image:
    """Each band holds the number of its place in the list of all bands."""
    numbers = np.array([list(BANDS).index(band) for band in bands], np.float32)
    return Image(np.ones((len(bands), 3, 4), np.float32) * numbers[:, None, None], np.ones((3, 4), bool), bands, GRID)


@given(st.lists(st.sampled_from(list(BANDS)), min_size=1, unique=True), st.data())
def test_bands_are_selected_by_name_in_any_order(bands: list[str], data: st.DataObject) -> None:
    wanted = data.draw(st.permutations(bands))[: data.draw(st.integers(1, len(bands)))]
    selected = image(tuple(bands)).select(wanted)
    assert selected.bands == tuple(wanted)
    assert selected.pixels[:, 0, 0].tolist() == [list(BANDS).index(band) for band in wanted]
    assert selected.geobox == GRID
    assert selected.shape == (3, 4)


def test_a_band_that_is_missing_is_named() -> None:
    with pytest.raises(BadInput, match=r"band B11 B12 is missing \(there are B02 B03"):
        image(("B02", "B03")).select(("B02", "B11", "B12"))


def test_parts_that_do_not_fit_are_refused() -> None:
    pixels, valid = np.zeros((2, 3, 4), np.float32), np.ones((3, 4), bool)
    with pytest.raises(ValueError, match="don't fit"):
        Image(pixels, valid, ("B02",))
    with pytest.raises(ValueError, match="don't fit"):
        Image(pixels, valid.T, ("B02", "B03"))
    with pytest.raises(ValueError, match="don't fit"):
        Image(pixels.transpose(0, 2, 1), valid.T, ("B02", "B03"), GRID)


def test_band_names_have_one_spelling() -> None:
    assert band_names([" b2", "B8A", "b11", "B08"]) == ("B02", "B8A", "B11", "B08")
    for wrong in (["B13"], ["red"], [""], ["B2", "B02"]):
        with pytest.raises(BadInput):
            band_names(wrong)
