"""A map as people left it: the model's classes with the decisions of the review."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio
import shapely
from affine import Affine
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from rasterio.features import rasterize

from highwall.errors import BadInput
from highwall.products.areas import on_ground
from highwall.products.review import POLYGONS, read_reviews
from highwall.products.review_table import REVIEW

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.products.map_folder import MapFolder

_CHANGED = f"""
SELECT polygons.geom, review.label FROM polygons
JOIN {REVIEW} AS review ON review.polygon = polygons.id WHERE review.decision IN ('reject', 'reclass')
"""  # noqa: S608 - our names


@dataclass(frozen=True)
class Summary:
    """How far the review of a map is."""

    polygons: int
    """Number of polygons of the map."""

    accepted: int
    """Number of those that people found right."""

    rejected: int
    """Number of those in which they found no mine feature."""

    reclassed: int
    """Number of those that they found to be of another class."""

    @property
    def decided(self) -> int:
        """Number of polygons that somebody has decided about."""
        return self.accepted + self.rejected + self.reclassed

    def __str__(self) -> str:
        """Say it in one line."""
        parts = f"{self.accepted:,} accepted, {self.rejected:,} rejected, {self.reclassed:,} reclassed"
        return f"{self.decided:,} of {self.polygons:,} polygons decided: {parts}"

    def to_json(self) -> dict[str, int]:
        """All numbers by name."""
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class Corrections:
    """The polygons of a map that are not what the model made them, on the map's grid."""

    shapes: NDArray[Any]
    """Their outlines `(polygon,)`, shapely's, in the coordinates of the map."""

    ids: NDArray[np.uint8]
    """Class id of each after the review `(polygon,)`; 0, background, where it was rejected."""

    geobox: GeoBox
    """The map's grid."""

    def apply(self, classes: NDArray[np.uint8], top: int = 0, left: int = 0) -> NDArray[np.uint8]:
        """Return class ids as the review left them: rejected ground is background, reclassed ground of its new class.

        Accepted ground and what nobody decided about stay as they are.

        Args:
            classes: class ids of the map `(y, x)`, of any window of it.
            top: row of the map in which the window begins.
            left: column in which it begins.
        """
        height, width = classes.shape
        here = self.geobox.affine * Affine.translation(left, top)
        window = shapely.Polygon(on_ground(np.array([[0, 0], [width, 0], [width, height], [0, height]]), here))
        near = np.sort(self._tree.query(window))
        result = classes.copy()
        if len(near):
            found = zip(self.shapes[near], self.ids[near].tolist(), strict=True)
            rasterize(found, out=result, transform=here)  # outlines run along pixels, so that each has its own
        return result

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.shapes)


def summarise(folder: Path) -> Summary:
    """Count the decisions about the polygons of a map.

    Raises:
        BadInput: there is no GeoPackage, or it is damaged.
    """
    decisions = [review.decision for review in read_reviews(folder).values()]
    try:
        polygons = pyogrio.read_info(folder / POLYGONS, layer="polygons", force_feature_count=True)["features"]
    except (DataSourceError, DataLayerError) as error:
        raise _damaged(folder, error) from None
    return Summary(polygons, *(decisions.count(kind) for kind in ("accept", "reject", "reclass")))


def read_corrections(of: MapFolder) -> Corrections:
    """Read which polygons of a map the review changed; they are none where nobody has looked.

    Raises:
        BadInput: there is no GeoPackage, or it is damaged.
    """
    if not any(review.decision != "accept" for review in read_reviews(of.folder).values()):
        return Corrections(np.empty(0, object), np.empty(0, np.uint8), of.geobox)
    try:
        _, _, outlines, (ids,) = pyogrio.raw.read(of.folder / POLYGONS, sql=_CHANGED)
    except (DataSourceError, DataLayerError, FeatureError) as error:
        raise _damaged(of.folder, error) from None
    if foreign := of.legend.foreign_ids(ids.tolist()):
        raise BadInput(f"{of.folder / POLYGONS}: the review names class {foreign[0]}, which the map's legend lacks")
    return Corrections(shapely.from_wkb(outlines), ids.astype(np.uint8), of.geobox)


def _damaged(folder: Path, error: Exception) -> BadInput:
    return BadInput(f"{folder / POLYGONS}: damaged ({str(error).splitlines()[0]})")
