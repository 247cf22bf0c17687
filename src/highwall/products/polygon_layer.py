"""The polygons of a map as a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.errors import BadInput
from highwall.files import new_file
from highwall.products.components import find_components
from highwall.products.geopackage import add_style, append, dated
from highwall.products.labels import OUTSIDE
from highwall.products.polygons import Outlines, outlines
from highwall.products.style import class_categories

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.products.components import Components
    from highwall.products.labels import Labels, Provenance

LAYER: Final = "polygons"
"""Name of the layer."""

_OUTSIDE: Final = "outside_experience"

MINIMUM_HA: Final = 0.5
"""Minimum mapping unit in hectares, where nobody names another."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Some polygons and what is known of them."""

    geometry: NDArray[Any]
    """Shapely polygons `(polygon,)` in the coordinates of the map."""

    columns: dict[str, NDArray[Any]]
    """Column to values `(polygon,)`."""


@dataclass(frozen=True)
class ClassTotal:
    """What a map holds of one target class, as counted: errors of the map are not corrected for."""

    class_id: int
    """Class id."""

    name: str
    """Class name."""

    polygons: int
    """Number of polygons."""

    below_minimum: int
    """Number of polygons below the minimum mapping unit; none where the map has no coordinate reference system."""

    polygons_outside: int | None
    """Number of polygons outside of the training experience; None where the applicability is unknown."""

    pixels: int
    """Number of pixels."""

    uncorrected_area_ha: float
    """Sum of the polygons' geodesic areas in hectares; NaN where the map has no coordinate reference system."""

    def to_json(self) -> dict[str, Any]:
        """All fields by name; the class's name is `class`."""
        return {"class" if key == "name" else key: value for key, value in vars(self).items()}


def write_polygons(
    path: Path, labels: Labels, provenance: Provenance, *, minimum_ha: float = MINIMUM_HA
) -> tuple[ClassTotal, ...]:
    """Write all polygons of a map's target classes as a GeoPackage that opens in the legend's colours.

    The layer `polygons` has the columns `id` (from 1, in the order of first pixels), `class_id`, `class`, `area_ha`
    and `perimeter_m` (geodesic; see `areas.measure`), `mean_probability` and `least_probability` (of the polygon's
    class), `edge_share` (pixels beside another class per pixels), `below_minimum`, `touches_masked` (unknown ground
    or the scene's end is beside it), `applicability` (mean over its pixels, 1 on ground like that of the training),
    `outside_experience` (this mean is below 0.5; such polygons have a dashed outline), `scene`, `date`, `model`.
    What is unknown is null.

    Args:
        path: the file; it appears when it is complete, and is the same for the same map, byte for byte.
        labels: the map.
        provenance: where it is from.
        minimum_ha: minimum mapping unit in hectares: smaller polygons are marked, not left out.

    Returns:
        Totals of all target classes, in the order of the legend.
    """
    components = find_components(labels)
    areas, small = np.zeros(256), np.zeros(256, np.int64)
    with dated(provenance.date) as when, new_file(path) as part:
        for batch in batches(labels, components, minimum_ha):
            append(
                part, LAYER, batch.geometry, batch.columns | _provenance(provenance, len(batch.geometry)), labels.geobox
            )
            np.add.at(areas, batch.columns["class_id"], batch.columns["area_ha"])
            np.add.at(small, batch.columns["class_id"], batch.columns["below_minimum"])
        categories = tuple(replace(category, dashed=_OUTSIDE) for category in class_categories(labels.legend))
        add_style(part, LAYER, categories, "Classes in the colours of the legend", when)
    if labels.geobox.crs is None:
        areas[:] = np.nan
    count = np.bincount(components.class_id, minlength=256)
    outside = np.bincount(components.class_id[components.applicability < OUTSIDE], minlength=256)
    pixels = np.zeros(256, np.int64)
    np.add.at(pixels, components.class_id, components.pixels)
    classes = (labels.legend.classes[index] for index in labels.legend.targets)
    return tuple(
        ClassTotal(
            c.id,
            c.name,
            polygons=int(count[c.id]),
            below_minimum=int(small[c.id]),
            polygons_outside=None if labels.applicability is None else int(outside[c.id]),
            pixels=int(pixels[c.id]),
            uncorrected_area_ha=float(areas[c.id]),
        )
        for c in classes
    )


def batches(labels: Labels, components: Components, minimum_ha: float) -> Iterator[Batch]:
    """Give all polygons with their columns, those of `write_polygons` up to `outside_experience`; at least one batch.

    Args:
        labels: the map.
        components: all components of it.
        minimum_ha: minimum mapping unit in hectares.
    """
    names = dict(zip(labels.legend.ids, labels.legend.names, strict=True))
    if len(components) == 0:
        yield _batch(Outlines(0, np.empty(0, object), np.empty(0), np.empty(0)), components, names, minimum_ha)
    for some in outlines(labels, components):
        yield _batch(some, components, names, minimum_ha)


def require_pyarrow() -> None:
    """Refuse to go on without what GeoParquet needs.

    Raises:
        BadInput: pyarrow is missing.
    """
    if find_spec("pyarrow") is None:
        raise BadInput("GeoParquet needs pyarrow: pip install 'highwall[parquet]'")


def write_parquet(geopackage: Path, path: Path) -> None:
    """Write the layer `polygons` of a GeoPackage as GeoParquet.

    Raises:
        BadInput: pyarrow is missing.
    """
    require_pyarrow()
    import geopandas  # noqa: PLC0415 - takes its time to import

    table = geopandas.read_file(geopackage, layer=LAYER).astype({_OUTSIDE: "boolean"})  # which knows nulls
    with new_file(path) as part:
        table.to_parquet(part, index=False)


def _batch(found: Outlines, components: Components, names: dict[int, str], minimum_ha: float) -> Batch:
    count = len(found.geometry)
    some = components[found.start : found.start + count]
    columns: dict[str, NDArray[Any]] = {
        "id": np.arange(found.start + 1, found.start + count + 1),
        "class_id": some.class_id.astype(np.int32),
        "class": np.array([names[i] for i in some.class_id.tolist()], object),
        "area_ha": found.area,
        "perimeter_m": found.perimeter,
        "mean_probability": some.mean_probability,
        "least_probability": some.least_probability,
        "edge_share": some.edge_pixels / some.pixels,
        "below_minimum": found.area < minimum_ha,
        "touches_masked": some.touches_unknown,
        "applicability": some.applicability,
        _OUTSIDE: np.ma.masked_array(some.applicability < OUTSIDE, np.isnan(some.applicability)),
    }
    return Batch(found.geometry, columns)


def _provenance(provenance: Provenance, count: int) -> dict[str, NDArray[Any]]:
    return {
        "scene": np.full(count, provenance.scene, object),
        "date": np.full(count, np.datetime64(provenance.date, "D")),
        "model": np.full(count, provenance.model, object),
    }
