"""Polygons of gain and loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.files import new_file
from highwall.products.components import find_components
from highwall.products.geopackage import add_style, append, dated
from highwall.products.labels import Labels
from highwall.products.polygon_layer import batches
from highwall.products.style import Category

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.products.change_raster import Compared
    from highwall.products.map_folder import MapFolder
    from highwall.products.style import Pattern

LAYER: Final = "change"
"""Name of the layer."""

_COLUMNS: Final = ("class_id", "class", "area_ha", "perimeter_m", "below_minimum", "touches_masked")
_PATTERNS: Final[dict[str, Pattern]] = {"gain": "solid", "loss": "b_diagonal"}


def write_change_polygons(
    path: Path, compared: Compared, a: MapFolder, b: MapFolder, geobox: GeoBox, *, minimum_ha: float
) -> None:
    """Write where each target class was gained and lost, as a GeoPackage.

    The layer `change` has the columns `id`, `change` (gain or loss), `class_id`, `class`, `area_ha`, `perimeter_m`,
    `below_minimum`, `touches_masked` (ground unknown in one of the maps, or the end of the common ground, is beside
    it), `map_a`, `map_b`, `date_a`, `date_b`. Where one target class became another, there is a polygon of loss of the
    one, and of gain of the other. What is unknown is null.

    Args:
        path: the file.
        compared: the two maps' comparison.
        a: the first map.
        b: the second map.
        geobox: grid of the common ground.
        minimum_ha: minimum mapping unit in hectares.
    """
    count = 0
    with dated(b.date) as when, new_file(path) as part:
        for kind, classes in (("gain", compared.gain), ("loss", compared.loss)):
            labels = Labels(classes, None, geobox, a.legend)
            components = find_components(labels)
            for batch in batches(labels, components, minimum_ha):
                size = len(batch.geometry)
                columns: dict[str, NDArray[Any]] = {"id": batch.columns["id"] + count, "change": _same(kind, size)}
                columns |= {name: batch.columns[name] for name in _COLUMNS}
                columns |= {"map_a": _same(a.id, size), "map_b": _same(b.id, size)}
                columns |= {
                    name: np.full(size, np.datetime64(m.date, "D")) for name, m in (("date_a", a), ("date_b", b))
                }
                append(part, LAYER, batch.geometry, columns, geobox)
            count += len(components)
        add_style(part, LAYER, _categories(a), "Gain and loss in the colours of the legend", when)


def _same(value: str, size: int) -> NDArray[Any]:
    return np.full(size, value, object)


def _categories(of: MapFolder) -> tuple[Category, ...]:
    classes = [of.legend.classes[index] for index in of.legend.targets]
    return tuple(
        Category({"class": c.name, "change": kind}, f"{c.name}: {kind}", c.color, pattern)
        for kind, pattern in _PATTERNS.items()
        for c in classes
    )
