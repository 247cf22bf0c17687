"""How near tiles lie to ground that a model has learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from highwall.tiles.ground import geographic_ring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.models.model import Model
    from highwall.tiles import Tile

_BESIDE: Final = 2e-4
"""Degrees between tiles that touch, at most: about two pixels of 10 m."""


def shared_ground(model: Model, tiles: Sequence[Tile]) -> NDArray[np.float64]:
    """Return for each tile the share of its ground that lies in training tiles, 0 to 1; NaN for one apart from them.

    A tile that touches training tiles has a share of 0. Without georeference nothing is known, which is NaN, too.
    """
    result = np.full(len(tiles), np.nan)
    footprints = [*model.facts.get("training", {}).get("footprints", {}).values()]
    rings = [geographic_ring(tile) for tile in tiles]
    located = [number for number, ring in enumerate(rings) if ring]
    if not footprints or not located:
        return result
    theirs = shapely.union_all(shapely.polygons(footprints))
    shapely.prepare(theirs)
    ours = shapely.polygons([rings[number] for number in located])
    beside = shapely.dwithin(ours, theirs, _BESIDE)
    share = shapely.area(shapely.intersection(ours, theirs)) / shapely.area(ours)
    result[located] = np.where(beside, share, np.nan)
    return result


def kinship(model: Model, tiles: Sequence[Tile]) -> NDArray[np.float64]:
    """Return `Observations.kinship` of tiles: 0 apart from training ground, 1 beside it, 2 on it."""
    return np.nan_to_num(1 + shared_ground(model, tiles))
