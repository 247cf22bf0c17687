import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from highwall.simulation import terrain
from highwall.simulation.farming import PARCELS, divide
from highwall.simulation.ground import Ground, grow
from highwall.simulation.noise import fractal, uniform, wavy_circle
from highwall.simulation.paths import Network, stroke

GROUND = Ground((300, 340), 5.0)


@pytest.mark.parametrize(("outer", "roughness"), [(60, 1.0), (120, 1.7), (60, 2.5)])
def test_fractal_fields_have_unit_variance(outer: float, roughness: float) -> None:
    fields = [fractal(np.random.default_rng(s), GROUND, outer=outer, roughness=roughness) for s in range(5)]
    assert np.mean(fields) == pytest.approx(0, abs=0.1)
    assert np.std(fields) == pytest.approx(1, abs=0.1)
    assert uniform(fields[0]).mean() == pytest.approx(0.5, abs=0.1)


def test_rough_fields_change_more_from_cell_to_cell() -> None:
    steps = [np.diff(fractal(np.random.default_rng(0), GROUND, outer=400, roughness=r)).std() for r in (1.0, 1.5, 2.5)]
    assert steps == sorted(steps, reverse=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70))
def test_fields_come_in_any_shape(rows: int, columns: int) -> None:
    field = fractal(np.random.default_rng(0), Ground((rows, columns), 5.0), outer=100)
    assert field.shape == (rows, columns)
    assert np.isfinite(field).all()


def test_a_wavy_circle_closes() -> None:
    ends = wavy_circle(np.random.default_rng(0), np.array([-np.pi, np.pi], np.float32), lobes=7, waviness=0.2)
    assert ends[0] == pytest.approx(ends[1])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 300))
def test_grown_bodies_are_one_piece_without_holes(seed: int, cells: int) -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).random((20, 24)), 1).astype(np.float32)
    lowest = np.unravel_index(int(field.argmin()), field.shape)
    body = grow(field, cells, (int(lowest[0]), int(lowest[1])))
    assert body[lowest]
    assert ndimage.label(body)[1] == 1
    assert np.array_equal(body, ndimage.binary_fill_holes(body))


def test_smoothing_resembles_a_gaussian() -> None:
    field = fractal(np.random.default_rng(0), GROUND, outer=200, roughness=1.2)
    exact = ndimage.gaussian_filter(field, 8, mode="nearest")
    difference = (GROUND.smooth(field, 40.0) - exact)[30:-30, 30:-30]  # they treat the edge differently
    assert difference.std() < 0.1 * exact.std()


def test_benches_keep_to_within_a_step_of_the_slope() -> None:
    slope = np.linspace(-50, 50, 1001, dtype=np.float32)
    cut = terrain.benched(slope, 10.0, tread=0.5)
    assert (np.diff(cut) >= 0).all()
    assert np.abs(cut - slope).max() <= 5.001
    assert (np.diff(cut) == 0).mean() == pytest.approx(0.5, abs=0.02)


def test_level_ground_sees_the_sine_of_the_suns_height() -> None:
    flat = np.zeros(GROUND.shape, np.float32)
    assert terrain.incidence(GROUND, flat, 130, 40) == pytest.approx(np.sin(np.radians(40)))
    assert not terrain.cast_shadow(GROUND, flat, 130, 10).any()


def test_a_wall_casts_a_shadow_as_long_as_geometry_says() -> None:
    wall = np.zeros(GROUND.shape, np.float32)
    wall[:, 200:204] = 50
    shadow = terrain.cast_shadow(GROUND, wall, azimuth=90, altitude=45)
    assert shadow[:, :200].sum(1) * GROUND.cell == pytest.approx(50, abs=2 * GROUND.cell)
    assert not shadow[:, 204:].any()


def test_ways_go_straight_over_even_ground_and_around_costly_ground() -> None:
    even = Network(GROUND, np.ones(GROUND.shape, np.float32))
    start, end = (100.0, 700.0), (1500.0, 700.0)
    line = even.way(start, end)
    assert line[0] == pytest.approx(start)
    assert line[-1] == pytest.approx(end)
    assert np.abs(line[:, 1] - 700).max() < 90
    hill = np.ones(GROUND.shape, np.float32)
    hill[60:, 150:190] = 100
    around = Network(GROUND, hill).way(start, end)
    assert around[:, 1].min() < 400


def test_strokes_are_as_wide_as_asked() -> None:
    line = np.stack([np.arange(0.0, 1700.0, 4.0), np.full(425, 700.0)], axis=1)
    for width in (5, 25, 45, 95):
        assert stroke(GROUND, line, width).sum(0).mean() * GROUND.cell == pytest.approx(width, abs=6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(20, 300), st.floats(20, 200), st.sampled_from([0.0, 40.0]))
def test_parcels_are_bounded_by_their_edges(seed: int, width: float, depth: float, wander: float) -> None:
    ground = Ground((120, 90), 5.0)
    parcels = divide(np.random.default_rng(seed), ground, width, depth, wander)
    assert parcels.edge.min() > -0.01
    assert parcels.number.min() >= 0
    assert parcels.number.max() < PARCELS
    change = np.diff(parcels.number, axis=1) != 0
    near = np.minimum(parcels.edge[:, 1:], parcels.edge[:, :-1])
    assert (near[change] <= 1.5 * ground.cell).all()  # numbers change at edges only


def test_hills_are_as_high_as_asked() -> None:
    heights = [np.ptp(terrain.relief(np.random.default_rng(s), GROUND, 100.0)) for s in range(8)]
    assert 50 < np.mean(heights) < 220
