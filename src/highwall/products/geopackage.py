"""GeoPackages: a layer of polygons, written piece by piece, with the style that QGIS opens it in."""

from __future__ import annotations

import errno
import sqlite3
import warnings
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyogrio
import shapely
from numpy.ma import MaskedArray

from highwall.products.style import polygons_qml, polygons_sld

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.products.style import Category

GEOMETRY: Final = "geom"

_STYLES: Final = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
    f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME
)
"""  # as QGIS itself makes it


def append(path: Path, layer: str, polygons: NDArray[Any], columns: Mapping[str, NDArray[Any]], geobox: GeoBox) -> None:
    """Add polygons to a layer, which is made if it isn't there, even for no polygons.

    Args:
        path: the GeoPackage.
        layer: the layer's name.
        polygons: shapely polygons `(polygon,)`.
        columns: name to values `(polygon,)`; NaN, NaT and masked values are written as null.
        geobox: what the coordinates belong to.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*crs.* was not provided")  # nothing is known of the ground
        pyogrio.raw.write(
            path,
            shapely.to_wkb(polygons),
            [*columns.values()],
            [*columns],
            [values.mask if isinstance(values, MaskedArray) else None for values in columns.values()],
            layer=layer,
            driver="GPKG",
            geometry_type="Polygon",
            crs=_crs(geobox),
            append=path.exists(),
            dataset_options={"VERSION": "1.2"},  # which older programs read without a word
            layer_options={"GEOMETRY_NAME": GEOMETRY},
        )


def add_style(path: Path, layer: str, categories: tuple[Category, ...], title: str, when: str) -> None:
    """Put the style of a layer of polygons into its GeoPackage: see `put_style`.

    Args:
        path: the GeoPackage.
        layer: the layer's name.
        categories: how its polygons are drawn.
        title: what the style is, in a few words.
        when: time of the change to write, in ISO 8601.

    Raises:
        OSError: it cannot be written.
    """
    put_style(path, layer, polygons_qml(categories), polygons_sld(layer, categories), title, when)


def put_style(path: Path, layer: str, qml: str, sld: str, title: str, when: str) -> None:
    """Put the style of a layer into its GeoPackage, in the table where QGIS looks for it.

    Args:
        path: the GeoPackage.
        layer: the layer's name.
        qml: the style for QGIS.
        sld: the style for other programs.
        title: what the style is, in a few words.
        when: time of the change to write, in ISO 8601.

    Raises:
        OSError: it cannot be written.
    """
    style = {
        "f_table_catalog": "",
        "f_table_schema": "",
        "f_table_name": layer,
        "f_geometry_column": GEOMETRY,
        "styleName": layer,
        "styleQML": qml,
        "styleSLD": sld,
        "useAsDefault": 1,
        "description": title,
        "owner": "",
        "ui": None,
        "update_time": when,
    }
    try:
        _insert(path, style)
    except sqlite3.Error as error:  # above all a disk that is full
        raise OSError(errno.EIO, str(error), str(path)) from None


def _insert(path: Path, style: Mapping[str, Any]) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_STYLES)
        marks = ", ".join(f":{name}" for name in style)
        database.execute(f"INSERT INTO layer_styles ({', '.join(style)}) VALUES ({marks})", style)  # noqa: S608 - our names
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)",
            (style["update_time"],),
        )
        database.execute("INSERT INTO gpkg_ogr_contents (table_name, feature_count) VALUES ('layer_styles', 1)")


@contextmanager
def dated(day: dt.date | None) -> Iterator[str]:
    """Let GDAL take a day for the present, so that the same map makes the same file; give its first moment.

    Args:
        day: the day; 1970-01-01 if None.
    """
    when = f"{day or '1970-01-01'}T00:00:00.000Z"
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": when})
    try:
        yield when
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _crs(geobox: GeoBox) -> str | None:
    if geobox.crs is None:
        return None
    return f"EPSG:{geobox.crs.epsg}" if geobox.crs.epsg else geobox.crs.to_wkt()
