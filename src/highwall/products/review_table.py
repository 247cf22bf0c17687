"""The tables of a GeoPackage that hold what people decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from highwall.products.style import Category, polygons_qml, polygons_sld

if TYPE_CHECKING:
    import sqlite3

REVIEW: Final = "review"
"""Name of the table of decisions."""

REVIEWED: Final = "reviewed"
"""Name of the view of the polygons with what was decided."""

LABEL: Final = "label"
"""Column of both: class id of the ground after the review, 0 where the polygon was rejected, null where nobody has
decided. It is kept, not computed: a GeoPackage needs types of all columns, and SQLite knows none of expressions."""

_CATEGORIES: Final = (
    Category({"decision": "accept"}, "accepted", (0, 158, 115)),
    Category({"decision": "reclass"}, "of another class", (0, 114, 178)),
    Category({"decision": "reject"}, "rejected", (213, 94, 0)),
    Category({"decision": ""}, "nobody has decided", (117, 112, 100), "b_diagonal"),
)  # in colours of Okabe and Ito (2008)

_MAKE: Final = (
    """
    CREATE TABLE IF NOT EXISTS review (
        fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        polygon INTEGER NOT NULL UNIQUE,
        decision TEXT CHECK (decision IN ('accept', 'reject', 'reclass')), -- null where one was taken back
        class_id INTEGER CHECK ((decision = 'reclass') = (class_id NOTNULL)),
        label INTEGER CHECK (CASE decision WHEN 'accept' THEN label NOTNULL WHEN 'reject' THEN label = 0
            WHEN 'reclass' THEN label = class_id ELSE label ISNULL END),
        note TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        at DATETIME NOT NULL,
        version INTEGER NOT NULL
    )
    """,
    # GDAL takes OGC_FID for the number of the feature; no column is named `class`, lest the model's be taken for labels
    """
    CREATE VIEW IF NOT EXISTS reviewed AS SELECT
        polygons.fid AS OGC_FID, polygons.geom, polygons.id, review.decision, review.label,
        polygons.class_id AS mapped_class_id, polygons.class AS mapped_class, polygons.area_ha,
        polygons.mean_probability, polygons.below_minimum, review.note, review.reviewer, review.at
    FROM polygons LEFT JOIN review ON review.polygon = polygons.id
    """,
    """
    INSERT OR IGNORE INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)
    VALUES ('review', 'attributes', 'review', 'What people decided about the polygons', 0)
    """,
    """
    INSERT OR IGNORE INTO gpkg_contents
        (table_name, data_type, identifier, description, min_x, min_y, max_x, max_y, srs_id)
    SELECT 'reviewed', data_type, 'reviewed', 'Polygons with what people decided', min_x, min_y, max_x, max_y, srs_id
    FROM gpkg_contents WHERE table_name = 'polygons'
    """,
    """
    INSERT OR IGNORE INTO gpkg_geometry_columns (table_name, column_name, geometry_type_name, srs_id, z, m)
    SELECT 'reviewed', column_name, geometry_type_name, srs_id, z, m
    FROM gpkg_geometry_columns WHERE table_name = 'polygons'
    """,
)
_STYLE: Final = (
    """
    INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML,
        styleSLD, useAsDefault, description, owner, update_time)
    SELECT '', '', 'reviewed', 'geom', 'reviewed', :qml, :sld, 1, 'What people decided', '', :at
    WHERE NOT EXISTS (SELECT 1 FROM layer_styles WHERE f_table_name = 'reviewed')
    """,
    """
    UPDATE gpkg_ogr_contents SET feature_count = (SELECT count(*) FROM layer_styles)
    WHERE table_name = 'layer_styles'
    """,
)
_DATE: Final = "UPDATE gpkg_contents SET last_change = :at WHERE table_name IN ('review', 'reviewed')"


def has_table(database: sqlite3.Connection, name: str = REVIEW) -> bool:
    """Tell whether there is a table of decisions, or another one."""
    found = database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,))
    return found.fetchone() is not None


def create(database: sqlite3.Connection, at: str) -> None:
    """Make, register and style what is not there of table and view, within the transaction that is open.

    Args:
        database: the GeoPackage.
        at: the present, as ISO 8601.
    """
    for statement in _MAKE:
        database.execute(statement)
    if has_table(database, "layer_styles"):
        values = {"qml": polygons_qml(_CATEGORIES), "sld": polygons_sld(REVIEWED, _CATEGORIES), "at": at}
        for statement in _STYLE:
            database.execute(statement, values)
    database.execute(_DATE, {"at": at})
