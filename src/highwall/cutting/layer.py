"""Polygons of a vector layer, placed on the pixels of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError
from pyproj import Transformer
from pyproj.exceptions import ProjError

from highwall.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.scenes import Scene

_EARTH: Final = "EPSG:4326"
_POLYGONS: Final = (3, 6)  # shapely's type ids of polygons and multipolygons
_AREAS: Final = ("Polygon", "Surface", "Collection", "Unknown")  # in the names of GDAL's types that can hold polygons
_STEPS: Final = 100  # vertices along the side of a scene, so that edges bend as the projection does
_UNREADABLE: Final = (DataSourceError, DataLayerError, FeatureError, GeometryError, shapely.errors.ShapelyError)


@dataclass(frozen=True, eq=False)
class Layer:
    """The polygons that lie on a scene, in the order of the layer."""

    path: str
    """The file, for messages."""

    shapes: NDArray[Any]
    """Valid shapely polygons and multipolygons `(n,)` in pixels of the scene: x along its columns, y along its rows."""

    table: pd.DataFrame
    """Their columns, `n` rows."""

    notes: tuple[str, ...]
    """What a person should know of the reading, one line each."""


def read_layer(path: Path | str, scene: Scene, name: str | None = None) -> Layer:
    """Read the polygons that lie on a scene.

    Invalid polygons are made valid. Features without geometry, and those that are no polygons, are left out.

    Args:
        path: any vector file that GDAL reads, also a zip of one.
        scene: with a georeference.
        name: the layer to take; needed where the file has several with polygons.

    Raises:
        BadInput: the file cannot be read, has no such layer or no coordinate reference system, or none of its
            polygons lies on the scene.
    """
    if scene.geobox.crs is None:
        raise BadInput(f"{scene.id}: has no georeference, so that polygons cannot be placed on it")
    path = str(path)
    if "://" not in path and not path.startswith("/vsi") and not Path(path).exists():
        raise BadInput(f"{path}: no such file")
    try:
        return _read(path, scene, _choose(path, name))
    except _UNREADABLE as error:
        raise BadInput(f"{path}: not readable as vector layer ({str(error).splitlines()[0]})") from None
    except ProjError:
        raise BadInput(f"{path}: its polygons cannot be brought into the scene's coordinate reference system") from None


def _choose(path: str, name: str | None) -> str:
    """Find the layer with polygons."""
    layers = {str(layer): kind for layer, kind in pyogrio.list_layers(path)}
    if name is not None:
        if name not in layers:
            raise BadInput(f"{path}: has no layer {name!r} (it has {', '.join(layers) or 'none'})")
        return name
    fit = [layer for layer, kind in layers.items() if any(area in (kind or "") for area in _AREAS)]
    if not fit:
        raise BadInput(f"{path}: has no layer with polygons")
    if len(fit) > 1:
        raise BadInput(f"{path}: has several layers with polygons ({', '.join(fit)}); choose one with --layer")
    return fit[0]


def _read(path: str, scene: Scene, name: str) -> Layer:
    geobox = scene.geobox
    info = pyogrio.read_info(path, layer=name, force_total_bounds=True)
    if info["crs"] is None:
        raise BadInput(f"{path}: has no coordinate reference system, so that its polygons cannot be placed")
    nowhere = f"{path}: no polygon lies on {scene.id} ({_extents(info, geobox)})"
    around = tuple(geobox.footprint(info["crs"], npoints=_STEPS).boundingbox)
    if not np.isfinite(around).all():
        raise BadInput(nowhere)
    features = pyogrio.read_dataframe(path, layer=name, bbox=around)
    found = np.asarray(features.geometry.array, object)
    flat = shapely.force_2d(found)
    faulty = ~shapely.is_valid(flat) & np.isin(shapely.get_type_id(flat), _POLYGONS)
    shapes = np.array([_polygons(shape) for shape in shapely.make_valid(flat)], object)
    side = max(around[2] - around[0], around[3] - around[1])
    shapes = _in_pixels(shapely.segmentize(shapes, side / _STEPS), info["crs"], geobox)
    height, width = geobox.shape
    here = shapely.intersects(shapes, shapely.box(0, 0, width, height))
    if not here.any():
        raise BadInput(nowhere)
    others = int((~np.isin(shapely.get_type_id(found), _POLYGONS)).sum())
    return Layer(
        path,
        shapes[here],
        features.loc[here].drop(columns=features.geometry.name).reset_index(drop=True),
        tuple(_notes(_without_geometry(path, name), others, int((faulty & here).sum()))),
    )


def _polygons(shape: Any) -> Any:
    """Return the polygons in a geometry: itself, or what is left of it without points and lines, perhaps nothing."""
    if shapely.get_type_id(shape) in _POLYGONS:
        return shape
    parts = shapely.get_parts(shapely.get_parts(shape))
    return shapely.union_all(parts[np.isin(shapely.get_type_id(parts), _POLYGONS)])


def _in_pixels(shapes: NDArray[Any], crs: str, geobox: GeoBox) -> NDArray[Any]:
    """Bring shapes of any coordinate reference system into the pixel coordinates of a grid; valid ones only."""
    transformer = Transformer.from_crs(crs, str(geobox.crs), always_xy=True)
    inverse = ~geobox.affine

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = transformer.transform(points[:, 0], points[:, 1])
        return np.column_stack(
            [inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f],
        )

    placed = shapely.transform(shapes, place)
    finite = np.isfinite(shapely.bounds(placed)).all(axis=-1)
    placed[~finite] = shapely.Polygon()
    return np.array([_polygons(shape) for shape in shapely.make_valid(placed)], object)


def _without_geometry(path: str, name: str) -> int:
    _, bounds = pyogrio.read_bounds(path, layer=name)
    return int((np.isnan(bounds) | (bounds == 0)).all(axis=0).sum())


def _notes(missing: int, others: int, faulty: int) -> Iterator[str]:
    if missing:
        yield f"features without geometry, left out: {missing}"
    if others:
        yield f"features on the scene that are no polygons, left out: {others}"
    if faulty:
        yield f"invalid polygons, made valid: {faulty}"


def _extents(info: dict[str, Any], geobox: GeoBox) -> str:
    """Say where layer and scene are, in degrees."""
    bounds = info["total_bounds"]
    scene = _degrees(tuple(geobox.footprint(_EARTH, npoints=_STEPS).boundingbox))
    if bounds is None or not np.isfinite(bounds).all():
        return f"the layer is empty; the scene covers {scene}"
    layer = Transformer.from_crs(info["crs"], _EARTH, always_xy=True).transform_bounds(*bounds)
    return f"the layer covers {_degrees(layer)}, the scene {scene}"


def _degrees(bounds: tuple[float, ...]) -> str:
    west, south, east, north = bounds
    return f"longitude {west:.3f} to {east:.3f} and latitude {south:.3f} to {north:.3f}"
