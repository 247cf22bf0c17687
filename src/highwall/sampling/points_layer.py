"""The sample as a file that a person labels in QGIS."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from highwall.errors import BadInput
from highwall.files import new_file
from highwall.products.areas import on_ground
from highwall.products.geopackage import GEOMETRY, dated, put_style
from highwall.sampling.form import points_qml, points_sld

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.products.map_folder import MapFolder

LAYER: Final = "samples"
"""Name of the layer."""


def write_points(path: Path, of: MapFolder, pixels: NDArray[np.int64], ids: NDArray[np.int64]) -> None:
    """Write points at the centres of pixels of a map, with a form that offers the classes of its legend.

    The layer `samples` has the columns `id` (from 1), `stratum` (class id in the map), `reference` and `note`, which
    are empty. The same points make the same file, byte for byte.

    Args:
        path: the GeoPackage; it appears when it is complete.
        of: the map.
        pixels: row and column of each point `(point, 2)`.
        ids: class id of each point in the map `(point,)`.

    Raises:
        BadInput: it cannot be written.
    """
    points = shapely.points(on_ground(pixels[:, ::-1] + 0.5, of.geobox.affine))
    frame = gpd.GeoDataFrame(
        {
            "id": np.arange(1, len(ids) + 1),
            "stratum": ids.astype(np.int32),
            "reference": np.full(len(ids), None, object),
            "note": np.full(len(ids), None, object),
        },
        geometry=points,
        crs=None if of.geobox.crs is None else of.geobox.crs.proj,
    )
    options = {"layer_options": {"GEOMETRY_NAME": GEOMETRY}, "dataset_options": {"VERSION": "1.2"}}  # as for polygons
    try:
        with dated(of.date) as when, new_file(path) as part, warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*crs.* was not provided")  # nothing is known of the ground
            frame.to_file(part, layer=LAYER, driver="GPKG", **options)
            put_style(part, LAYER, points_qml(of.legend), points_sld(LAYER), "Points with and without a label", when)
    except (DataSourceError, DataLayerError, FeatureError, OSError) as error:
        raise BadInput(f"{path}: cannot be written ({str(error).splitlines()[0]})") from None
