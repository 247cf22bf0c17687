from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.warp import calculate_default_transform

from highwall.evaluation.kinship import kinship
from highwall.legend import DEFAULT_LEGEND
from highwall.models.config import NetworkConfig
from highwall.models.experience import make_experience
from highwall.models.model import Model
from highwall.models.networks import Normalisation, build_networks
from highwall.models.observation import Observations
from highwall.models.record import Record, Trials
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


def record_of(looks: np.ndarray) -> Record:
    """Make a record of training tiles that look so, each a site of its own."""
    count, nothing = len(looks), np.zeros(0)
    seen = Observations(np.zeros((0, 4, 4)), np.zeros((0, 4, 4)), np.zeros((0, 4, 50)), nothing, nothing, nothing)
    trials = Trials(seen, np.zeros((0, 4, 4)), *(np.zeros(0, int),) * 3)
    appearance = make_experience(looks, 0)
    return Record(appearance, appearance, looks, np.arange(count), np.arange(count), trials)


@pytest.fixture
def kin() -> Callable[..., np.ndarray]:
    """Ask for the kinship of new tiles, by looks that are all the same unless some are given."""
    config = NetworkConfig(architecture="unet", encoder="tu-test_efficientnet")
    normalisation = Normalisation(mean=(0.1,), std=(0.1,))
    networks = build_networks({"only": config}, ("B04",), 4, normalisation)

    def ask(
        learned: Sequence[Tile], new: Sequence[Tile], looks: tuple[np.ndarray, np.ndarray] | None = None
    ) -> np.ndarray:
        footprints = {f"{number}": ring for number, tile in enumerate(learned) if (ring := geographic_ring(tile))}
        facts = {"training": {"footprints": footprints, "keys": [f"{number}" for number in range(len(learned))]}}
        model = Model(networks, {"only": config}, normalisation, ("B04",), DEFAULT_LEGEND, facts=facts)
        theirs, ours = looks or (np.zeros((len(learned), 3)), np.zeros((len(new), 3)))
        return kinship(model, record_of(theirs.astype(np.float32)), new, ours.astype(np.float32))

    return ask


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
    tile: Any, kin: Any, east: int, south: int, expected: float
) -> None:
    found = kin([tile(HOME), tile(HOME)], [tile((HOME[0] + east, HOME[1] + south))])
    assert found == pytest.approx([expected], abs=1e-3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-80, 80), st.integers(-80, 80), st.integers(8, 100), st.integers(8, 100))
def test_the_share_is_that_of_the_new_tiles_pixels(
    tile: Any, kin: Any, east: int, south: int, height: int, width: int
) -> None:
    x, y = (HOME[0] + east, HOME[1] + south)
    learned = np.zeros((1200, 1200), bool)
    learned[HOME[1] : HOME[1] + SIDE, HOME[0] : HOME[0] + SIDE] = True
    expected = learned[y : y + height, x : x + width].mean()
    (found,) = kin([tile(HOME), tile(HOME)], [tile((x, y), height, width)])
    if expected:
        assert found == pytest.approx(1 + expected, abs=0.01)  # corners are kept to a tenth of a metre
    else:
        assert found == 0 or found == pytest.approx(1, abs=0.01)


def test_ground_of_several_training_tiles_counts_once(tile: Any, kin: Any) -> None:
    left, right = tile((HOME[0] - SIDE // 2, HOME[1])), tile((HOME[0] + SIDE // 2, HOME[1]))
    learned = [left, right, left, tile((5000, 5000))]
    assert kin(learned, [tile(HOME), left]) == pytest.approx([2, 2], abs=1e-3)


def test_each_tile_has_its_own(tile: Any, kin: Any) -> None:
    new = [tile((5000, 5000)), tile(None), tile(HOME), tile((HOME[0] + SIDE, HOME[1]))]
    assert kin([tile(HOME), tile(None)], new) == pytest.approx([0, 0, 2, 1], abs=1e-3)


def test_ground_that_looks_otherwise_is_no_kin(tile: Any, kin: Any) -> None:
    rng = np.random.default_rng(0)
    theirs = rng.normal(0, 1, (20, 3))
    learned = [tile(HOME), *(tile((5000 + 100 * n, 5000)) for n in range(19))]
    ours = np.stack([theirs[0], theirs[0] + 0.01, theirs[0] + 3])
    found = kin(learned, [tile(HOME)] * 3, (theirs, ours))
    assert found == pytest.approx([2, 2, 0], abs=1e-3)


def test_where_nothing_is_georeferenced_nothing_is_known(tile: Any, kin: Any) -> None:
    here, nowhere = tile(HOME), tile(None)
    assert kin([nowhere, nowhere], [here, nowhere]).tolist() == [0, 0]
    assert kin([here, here], [nowhere]).tolist() == [0]


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32722", "EPSG:3857"])
def test_the_same_ground_in_another_projection_is_the_same_ground(
    tile: Any, kin: Any, tmp_path: Path, crs: str
) -> None:
    here = tile(HOME)
    with rasterio.open(here.image) as file:
        transform, width, height = calculate_default_transform(file.crs, crs, file.width, file.height, *file.bounds)
    shape = {"driver": "GTiff", "count": 1, "dtype": "uint8", "width": width, "height": height}
    with rasterio.open(tmp_path / "other.tif", "w", **shape, crs=crs, transform=transform) as file:
        file.write(np.ones((1, height, width), np.uint8))
    found = kin([here, here], [Tile(tmp_path / "other.tif", None, "open")])
    assert found == pytest.approx([2], abs=0.15)  # a turned rectangle around it holds a little more
