"""The STAC item that describes a map."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from pyproj import Transformer
from shapely.affinity import translate
from shapely.geometry import mapping
from shapely.geometry.polygon import orient

from highwall.legend import UNKNOWN
from highwall.mapping.engine import STEPS
from highwall.products.rasters import APPLICABILITY
from highwall.sentinel2 import ERA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odc.geo.geobox import GeoBox

    from highwall.legend import Legend, LegendClass
    from highwall.scenes import Scene

EXTENSIONS: Final = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
)
COG_TYPE: Final = "image/tiff; application=geotiff; profile=cloud-optimized"
_APPLICABILITY: Final = (
    "How far the training of the model knows such ground. 1: like training ground; below 0.5: outside the area of "
    "applicability (Meyer and Pebesma 2021)."
)


def map_item(
    scene: Scene, legend: Legend, model: str, files: Mapping[str, tuple[str, int]], *, applicability: bool = False
) -> dict[str, Any]:
    """Describe a map as a STAC item.

    Args:
        scene: what was mapped.
        legend: the classes.
        model: name of the model.
        files: name to (sha256, bytes) of the files beside the item.
        applicability: whether the probabilities have the applicability as their last band.
    """
    geometry, bbox = _footprint(scene.geobox)
    origin = scene.origin
    when = (
        {"datetime": origin.datetime.isoformat().replace("+00:00", "Z")}
        if origin.datetime
        else {"datetime": None} | ERA
    )
    height, width = scene.shape
    assets = _assets(legend, applicability=applicability)
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
            {"rel": "derived_from", "href": _address(href), "title": f"Source: {scene.id}"}
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


def _assets(legend: Legend, *, applicability: bool) -> dict[str, dict[str, Any]]:
    classes = [
        {"value": c.id, "name": _name(c), "title": c.name, "description": c.name, "color_hint": c.hex}
        for c in legend.classes
    ]
    unknown = {"value": UNKNOWN, "name": "unknown", "description": "cloud, shadow or no data", "nodata": True}
    planes = [{"name": name} for name in legend.names]
    if applicability:
        planes.append({"name": APPLICABILITY, "description": _APPLICABILITY})
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
            "title": "Class probabilities" + (" and applicability" if applicability else ""),
            "roles": ["data"],
            "bands": [
                {**plane, "data_type": "uint8", "nodata": UNKNOWN, "raster:scale": 1 / STEPS, "raster:offset": 0}
                for plane in planes
            ],
        },
        "polygons.gpkg": {
            "type": "application/geopackage+sqlite3",
            "title": "Polygons with area, probability and flags; styled for QGIS",
            "roles": ["data"],
        },
        "polygons.parquet": {"type": "application/vnd.apache.parquet", "title": "The same polygons", "roles": ["data"]},
    }


def _name(c: LegendClass) -> str:
    """Return a class's name in the letters that the classification extension allows."""
    return re.sub(r"[^0-9A-Za-z_-]+", "_", c.name).strip("_") or f"class_{c.id}"


def _address(href: str) -> str:
    """Return a URL, of files on this machine too."""
    path = Path(href)
    return path.resolve().as_uri() if path.exists() else href


def _footprint(geobox: GeoBox) -> tuple[dict[str, Any] | None, list[float] | None]:
    """Return geometry and bounding box in WGS 84, cut at the date line; where it crosses it, west is above east."""
    if geobox.crs is None:
        return None, None
    box = geobox.extent.boundingbox
    outline = geobox.extent.segmented(max(box.span_x, box.span_y) / 8)  # straight sides are curved in degrees
    to_degrees = Transformer.from_crs(geobox.crs.proj, "OGC:CRS84", always_xy=True)
    x, y = outline.exterior.xy
    longitude, latitude = to_degrees.transform(np.array(x), np.array(y))
    ground = orient(shapely.Polygon(np.column_stack([np.unwrap(longitude, period=360), latitude])))
    west, south, east, north = ground.bounds
    parts = []
    for turn in range(int((west + 180) // 360), int((east + 180) // 360) + 1):
        middle = 360 * turn
        pieces = shapely.get_parts(ground & shapely.box(middle - 180, -90, middle + 180, 90))
        parts += [translate(orient(piece), -middle) for piece in pieces if piece.area > 0]
    whole = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return mapping(whole), [parts[0].bounds[0], south, parts[-1].bounds[2], north]
