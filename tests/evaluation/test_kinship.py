from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.warp import calculate_default_transform

from highwall.evaluation.kinship import kinship, shared_ground
from highwall.legend import DEFAULT_LEGEND
from highwall.models.config import NetworkConfig
from highwall.models.model import Model
from highwall.models.networks import Normalisation, build_networks
from highwall.tiles import Tile
from highwall.tiles.ground import geographic_ring

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SIDE = 64
HOME = (1000, 1000)
"""Where the tile lies that was learned from, in pixels."""


@pytest.fixture
def tile(save: Callable[..., Path], tmp_path: Path) -> Callable[..., Tile]:
    """Write a tile with its upper left corner so many pixels east and south; without georeference if None."""

    def make(at: tuple[int, int] | None, height: int = SIDE, width: int = SIDE) -> Tile:
        name = "nowhere" if at is None else f"{at[0]}_{at[1]}_{height}_{width}"
        return Tile(save(tmp_path / f"{name}.tif", np.ones((height, width), np.uint8), at), None, "open")

    return make


@pytest.fixture
def model_of() -> Callable[[Sequence[Tile]], Model]:
    """Make a model whose card says that it learned from tiles."""
    config = NetworkConfig(architecture="unet", encoder="tu-test_efficientnet")
    normalisation = Normalisation(mean=(0.1,), std=(0.1,))
    networks = build_networks({"only": config}, ("B04",), 4, normalisation)

    def make(learned: Sequence[Tile]) -> Model:
        footprints = {f"{number}": ring for number, tile in enumerate(learned) if (ring := geographic_ring(tile))}
        facts = {"training": {"footprints": footprints}}
        return Model(networks, {"only": config}, normalisation, ("B04",), DEFAULT_LEGEND, facts=facts)

    return make


@pytest.mark.parametrize(
    ("east", "south", "expected"),
    [
        (0, 0, 2),
        (SIDE // 2, 0, 1.5),
        (0, -SIDE // 2, 1.5),
        (SIDE // 2, SIDE // 2, 1.25),
        (SIDE, 0, 1),
        (0, -SIDE, 1),
        (SIDE, SIDE, 1),
        (SIDE + 1, 0, 1),
        (SIDE + 10, 0, 0),
        (0, SIDE + 10, 0),
        (20_000, 0, 0),
    ],
)
def test_kinship_grows_with_the_ground_that_is_shared(
    tile: Any, model_of: Any, east: int, south: int, expected: float
) -> None:
    found = kinship(model_of([tile(HOME)]), [tile((HOME[0] + east, HOME[1] + south))])
    assert found == pytest.approx([expected], abs=1e-3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-80, 80), st.integers(-80, 80), st.integers(8, 100), st.integers(8, 100))
def test_the_share_is_that_of_the_new_tiles_pixels(
    tile: Any, model_of: Any, east: int, south: int, height: int, width: int
) -> None:
    x, y = (HOME[0] + east, HOME[1] + south)
    learned = np.zeros((1200, 1200), bool)
    learned[HOME[1] : HOME[1] + SIDE, HOME[0] : HOME[0] + SIDE] = True
    expected = learned[y : y + height, x : x + width].mean()
    (found,) = shared_ground(model_of([tile(HOME)]), [tile((x, y), height, width)])
    if expected:
        assert found == pytest.approx(expected, abs=0.01)  # corners are kept to a tenth of a metre
    else:
        assert np.isnan(found) or found < 0.01


def test_ground_of_several_training_tiles_counts_once(tile: Any, model_of: Any) -> None:
    left, right = tile((HOME[0] - SIDE // 2, HOME[1])), tile((HOME[0] + SIDE // 2, HOME[1]))
    model = model_of([left, right, left, tile((5000, 5000))])
    assert kinship(model, [tile(HOME), left]) == pytest.approx([2, 2], abs=1e-3)


def test_each_tile_has_its_own(tile: Any, model_of: Any) -> None:
    new = [tile((5000, 5000)), tile(None), tile(HOME), tile((HOME[0] + SIDE, HOME[1]))]
    assert kinship(model_of([tile(HOME), tile(None)]), new) == pytest.approx([0, 0, 2, 1], abs=1e-3)
    shares = shared_ground(model_of([tile(HOME)]), new)
    assert np.isnan(shares).tolist() == [True, True, False, False]


def test_where_nothing_is_georeferenced_nothing_is_known(tile: Any, model_of: Any) -> None:
    here, nowhere = tile(HOME), tile(None)
    assert kinship(model_of([nowhere]), [here, nowhere]).tolist() == [0, 0]
    assert kinship(model_of([here]), [nowhere]).tolist() == [0]
    assert kinship(model_of([here]), []).shape == (0,)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32722", "EPSG:3857"])
def test_the_same_ground_in_another_projection_is_the_same_ground(
    tile: Any, model_of: Any, tmp_path: Path, crs: str
) -> None:
    here = tile(HOME)
    with rasterio.open(here.image) as file:
        transform, width, height = calculate_default_transform(file.crs, crs, file.width, file.height, *file.bounds)
    shape = {"driver": "GTiff", "count": 1, "dtype": "uint8", "width": width, "height": height}
    with rasterio.open(tmp_path / "other.tif", "w", **shape, crs=crs, transform=transform) as file:
        file.write(np.ones((1, height, width), np.uint8))
    found = kinship(model_of([here]), [Tile(tmp_path / "other.tif", None, "open")])
    assert found == pytest.approx([2], abs=0.15)  # a turned rectangle around it holds a little more
