"""The STAC item that describes a map."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from highwall.legend import UNKNOWN
from highwall.mapping.engine import STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odc.geo.geobox import GeoBox

    from highwall.legend import Legend
    from highwall.scenes import Scene

EXTENSIONS: Final = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
)
COG_TYPE: Final = "image/tiff; application=geotiff; profile=cloud-optimized"
_ERA: Final = {"start_datetime": "2015-06-23T00:00:00Z", "end_datetime": "9999-12-31T23:59:59Z"}
"""From the launch of Sentinel-2A on: where a scene doesn't tell its date."""


def map_item(scene: Scene, legend: Legend, model: str, files: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
    """Describe a map as a STAC item.

    Args:
        scene: what was mapped.
        legend: the classes.
        model: name of the model.
        files: name to (sha256, bytes) of the files beside the item.
    """
    geometry, bbox = _footprint(scene.geobox)
    origin = scene.origin
    when = (
        {"datetime": origin.datetime.isoformat().replace("+00:00", "Z")}
        if origin.datetime
        else {"datetime": None} | _ERA
    )
    height, width = scene.shape
    assets = _assets(legend)
    crs = scene.geobox.crs
    epsg = crs.to_epsg() if crs is not None else None
    grid = {
        "proj:code": f"EPSG:{epsg}" if epsg else None,
        **({"proj:wkt2": crs.to_wkt()} if crs is not None and not epsg else {}),
        "proj:shape": [height, width],
        "proj:transform": list(scene.geobox.affine)[:6],
    }
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": list(EXTENSIONS),
        "id": f"{scene.id}-mines",
        "geometry": geometry,
        **({"bbox": bbox} if bbox else {}),
        "properties": {
            **when,
            "title": f"Mine features in {scene.id}",
            "description": "Classes and probabilities of mine features; areas are uncorrected for errors of the map.",
            **({"platform": origin.platform} if origin.platform else {}),
            "constellation": "sentinel-2",
            **grid,
            "processing:software": {"highwall": version("highwall")},
            "processing:lineage": f"Mapped by highwall with the model {model} from {scene.id}"
            + (f" ({origin.level}, baseline {origin.baseline})" if origin.level and origin.baseline else ""),
            "highwall:model": model,
        },
        "links": [
            {"rel": "derived_from", "href": href, "title": f"Source: {scene.id}"}
            for href in dict.fromkeys(origin.hrefs)
        ],
        "assets": {
            name.partition(".")[0] if name != "polygons.parquet" else "polygons-parquet": {
                "href": f"./{name}",
                "file:checksum": f"1220{digest}",  # multihash: 12 is sha2-256, 20 its length, 32 bytes
                "file:size": size,
                **assets[name],
            }
            for name, (digest, size) in files.items()
            if name in assets
        },
    }


def _assets(legend: Legend) -> dict[str, dict[str, Any]]:
    classes = [
        {"value": c.id, "name": c.name.replace(" ", "_"), "title": c.name, "description": c.name, "color_hint": c.hex}
        for c in legend.classes
    ]
    unknown = {"value": UNKNOWN, "name": "unknown", "description": "cloud, shadow or no data", "nodata": True}
    return {
        "classes.tif": {
            "type": COG_TYPE,
            "title": "Classes",
            "roles": ["data", "classification"],
            "bands": [{"name": "class", "data_type": "uint8", "nodata": UNKNOWN}],
            "classification:classes": [*classes, unknown],
        },
        "probabilities.tif": {
            "type": COG_TYPE,
            "title": "Class probabilities",
            "roles": ["data"],
            "bands": [
                {"name": name, "data_type": "uint8", "nodata": UNKNOWN, "raster:scale": 1 / STEPS, "raster:offset": 0}
                for name in legend.names
            ],
        },
        "polygons.gpkg": {
            "type": "application/geopackage+sqlite3",
            "title": "Polygons with area, probability and flags; styled for QGIS",
            "roles": ["data"],
        },
        "polygons.parquet": {"type": "application/vnd.apache.parquet", "title": "The same polygons", "roles": ["data"]},
    }


def _footprint(geobox: GeoBox) -> tuple[dict[str, Any] | None, list[float] | None]:
    """Return geometry and bounding box in WGS 84; where it crosses the date line, west is greater than east."""
    if geobox.crs is None:
        return None, None
    ground = geobox.extent.to_crs("EPSG:4326", resolution=geobox.extent.boundingbox.span_x / 8, wrapdateline=True)
    parts = list(ground.geoms) if ground.geom_type == "MultiPolygon" else [ground]
    boxes = sorted((part.boundingbox for part in parts), key=lambda box: box.left, reverse=True)
    west, east = boxes[0].left, boxes[-1].right
    south, north = min(box.bottom for box in boxes), max(box.top for box in boxes)
    return ground.json, [west, south, east, north]
