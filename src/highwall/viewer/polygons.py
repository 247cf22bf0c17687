"""The polygons of a map as GeoJSON in degrees."""

from __future__ import annotations

import gzip
import json
import math
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import Transformer

from highwall.errors import BadInput
from highwall.products.review import read_reviews
from highwall.viewer.maps import LAYER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from highwall.products.review import Review
    from highwall.viewer.maps import ShownMap

MOST: Final = 20_000
"""Polygons that the page gets at most, the largest ones."""

MOST_POINTS: Final = 1_000_000
"""Corners that they have at most in all: about 20 bytes each."""

PROPERTIES: Final = (
    *("class_id", "class", "area_ha", "perimeter_m", "mean_probability", "least_probability", "edge_share"),
    *("below_minimum", "touches_masked", "applicability", "outside_experience"),
)
"""Columns that the page gets."""

_DECIMALS: Final = 7
"""Of degrees: a centimetre."""

_TRUTHS: Final = frozenset({"below_minimum", "touches_masked", "outside_experience"})


@dataclass(frozen=True)
class Features:
    """Polygons as JSON, but for what people decided."""

    ids: tuple[int, ...]
    """Polygon ids."""

    parts: tuple[str, ...]
    """A feature each, up to the value of `review`, which the last property is."""

    left_out: int
    """Polygons that are not among them."""

    tolerance: float
    """Metres, or degrees, by which outlines may be off, because there were too many corners; 0 if they are exact."""

    def document(self, reviews: Mapping[int, Review]) -> bytes:
        """Return them as a GeoJSON FeatureCollection."""
        decided = {number: json.dumps(review.to_json(), ensure_ascii=False) for number, review in reviews.items()}
        features = ",\n".join(
            f"{part}{decided.get(number, 'null')}}}}}" for number, part in zip(self.ids, self.parts, strict=True)
        )
        head = f'"left_out":{self.left_out},"tolerance":{self.tolerance:g}'
        return f'{{"type":"FeatureCollection",{head},"features":[\n{features}\n]}}\n'.encode()


@dataclass
class PolygonStore:
    """Keeps the polygons of maps at hand while their files stay the same."""

    _kept: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def document(self, shown: ShownMap) -> tuple[str, bytes]:
        """Return a text that changes whenever a map's polygons do, and them with their reviews as GeoJSON, gzipped.

        Raises:
            BadInput: they can't be read.
        """
        with self._lock:  # once, even if several ask for them
            state = shown.state("polygons.gpkg")
            if shown.id not in self._kept or self._kept[shown.id][0] != state:
                reviews = read_reviews(shown.folder)  # first, as it mends a file whose writer was killed
                document = read_features(shown).document(reviews)
                self._kept[shown.id] = state, gzip.compress(document, 5, mtime=0)
            return self._kept[shown.id]


def read_features(shown: ShownMap, most: int = MOST, most_points: int = MOST_POINTS) -> Features:
    """Read the largest polygons of a map.

    Args:
        shown: the map.
        most: number of polygons, at most.
        most_points: number of corners, at most; outlines are simplified as far as that takes (Douglas and Peucker
            1973).

    Raises:
        BadInput: they can't be read.
    """
    path = shown.file("polygons.gpkg")
    columns = ", ".join(f'"{name}"' for name in ("id", *PROPERTIES, "geom"))
    largest = f"SELECT {columns} FROM {LAYER} ORDER BY area_ha DESC, id LIMIT {most}"  # noqa: S608 - our names
    try:
        total = pyogrio.read_info(path, layer=LAYER)["features"]
        meta, _, geometry, values = pyogrio.raw.read(path, sql=largest)
    except (DataSourceError, DataLayerError) as error:
        raise BadInput(f"{path}: not readable ({error})") from None
    table = dict(zip(meta["fields"], values, strict=True))
    outlines = shapely.from_wkb(geometry)
    outlines, tolerance = _simplified(outlines, most_points, abs(shown.map.geobox.resolution.x))
    drawn: Any = shapely.to_geojson(shapely.transform(outlines, _to_degrees(shown))) if len(outlines) else []
    ids = tuple(table["id"].tolist())
    rows = zip(*(_values(name, table[name]) for name in PROPERTIES), strict=True)
    parts = tuple(
        f'{{"type":"Feature","id":{number},"geometry":{outline},"properties":{{'
        + "".join(f'"{name}":{value},' for name, value in zip(PROPERTIES, row, strict=True))
        + '"review":'
        for number, outline, row in zip(ids, drawn, rows, strict=True)
    )
    return Features(ids, parts, int(total) - len(ids), tolerance)


def _simplified(outlines: NDArray[Any], most_points: int, pixel: float) -> tuple[NDArray[Any], float]:
    """Take as many corners away as there are too many, with a tolerance of a pixel or, if need be, more."""
    tolerance, simple = 0.0, outlines
    while shapely.get_num_coordinates(simple).sum() > max(most_points, 5 * len(outlines)):
        tolerance = 2 * tolerance or pixel
        simple = shapely.simplify(outlines, tolerance, preserve_topology=False)
        simple = np.where(shapely.is_empty(simple), shapely.envelope(outlines), simple)
    return simple, tolerance


def _to_degrees(shown: ShownMap) -> Any:
    """Return what turns coordinates `(point, 2)` of a map into degrees; across the date line they go on above 180."""
    crs = shown.map.geobox.crs
    transformer = Transformer.from_crs(crs.proj if crs else None, "OGC:CRS84", always_xy=True)
    west = shown.bounds[0] - 1e-6

    def turn(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = transformer.transform(points[:, 0], points[:, 1])
        if shown.bounds[2] > 180:
            x = np.where(x < west, x + 360, x)
        return np.column_stack([x, y]).round(_DECIMALS)

    return turn


def _values(name: str, values: NDArray[Any]) -> list[str]:
    """Return a column's values as JSON."""
    if name in _TRUTHS:  # with nulls among them, GDAL gives 0, 1 and NaN
        return [_truth(value) for value in values.tolist()]
    if values.dtype.kind == "f":
        return [f"{value:.10g}" if math.isfinite(value) else "null" for value in values.tolist()]
    return [json.dumps(value, ensure_ascii=False) for value in values.tolist()]


def _truth(value: Any) -> str:
    return "null" if value is None or value != value else "true" if value else "false"  # noqa: PLR0124 - not a number
