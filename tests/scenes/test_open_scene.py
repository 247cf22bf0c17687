from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from highwall.errors import BadInput
from highwall.scenes import open_scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def product(make_safe: Callable[..., Path], tmp_path: Path) -> Path:
    return make_safe(tmp_path, level="L2A", baseline="05.09", offset=-1000)


def test_a_person_s_word_goes_before_the_product_s(product: Path) -> None:
    scene = open_scene(product)
    assert "MTD_MSIL2A" in (scene.origin.radiometry or "")
    told = open_scene(product, offset=0.0)
    assert told.origin.radiometry == "the options"
    image, other = scene.read(bands=["B02"]), told.read(bands=["B02"])
    np.testing.assert_array_equal(image.valid, other.valid)
    np.testing.assert_allclose(other.pixels[:, other.valid] - image.pixels[:, image.valid], 0.1, atol=1e-6)
    halved = open_scene(product, scale=5e-5, offset=-0.05).read(bands=["B02"]).pixels
    np.testing.assert_allclose(halved, image.pixels / 2, atol=1e-7)


def test_bands_of_a_product_have_their_names(product: Path) -> None:
    with pytest.raises(BadInput, match="names its own bands"):
        open_scene(product, bands=["B02", "B03"])
