"""Valleys: how running water carves a landscape."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from highwall.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.simulation.ground import Floats


def carve(
    rng: np.random.Generator, land: Floats, *, steps: int, uplift: float, erodibility: float, creep: float
) -> Floats:
    """Let the land rise, rivers cut into it and soil creep downhill, again and again; its outer cells stay put.

    Rivers cut by the stream power law `dz/dt = U - K A^0.5 dz/dx`, solved implicitly from the mouth
    upwards, so that steps may be long (Braun and Willett 2013, Geomorphology 180-181).

    Args:
        rng: where the randomness comes from.
        land: elevation of the cells, `(row, column)`, in any unit.
        steps: rounds.
        uplift: `U dt`, rise in a round, in the unit of the land.
        erodibility: `K dt`, in cells of length per square root of a cell of area.
        creep: standard deviation in cells of the Gaussian that smooths the land in a round: diffusion.
    """
    land = land.copy()
    inside = np.s_[1:-1, 1:-1]
    for _ in range(steps):
        land[inside] += np.float32(uplift)
        order, receiver = drain(land, rng.random(land.shape, dtype=np.float32))
        _incise(land.ravel(), order, receiver, erodibility)
        land[inside] = ndimage.gaussian_filter(land, creep, mode="nearest")[inside]
    return land


def drain(land: Floats, luck: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the cells in an order that has downstream before upstream, and where the water of each cell goes.

    The land is flooded from its outer cells inwards, lowest first (Priority-Flood; Barnes, Lehman and
    Mulla 2014, Computers & Geosciences 62). Water runs down the steepest descent to a neighbour, and
    on level floods back the way they came. Luck lengthens diagonals, from 1 to 2 cells, lest streams
    follow the grid (rho8; Fairfield and Leymarie 1991, Water Resources Research 27).

    Args:
        land: elevation of the cells, `(row, column)`.
        luck: random numbers from 0 to 1, of the same shape.

    Returns:
        Flat indices of the cells, twice `(cell,)`; outer cells receive their own water.
    """
    order, receiver = _flood(land.ravel(), luck.ravel(), *land.shape)
    return order, receiver


@compiled
def _flood(z: Floats, luck: Floats, height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    order = np.empty(z.size, np.intp)
    receiver = np.arange(z.size)
    water = z.copy()
    flooded = np.zeros(z.size, np.bool_)
    shore = [(z[0], luck[0], 0)]
    flooded[0] = True
    for cell in range(1, z.size):
        row, column = divmod(cell, width)
        if row in (0, height - 1) or column in (0, width - 1):
            shore.append((z[cell], luck[cell], cell))
            flooded[cell] = True
    heapq.heapify(shore)
    for place in range(z.size):
        cell = heapq.heappop(shore)[2]
        order[place] = cell
        row, column = divmod(cell, width)
        outer = row in (0, height - 1) or column in (0, width - 1)
        steepest = np.float32(0)
        for down in range(max(row - 1, 0), min(row + 2, height)):
            for right in range(max(column - 1, 0), min(column + 2, width)):
                near = down * width + right
                if not flooded[near]:
                    flooded[near] = True
                    water[near] = max(z[near], water[cell])
                    receiver[near] = cell
                    heapq.heappush(shore, (water[near], luck[near], near))
                elif not outer:
                    drop = water[cell] - water[near]
                    slope = drop / (1 + luck[cell]) if down != row and right != column else drop
                    if slope > steepest:
                        steepest, receiver[cell] = slope, near
    return order, receiver


@compiled
def _incise(z: Floats, order: NDArray[np.intp], receiver: NDArray[np.intp], erodibility: float) -> None:
    area = np.ones(z.size)
    for cell in order[::-1]:
        if receiver[cell] != cell:
            area[receiver[cell]] += area[cell]
    for cell in order:
        low = z[receiver[cell]]
        if low < z[cell]:  # water fills a hollow, rock does not
            power = erodibility * np.sqrt(area[cell])
            z[cell] = (z[cell] + power * low) / (1 + power)
