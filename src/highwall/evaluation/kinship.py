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
    from highwall.models.record import Record
    from highwall.tiles import Tile

_BESIDE: Final = 2e-4
"""Degrees between tiles that touch, at most: about two pixels of 10 m."""


def kinship(model: Model, record: Record, tiles: Sequence[Tile], looks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return `Observations.kinship` of tiles: 0 apart from training ground, 1 beside it, up to 2 on it.

    Coordinates alone are no proof: the same place looks otherwise on another day. So a tile is kin only to a training
    tile that lies on or beside it and looks like it.

    Args:
        model: whose facts tell where its training tiles lie.
        record: of its training.
        tiles: the tiles; without georeference nothing is known of them.
        looks: of the tiles, `(tile, statistic)`.
    """
    training = model.facts.get("training", {})
    footprints, keys = training.get("footprints", {}), training.get("keys", [])
    known = [shapely.Polygon(footprints[keys[n]]) if keys[n] in footprints else None for n in record.position]
    result = np.zeros(len(tiles))
    for number, (tile, alike) in enumerate(zip(tiles, record.alike(looks), strict=True)):
        ring = geographic_ring(tile)
        if ring is None:
            continue
        here = shapely.Polygon(ring)
        kin = [other for other, like in zip(known, alike, strict=True) if like and other is not None]
        kin = [other for other in kin if shapely.dwithin(here, other, _BESIDE)]
        if kin:
            result[number] = 1 + here.intersection(shapely.union_all(kin)).area / here.area
    return result
