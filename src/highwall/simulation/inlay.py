"""Mines laid over a real image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

from highwall.image import Image
from highwall.simulation import mines
from highwall.simulation.dump import heap_dump
from highwall.simulation.earths import haze_of, is_water, local_palette, without_haze
from highwall.simulation.ground import Ground
from highwall.simulation.noise import fractal
from highwall.simulation.paths import Network, stroke
from highwall.simulation.pit import dig_pit
from highwall.simulation.pond import dam_pond
from highwall.simulation.quarry import open_quarry
from highwall.simulation.sections import Kind, Section
from highwall.simulation.sensor import NOISE, PATH_REFLECTANCE, PIXEL, Light, at_20_m, block_mean, reflect
from highwall.simulation.site import CELL, majority
from highwall.simulation.spectra import WATERS, Material
from highwall.simulation.surface import Surface
from highwall.simulation.terrain import steepness
from highwall.simulation.texture import textured

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from highwall.simulation.ground import Floats, Mask

    Builder = Callable[[np.random.Generator, Surface, Section, Mask], Mask]

_REAL: Final = 255
"""In place of a material: the real ground shows."""

_TAKEN: Final = 255
"""In place of a label while mines are built: nothing may be built here."""

_FOLD: Final = round(PIXEL / CELL)

AREAS: Final = {Kind.PIT: (1.0, 200.0), Kind.DUMP: (1.0, 200.0), Kind.POND: (0.5, 150.0)}
"""Hectares between which areas are drawn, evenly in their logarithm."""

_LARGEST: Final = 0.35
"""Share of a tile that a section covers at most."""

_ROOM: Final = 300.0
"""Metres to the next water or edge of the data that are enough for any mine."""

_NARROW: Final = 30.0
"""Metres to the next water or edge of the data that are too few for any mine."""

_FULL: Final = 0.5
"""Share of a tile from which on no further section is built."""

_SCENES: Final = ("quarry", "quarry", "quarry", "pit", "pond", "pond", "dump", "pit and dump", "mine", "mine", "mine")
"""What there is to see about a place; one of them is drawn."""


def lay_mines(
    rng: np.random.Generator, image: Image, taken: NDArray[np.bool_], donor: Floats | None = None
) -> tuple[Image, NDArray[np.uint8], NDArray[np.float32]]:
    """Lay one or two mines over a real image.

    Each pixel that a mine covers in part is a mix of both, as far as the point spread of the sensor
    reaches; the others stay as they are. Haze is that of the real pixels.

    Args:
        rng: where the randomness comes from.
        image: the real ground: reflectance of the six default bands in pixels of about 10 m.
        taken: where nothing may be built, `(y, x)`.
        donor: real pixels `(band, y, x)` of another place, as large as the image, whose texture the mines get: what
            is rendered alone is told from real ground by its texture.

    Returns:
        The image with mines; class indices of the default legend `(y, x)`, the class with the largest
        share of each pixel; and the share of each pixel that is no longer real ground, `(y, x)`, 0 to 1,
        which counts worn ground and roads beside the mines, in the band where it is largest.
    """
    haze = haze_of(image.pixels[:, image.valid])
    clear = without_haze(image.pixels, haze)
    shape = image.shape[0] * _FOLD, image.shape[1] * _FOLD
    ground = Ground(shape, CELL)
    surface = Surface.bare(ground, _relief(rng, ground))
    surface.first[:] = _REAL
    surface.first[_finer(is_water(clear))] = Material.CLEAR_WATER
    real = surface.first.copy()
    closed = _finer(taken | ~image.valid) | (real == Material.CLEAR_WATER)
    _build(rng, surface, closed)
    painted = (surface.first != real) & ~closed
    opacity = _opacity(rng, surface, painted)
    labels = majority(surface.labels, _FOLD)
    coverage = np.zeros(image.shape, np.float32)
    if not painted.any():
        return image, labels, coverage

    rows, columns = _around(painted)
    part = _part(surface, rows, columns)
    part.first[part.first == _REAL] = Material.SOIL
    part.second[part.second == _REAL] = Material.SOIL
    light = Light(float(rng.uniform(20, 340)), float(rng.uniform(30, 68)), haze)
    leaving = reflect(rng, part, local_palette(rng, clear[:, image.valid]), light)
    window = (slice(rows.start // _FOLD, rows.stop // _FOLD), slice(columns.start // _FOLD, columns.stop // _FOLD))
    mixed, covered = _composite(rng, image.pixels[:, *window], leaving, opacity[rows, columns], haze)
    if donor is not None:
        mixed = textured(rng, mixed, donor[:, *window], covered)
    pixels = image.pixels.copy()
    pixels[:, *window] = np.where(image.valid[window], mixed, 0)
    coverage[window] = covered * image.valid[window]
    return Image(pixels, image.valid, image.bands, image.geobox), labels, coverage


def _relief(rng: np.random.Generator, ground: Ground) -> Floats:
    """Return a gentle land: that of the real ground is not known."""
    height = np.exp(rng.uniform(np.log(2), np.log(40)))
    return np.float32(height) * fractal(rng, ground, outer=3000, roughness=2.2, inner=80)


def _finer(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return mask.repeat(_FOLD, axis=0).repeat(_FOLD, axis=1)


def _build(rng: np.random.Generator, surface: Surface, closed: NDArray[np.bool_]) -> None:
    """Build the mines of a tile, and what lies around them."""
    ground = surface.ground
    ways = Network(ground, 1 + 12 * steepness(ground, surface.elevation))
    surface.labels[closed] = _TAKEN
    room = ground.distance_inside(~closed)
    opened = []
    for _ in range(1 + int(rng.random() < 0.3)):
        scene = str(rng.choice(_SCENES))
        opened.append((scene, _open(rng, surface, scene, _place(rng, ground, room), room)))
    surface.labels[surface.labels == _TAKEN] = 0
    if rng.random() < 0.85:
        mines.wear_ground(rng, surface)
    for scene, sections in opened:
        _serve(rng, surface, ways, scene, sections)


def _place(rng: np.random.Generator, ground: Ground, room: Floats) -> tuple[float, float]:
    """Draw where a mine is opened: anywhere that has room, if there is any."""
    tries = rng.uniform(0, 1, (24, 2)) * ground.size
    x, y = tries[int(np.argmax(np.minimum(room[ground.index(tries)], _ROOM)))]
    return float(x), float(y)


def _open(
    rng: np.random.Generator, surface: Surface, scene: str, place: tuple[float, float], room: Floats
) -> list[Section]:
    """Build the sections of a mine, the first where it is opened, the others beside it, as large as there is room."""
    scenes: dict[str, list[tuple[Kind, Builder]]] = {
        "quarry": [(Kind.PIT, open_quarry)],
        "pit": [(Kind.PIT, dig_pit)],
        "pond": [(Kind.POND, dam_pond)],
        "dump": [(Kind.DUMP, heap_dump)],
        "pit and dump": [(Kind.PIT, dig_pit if rng.random() < 0.5 else open_quarry), (Kind.DUMP, heap_dump)],
        "mine": [(Kind.PIT, dig_pit), (Kind.DUMP, heap_dump), (Kind.POND, dam_pond)],
    }
    planned = scenes[scene]
    planned = planned + [planned[int(rng.integers(len(planned)))] for _ in range(int(rng.poisson(0.6)))]
    if scene == "mine":
        planned = planned + [planned[int(rng.integers(len(planned)))] for _ in range(int(rng.poisson(1.5)))]
    sections: list[Section] = []
    for kind, builder in planned:
        section = _section(rng, kind, place, surface.ground.hectares)
        if sections:
            section = mines.beside(rng, surface, section, sections)
        free = float(room[surface.ground.index(np.array([section.centre]))][0])
        if free < _NARROW or (surface.labels % _TAKEN > 0).mean() > _FULL:
            continue
        section = replace(section, hectares=min(section.hectares, np.pi * (1.3 * free) ** 2 / 1e4))
        reach = 1.9 * section.radius * section.aspect**0.5 + 120
        local, centre = surface.around(section.centre, reach)
        where = builder(rng, local, replace(section, centre=centre), local.labels == 0)
        local.labels[where] = kind
        if kind is not Kind.POND and rng.random() < 0.25:
            _grow_over(rng, local, where)
        if where.any():
            sections.append(section)
    return sections


def _section(rng: np.random.Generator, kind: Kind, centre: tuple[float, float], hectares: float) -> Section:
    low, high = AREAS[kind]
    area = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    aspect = float(np.clip(np.exp(rng.normal(0.4, 0.35)), 1, 3.5))
    return Section(kind, centre, min(area, _LARGEST * hectares), aspect, float(rng.uniform(0, np.pi)))


def _grow_over(rng: np.random.Generator, surface: Surface, where: Mask) -> None:
    """Let plants come back, in patches from single weeds to a closed cover."""
    patches = fractal(rng, surface.ground, outer=200, roughness=1.4)
    green = where & (patches > rng.uniform(-1.0, 1.2)) & ~np.isin(surface.first, WATERS)
    plant = rng.choice([Material.GRASS, Material.SHRUB, Material.FOREST])
    surface.paint(green, plant, Material.OVERBURDEN, np.clip(0.5 - 0.3 * patches, 0.05, 0.8), 0.05 * patches)


def _serve(rng: np.random.Generator, surface: Surface, ways: Network, scene: str, sections: list[Section]) -> None:
    """Lead roads to the sections and to the world outside, and put works beside large ones."""
    if not sections:
        return
    ground = surface.ground
    if len(sections) > 1 or (scene in ("quarry", "pit") and sections[0].hectares > 15 and rng.random() < 0.5):
        mines.join(rng, surface, ways, sections)
    if rng.random() < 0.6:
        away = [rng.uniform(0, ground.size[0]), rng.uniform(0, ground.size[1])]
        axis = int(rng.integers(2))
        away[axis] = ground.size[axis] * int(rng.integers(2))
        road = stroke(ground, ways.way(sections[0].centre, (away[0], away[1]), smooth=0.8), rng.uniform(6, 14))
        road &= (surface.labels == 0) & ~np.isin(surface.first, WATERS)
        surface.paint(road, Material.TRACK, Material.SOIL, 0.4)


def _opacity(rng: np.random.Generator, surface: Surface, painted: Mask) -> Floats:
    """Return how much of each cell is no longer real ground: all in a mine, some where the ground is worn."""
    ragged = fractal(rng, surface.ground, outer=120, roughness=1.3)
    thin = np.clip(np.float32(rng.uniform(0.45, 0.9)) + 0.25 * ragged, 0, 1)
    works = np.isin(surface.first, (Material.BRIGHT_ROOF, Material.DARK_ROOF, Material.CLAY_ROOF, Material.ORE))
    return np.where(painted, np.where((surface.labels > 0) | works, 1, thin), 0).astype(np.float32)


def _around(painted: Mask) -> tuple[slice, slice]:
    """Return rows and columns around painted cells, four pixels wider, from even pixel to even pixel."""
    step, spans = 2 * _FOLD, []
    for axis in (1, 0):
        hit = np.flatnonzero(painted.any(axis=axis))
        length = painted.shape[1 - axis]
        start = max((int(hit[0]) // step - 2) * step, 0)
        spans.append(slice(start, min((int(hit[-1]) // step + 3) * step, length)))
    return spans[0], spans[1]


def _part(surface: Surface, rows: slice, columns: slice) -> Surface:
    """Return a copy of a part of a surface."""
    window = np.s_[rows, columns]
    elevation = surface.elevation[window]
    return Surface(
        replace(surface.ground, shape=elevation.shape),
        elevation,
        surface.first[window].copy(),
        surface.second[window].copy(),
        surface.share[window],
        surface.tone[window],
        surface.labels[window],
    )


def _composite(
    rng: np.random.Generator, real: Floats, leaving: Floats, opacity: Floats, haze: float
) -> tuple[Floats, Floats]:
    """Mix real pixels `(band, y, x)` with what leaves the finer cells of mines `(band, row, column)`.

    Both the light and the opacity of cells pass the point spread of `sensor.observe`.

    Returns:
        The mix, and the covered share of each pixel `(y, x)` in the band where it is largest: bands of 20 m see
        farther.
    """
    seen = np.concatenate([leaving * opacity, opacity[None]])
    blurred = ndimage.gaussian_filter(seen, (0, 0.5 * _FOLD, 0.5 * _FOLD), truncate=3)
    pixels = block_mean(blurred, _FOLD)
    light, share = pixels[:6], np.repeat(pixels[6:], 6, axis=0)
    light[4:], share[4:] = at_20_m(light[4:]), at_20_m(share[4:])
    share = np.where(share < 1e-4, 0, share)
    air = np.float32(haze) * PATH_REFLECTANCE[:, None, None]
    hazy = light * (1 - 0.6 * air) + share * air
    noise = NOISE[:, None, None] * rng.standard_normal(real.shape, dtype=np.float32)
    mixed = (1 - share) * real + hazy + share * noise
    return np.where(share > 0, np.clip(mixed, 0.0001, 1.5), real).astype(np.float32), share.max(axis=0)
