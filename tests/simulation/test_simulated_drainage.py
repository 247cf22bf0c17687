import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from highwall.simulation.drainage import _incise, carve, drain

SHAPES = st.tuples(st.integers(3, 30), st.integers(3, 30))


def rough(seed: int, shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def wander(land: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return drain(land, rough(seed + 1, land.shape))


@settings(deadline=None)
@given(st.integers(0, 1000), SHAPES, st.booleans())
def test_all_water_reaches_the_outer_cells_from_neighbour_to_neighbour(
    seed: int, shape: tuple[int, int], flat: bool
) -> None:
    order, receiver = wander(np.zeros(shape, np.float32) if flat else rough(seed, shape), seed)
    assert np.array_equal(np.sort(order), np.arange(order.size))
    place = np.empty(order.size, int)
    place[order] = np.arange(order.size)
    row, column = np.unravel_index(np.arange(order.size), shape)
    outer = (row == 0) | (row == shape[0] - 1) | (column == 0) | (column == shape[1] - 1)
    assert np.array_equal(receiver == np.arange(order.size), outer)
    assert (place[receiver] < place)[~outer].all()  # downstream comes first, so nothing runs in circles
    assert np.abs(row[receiver] - row).max() <= 1
    assert np.abs(column[receiver] - column).max() <= 1


@settings(deadline=None)
@given(st.integers(0, 1000), SHAPES, st.sampled_from([0.0, 2.0]))
def test_water_runs_down_wherever_a_neighbour_is_lower(seed: int, shape: tuple[int, int], tilt: float) -> None:
    land = rough(seed, shape) + np.float32(tilt) * np.arange(shape[1], dtype=np.float32)
    _, receiver = wander(land, seed)
    inner = np.s_[1:-1, 1:-1]
    hollow = (land == ndimage.minimum_filter(land, 3, mode="nearest"))[inner]
    down = (land.ravel()[receiver].reshape(shape) < land)[inner]
    assert not (down & hollow).any()
    if tilt:
        assert down.all()


def test_a_step_of_incision_solves_the_stream_power_law() -> None:
    rows, columns = np.mgrid[:25, :30]
    land = (np.minimum(rows, 24 - rows) + 0.7 * columns + rough(0, (25, 30))).astype(np.float32)
    land[1:-1, 1:-1] += 5
    order, receiver = wander(land, 0)
    cells = np.arange(land.size)
    inner = receiver != cells
    area = np.ones(land.size)
    for cell in order[::-1]:
        area[receiver[cell]] += area[cell] * inner[cell]
    falls = inner & (land.ravel() > land.ravel()[receiver])
    power = np.where(falls, 0.3 * np.sqrt(area), 0)
    down = sparse.csr_array((np.ones(land.size), (cells, receiver)))
    exact = spsolve((sparse.diags_array(1 + power) - sparse.diags_array(power) @ down).tocsc(), land.ravel())
    solved = land.ravel().copy()
    _incise(solved, order, receiver, 0.3)
    assert falls[inner].mean() > 0.95
    assert solved == pytest.approx(exact, abs=1e-4)


def test_carving_makes_hollows_rare_and_leaves_the_outer_cells() -> None:
    raw = 3 * rough(0, (60, 80))
    carved = carve(np.random.default_rng(0), raw, steps=18, uplift=0.3, erodibility=0.3, creep=0.6)
    inner = np.s_[1:-1, 1:-1]
    hollows = [(z == ndimage.minimum_filter(z, 3))[inner].mean() for z in (raw, carved)]
    assert hollows[0] > 0.08
    assert hollows[1] < 0.005
    ring = np.ones(raw.shape, bool)
    ring[inner] = False
    assert np.array_equal(carved[ring], raw[ring])


def test_valleys_do_not_depend_on_the_unit_of_height() -> None:
    raw = rough(0, (40, 40))
    metres, half_metres = (
        carve(np.random.default_rng(0), raw * unit, steps=5, uplift=0.3 * unit, erodibility=0.3, creep=0.6)
        for unit in (np.float32(1), np.float32(2))
    )
    assert half_metres == pytest.approx(2 * metres, rel=1e-4)
