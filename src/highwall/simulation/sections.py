"""Parts of a mine: what they are, how large, how long, where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

from highwall.simulation.ground import grow
from highwall.simulation.noise import fractal, wavy_circle

if TYPE_CHECKING:
    from highwall.simulation.ground import Floats, Ground, Mask


class Kind(IntEnum):
    """Kinds of mine sections; the values are class indices of the default legend."""

    DUMP = 1
    PIT = 2
    POND = 3


@dataclass(frozen=True)
class Sizes:
    """How the sections of one kind are spread, as two lognormal distributions."""

    median: float
    """Median area in hectares."""

    spread: float
    """Standard deviation of the logarithm of the area."""

    aspect: float
    """Median of length over width of the smallest rectangle around a section."""

    aspect_spread: float
    """Standard deviation of the logarithm of length over width."""


SIZES: Final[dict[Kind, Sizes]] = {
    Kind.DUMP: Sizes(15.8, 1.69, 1.57, 0.35),
    Kind.PIT: Sizes(15.2, 1.77, 1.55, 0.34),
    Kind.POND: Sizes(20.2, 1.66, 1.54, 0.48),
}
"""Fitted to the outlines of 314 waste rock dumps, 141 open pits and 58 tailings storages of Chilean
mines, those over 0.5 ha, in UTM (LAMES, GitHub chenzhaiyu/mineseg): mean and standard deviation of
the logarithms. (The sample medians are 13.9, 15.5 and 15.4 ha.)"""

SMALLEST: Final = 0.5
"""Hectares; smaller sections are not drawn, nor were they fitted."""


@dataclass(frozen=True)
class Section:
    """One section of a mine, before it is built."""

    kind: Kind
    """What it is."""

    centre: tuple[float, float]
    """Metres from the left and the top edge of the ground."""

    hectares: float
    """Area."""

    aspect: float
    """Length over width."""

    angle: float
    """Direction of the long side, in radians from the x axis."""

    @property
    def radius(self) -> float:
        """Radius in metres of the circle of the same area."""
        return float(np.sqrt(self.hectares * 1e4 / np.pi))


def draw_hectares(rng: np.random.Generator, kind: Kind, largest: float) -> float:
    """Draw the area of a section in hectares from its lognormal, cut off at `SMALLEST` and `largest`."""
    sizes = SIZES[kind]
    while True:  # the cut tails are small unless the ground is
        hectares = sizes.median * float(np.exp(sizes.spread * rng.standard_normal()))
        if hectares <= largest or largest <= 2 * SMALLEST:
            return float(np.clip(hectares, min(SMALLEST, largest), largest))


def draw_section(rng: np.random.Generator, kind: Kind, centre: tuple[float, float], largest: float) -> Section:
    """Draw size, length and direction of a section."""
    sizes = SIZES[kind]
    aspect = max(1.0, sizes.aspect * float(np.exp(sizes.aspect_spread * rng.standard_normal())))
    return Section(kind, centre, draw_hectares(rng, kind, largest), min(aspect, 4.0), float(rng.uniform(0, np.pi)))


def oval(rng: np.random.Generator, ground: Ground, section: Section, *, lobes: int, waviness: float) -> Floats:
    """Return a field that grows outwards from the centre of a section, about 1 on its outline."""
    along, across = ground.turned(section.centre, section.angle)
    stretch = np.float32(np.sqrt(section.aspect))
    along, across = along / stretch, across * stretch
    radius = wavy_circle(rng, np.arctan2(across, along), lobes=lobes, waviness=waviness)
    ragged = fractal(rng, ground, outer=max(section.radius, 60), roughness=1.8, inner=25)
    around = np.hypot(along, across) / (np.float32(section.radius) * radius)
    return np.asarray(around + np.float32(0.05) * ragged, dtype=np.float32)


def body(ground: Ground, field: Floats, section: Section, free: Mask) -> Mask:
    """Return the cells of a section: the area it should have, where the field is smallest and the ground free."""
    centre = np.array([section.centre])
    rows, columns = ground.index(centre)
    seed = (int(rows[0]), int(columns[0]))
    if not free[seed]:
        return np.zeros(ground.shape, bool)
    cells = max(int((field < 1).sum()), 1) if _cut(ground, section) else round(section.hectares * 1e4 / ground.cell**2)
    grown = grow(np.where(free, field, np.inf), cells, seed) & free
    opened = ndimage.binary_opening(grown, iterations=max(round(15 / ground.cell), 1))
    smooth: Mask = opened if opened.any() else grown
    return smooth


def _cut(ground: Ground, section: Section) -> bool:
    """Tell whether the edge of the ground may cut through a section."""
    x, y = section.centre
    reach = section.radius * section.aspect**0.5
    return bool(min(x, y, ground.size[0] - x, ground.size[1] - y) < reach)
