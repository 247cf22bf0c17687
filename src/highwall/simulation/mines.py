"""Mines: sections side by side, worn ground around them, haul roads between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from highwall.simulation.built import build_works
from highwall.simulation.dump import heap_dump
from highwall.simulation.noise import fractal
from highwall.simulation.paths import stroke
from highwall.simulation.pit import dig_pit
from highwall.simulation.pond import dam_pond
from highwall.simulation.sections import Kind, Section, draw_section
from highwall.simulation.spectra import WATERS, Material

if TYPE_CHECKING:
    from highwall.simulation.paths import Network
    from highwall.simulation.surface import Surface

_BUILDERS = {Kind.DUMP: heap_dump, Kind.PIT: dig_pit, Kind.POND: dam_pond}


def open_mine(rng: np.random.Generator, surface: Surface, centre: tuple[float, float]) -> list[Section]:
    """Build a mine about a centre (x, y in metres): a section of each kind, then a few more of any."""
    hectares = surface.ground.hectares
    kinds = [*Kind, *(Kind(k) for k in rng.choice(list(Kind), int(rng.poisson(3.0)), p=[0.5, 0.3, 0.2]))]
    drawn = [draw_section(rng, kind, centre, largest=min(0.25 * hectares, 1500)) for kind in kinds]
    sections: list[Section] = []
    for section in sorted(drawn, key=lambda s: s.hectares, reverse=True):
        placed = beside(rng, surface, section, sections)
        build(rng, surface, placed)
        sections.append(placed)
    return sections


def build(rng: np.random.Generator, surface: Surface, section: Section) -> None:
    """Build a section where no other one stands, and label its cells."""
    reach = 1.9 * section.radius * section.aspect**0.5 + 120
    local, centre = surface.around(section.centre, reach)
    where = _BUILDERS[section.kind](rng, local, replace(section, centre=centre), local.labels == 0)
    local.labels[where] = section.kind


def beside(rng: np.random.Generator, surface: Surface, section: Section, others: list[Section]) -> Section:
    """Move a section from its mine's centre next to the others, where there is room and the land suits it."""
    ground = surface.ground
    spread = 150 + 1.2 * max(s.radius for s in (section, *others))
    tries = np.asarray(section.centre) + spread * rng.standard_normal((160, 2))
    margin = np.minimum(0.6 * section.radius, 0.45 * np.asarray(ground.size))
    tries = np.clip(tries, margin, np.asarray(ground.size) - margin)
    cells = ground.index(tries)
    height = (surface.elevation[cells] - surface.elevation.mean()) / (surface.elevation.std() + 1)
    shyness = {Kind.POND: 0.5, Kind.PIT: -0.2, Kind.DUMP: 0.0}[section.kind]  # of high ground
    cost = shyness * height + 50.0 * (surface.labels[cells] > 0) + 2.0 * np.isin(surface.first[cells], WATERS)
    for other in others:
        apart = np.hypot(*(tries - other.centre).T) / (1.15 * (section.radius + other.radius))
        cost += 6 * np.clip(1 - apart, 0, None) + 0.4 * np.clip(apart - 1, 0, None)
    x, y = tries[int(np.argmin(cost))]
    return replace(section, centre=(float(x), float(y)))


def wear_ground(rng: np.random.Generator, surface: Surface) -> None:
    """Strip the land around the sections: bare, trampled ground that is background."""
    worked = surface.labels > 0
    if not worked.any():
        return
    ground = surface.ground
    away = ground.distance_inside(~worked)
    ragged = fractal(rng, ground, outer=350, roughness=1.5)
    edge = 6 + 16 * np.exp(1.1 * ragged)
    worn = ~worked & (away < 25 + 1.8 * edge) & (ragged > -0.5)
    surface.paint(worn, Material.GRASS, Material.SOIL, np.clip(0.6 + 0.15 * ragged, 0, 1))
    bare = ~worked & (away < edge)
    surface.paint(bare, Material.SOIL, Material.OVERBURDEN, np.clip(0.45 + 0.25 * ragged, 0, 1), 0.03 * ragged)


def join(rng: np.random.Generator, surface: Surface, ways: Network, sections: list[Section]) -> None:
    """Put the works of a mine between its sections, and lead haul roads there."""
    ground = surface.ground
    middle = np.mean([section.centre for section in sections], axis=0)
    tries = np.clip(middle + rng.normal(0, 0.5 * sections[0].radius + 120, (60, 2)), 0, ground.size)
    taken = surface.labels[ground.index(tries)] > 0
    x, y = tries[int(np.argmin(taken))]
    plant = (float(x), float(y))
    for section in sections:
        road = stroke(ground, ways.way(section.centre, plant, smooth=0.6), rng.uniform(14, 26))
        road &= (surface.labels != Kind.POND) & ~np.isin(surface.first, WATERS)
        surface.paint(road, Material.TRACK, Material.WASTE, 0.55)
    build_works(rng, surface, plant)
