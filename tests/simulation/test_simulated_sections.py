import numpy as np
import pytest

from highwall.simulation import mines, terrain
from highwall.simulation.ground import Ground
from highwall.simulation.sections import SIZES, Kind, Section, draw_hectares, draw_section
from highwall.simulation.surface import Surface


@pytest.mark.parametrize("kind", list(Kind))
def test_areas_follow_the_fitted_lognormal(kind: Kind) -> None:
    rng = np.random.default_rng(1)
    areas = np.array([draw_hectares(rng, kind, 5000) for _ in range(4000)])
    assert np.median(areas) == pytest.approx(SIZES[kind].median, rel=0.1)
    assert np.quantile(areas, 0.84) == pytest.approx(SIZES[kind].median * np.exp(SIZES[kind].spread), rel=0.2)
    assert areas.max() > 500


def test_areas_keep_to_what_the_ground_can_hold() -> None:
    rng = np.random.default_rng(2)
    for largest in (0.1, 1.0, 30.0):
        assert all(draw_hectares(rng, Kind.PIT, largest) <= largest for _ in range(200))


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_built_has_the_area_that_was_drawn(kind: Kind) -> None:
    ground = Ground((400, 400), 5.0)
    ratios = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        surface = Surface.bare(ground, terrain.relief(rng, ground, 80))
        section = Section(kind, (1000.0, 1000.0), 15.0, 1.5, 0.3 * seed)
        mines.build(rng, surface, section)
        assert set(np.unique(surface.labels)) <= {0, int(kind)}
        ratios.append((surface.labels == kind).sum() * ground.cell**2 / 1e4 / section.hectares)
    assert np.median(ratios) == pytest.approx(1, abs=0.15)
    assert min(ratios) > 0.5
    assert max(ratios) < 1.3


@pytest.mark.parametrize("kind", list(Kind))
def test_a_section_never_covers_another(kind: Kind) -> None:
    ground = Ground((200, 200), 5.0)
    rng = np.random.default_rng(0)
    surface = Surface.bare(ground, terrain.relief(rng, ground, 80))
    surface.labels[:, :110] = 9
    painted = surface.first.copy()
    mines.build(rng, surface, Section(kind, (600.0, 500.0), 10.0, 1.5, 0.0))
    assert (surface.labels[:, :110] == 9).all()
    assert np.array_equal(surface.first[:, :110], painted[:, :110])


def test_dumps_rise_and_pits_sink() -> None:
    ground = Ground((300, 300), 5.0)
    for kind, sign in ((Kind.DUMP, 1), (Kind.PIT, -1)):
        rng = np.random.default_rng(4)
        before = terrain.relief(rng, ground, 60)
        surface = Surface.bare(ground, before.copy())
        mines.build(rng, surface, Section(kind, (750.0, 750.0), 25.0, 1.3, 1.0))
        change = (surface.elevation - before)[surface.labels == kind]
        assert sign * np.median(change) > 5
        assert np.array_equal(surface.elevation[surface.labels == 0], before[surface.labels == 0])


def test_a_pond_is_level_behind_its_dam() -> None:
    ground = Ground((300, 300), 5.0)
    rng = np.random.default_rng(4)
    surface = Surface.bare(ground, terrain.relief(rng, ground, 120))
    mines.build(rng, surface, draw_section(rng, Kind.POND, (750.0, 750.0), 40.0))
    heights, counts = np.unique(surface.elevation[surface.labels == Kind.POND], return_counts=True)
    assert counts.max() > 0.3 * counts.sum()
    assert heights.max() - heights[counts.argmax()] <= 3.01
