"""Reads points that people have looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from highwall.errors import BadInput
from highwall.legend import UNKNOWN
from highwall.sampling.form import UNKNOWN_NAME

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.legend import Legend
    from highwall.products.map_folder import MapFolder

_DEGREES: Final = "OGC:CRS84"


@dataclass(frozen=True, eq=False)
class Points:
    """Points of a file, on the grid of a map."""

    rows: NDArray[np.int64]
    """Rows `(point,)` of the map's grid; -1 for what lies nowhere."""

    columns: NDArray[np.int64]
    """Columns, likewise."""

    reference: NDArray[np.int64]
    """Class indices `(point,)` of what is there; 255 where a person could not tell, -1 where none has looked yet."""

    stratum: NDArray[np.float64] | None
    """Class ids `(point,)` in the map that the points were drawn from, NaN where empty; None without such a column."""


def read_points(path: Path, of: MapFolder) -> Points:
    """Read points from a vector file, or a CSV with columns `x` and `y` (the map's) or `longitude` and `latitude`.

    The column `reference` names the class that is there, or gives its id; it is empty where nobody has looked yet, and
    `unknown` or 255 where a person could not tell. The column `stratum` may give the class id in the map.

    Raises:
        BadInput: the file cannot be read, holds no points, cannot be placed on the map, has no column `reference`, or
            one with what the map's legend lacks.
    """
    if not path.exists():
        raise BadInput(f"{path}: no such file (highwall area MAP {path.name} --draw N proposes a sample)")
    table, x, y, crs = _read_csv(path) if path.suffix.lower() == ".csv" else _read_layer(path)
    if "reference" not in table:
        raise BadInput(f"{path}: has no column reference (it has {', '.join(table) or 'none'})")
    if len(table) == 0:
        raise BadInput(f"{path}: holds no points")
    rows, columns = _on_grid(path, x, y, crs, of.geobox)
    return Points(
        rows,
        columns,
        np.array([_reference(path, value, of.legend) for value in table["reference"]], np.int64),
        _numbers(path, table, "stratum") if "stratum" in table else None,
    )


def _read_csv(path: Path) -> tuple[pd.DataFrame, NDArray[Any], NDArray[Any], str | None]:
    import pandas as pd  # noqa: PLC0415 - takes its time to import

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:  # pandas's own errors are ValueErrors
        raise BadInput(f"{path}: not readable as CSV ({str(error).splitlines()[0]})") from None
    for names, crs in ((("x", "y"), None), (("longitude", "latitude"), _DEGREES)):
        if set(names) <= set(table):
            x, y = (_numbers(path, table, name) for name in names)
            return table, x, y, crs
    raise BadInput(f"{path}: has neither columns x and y nor longitude and latitude (it has {', '.join(table)})")


def _read_layer(path: Path) -> tuple[pd.DataFrame, NDArray[Any], NDArray[Any], str | None]:
    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind]
        if len(layers) != 1:
            raise BadInput(f"{path}: has {len(layers)} layers ({', '.join(layers)}), where one with points is due")
        crs = pyogrio.read_info(path, layer=layers[0])["crs"]
        table = pyogrio.read_dataframe(path, layer=layers[0])
    except (DataSourceError, DataLayerError, FeatureError) as error:
        raise BadInput(f"{path}: not readable as vector layer ({str(error).splitlines()[0]})") from None
    shapes = np.asarray(table.geometry.array, object)
    single = shapely.get_num_geometries(shapes) == 1
    shapes = np.where(single & (shapely.get_type_id(shapes) == 4), shapely.get_geometry(shapes, 0), shapes)
    if other := set(shapely.get_type_id(shapes).tolist()) - {-1, 0}:
        kind = shapely.GeometryType(min(other)).name.lower()
        raise BadInput(f"{path}: holds geometries of type {kind}, where points are due")
    return table.drop(columns=table.geometry.name), shapely.get_x(shapes), shapely.get_y(shapes), crs or ""


def _on_grid(
    path: Path, x: NDArray[Any], y: NDArray[Any], crs: str | None, geobox: GeoBox
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find rows and columns of coordinates; without a reference system (None) they are the map's own."""
    if crs is not None:
        x, y = _in_crs_of_map(path, x, y, crs, geobox)
    a, b, c, d, e, f = (~geobox.affine)[:6]
    column, row = a * x + b * y + c, d * x + e * y + f
    height, width = geobox.shape
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)  # not where a number is NaN or infinite
    rows, columns = (np.floor(np.where(inside, part, -1)).astype(np.int64) for part in (row, column))
    return rows, columns


def _in_crs_of_map(
    path: Path, x: NDArray[Any], y: NDArray[Any], crs: str, geobox: GeoBox
) -> tuple[NDArray[Any], NDArray[Any]]:
    own = geobox.crs
    on_earth = bool(crs) and (CRS(crs).is_geographic or CRS(crs).is_projected)
    if not on_earth and own is None:
        return x, y
    if not on_earth or own is None:
        which = "the map" if on_earth else "the file"
        raise BadInput(f"{path}: its points cannot be placed on the map: {which} has no coordinate reference system")
    try:
        x, y = Transformer.from_crs(crs, own.proj, always_xy=True).transform(x, y)
    except ProjError:
        raise BadInput(f"{path}: its points cannot be brought into the map's coordinate reference system") from None
    return x, y


def _reference(path: Path, value: Any, legend: Legend) -> int:
    """Return the class index that a cell means: 255 for unknown, -1 where it is empty."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return -1
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    if text in ("", "<NA>"):
        return -1
    meanings = {UNKNOWN_NAME: UNKNOWN, str(UNKNOWN): UNKNOWN}
    for index, of_class in enumerate(legend.classes):
        meanings |= {str(of_class.id): index, of_class.name: index}
    if text not in meanings:
        known = ", ".join(legend.names)
        raise BadInput(f"{path}: {text!r} in the column reference is no class of the map (it has {known})")
    return meanings[text]


def _numbers(path: Path, table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    import pandas as pd  # noqa: PLC0415 - takes its time to import

    try:
        return np.asarray(pd.to_numeric(table[name]).to_numpy(np.float64, na_value=np.nan))
    except (ValueError, TypeError):
        raise BadInput(f"{path}: the column {name} holds what is no number") from None
