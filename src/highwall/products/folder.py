"""Writes the folder of a map from its finished pixels."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from highwall.files import sha256, write_json
from highwall.legend import UNKNOWN
from highwall.mapping.clouds import network_level
from highwall.products.item import map_item
from highwall.products.labels import Labels, Provenance
from highwall.products.plan import make_claim, model_id
from highwall.products.polygon_layer import write_parquet, write_polygons
from highwall.products.rasters import write_classes, write_probabilities, writing
from highwall.products.style import classes_qml
from highwall.products.work import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from odc.geo.geobox import GeoBox

    from highwall.legend import Legend
    from highwall.mapping.engine import Plan
    from highwall.products.plan import Options
    from highwall.products.polygon_layer import ClassTotal
    from highwall.products.scratch import Scratch

LIBRARIES: Final = ("highwall", "numpy", "rasterio", "odc-geo", "geopandas", "pyproj", "torch")


def write_product(
    scratch: Scratch,
    plan: Plan,
    legend: Legend,
    options: Options,
    *,
    seconds: dict[str, float],
    notes: Sequence[str],
    command: Sequence[str],
) -> Path:
    """Write everything that belongs to a map into a folder in the scratch's folder, and return it.

    Args:
        scratch: the finished pixels.
        plan: what was mapped, and with what.
        legend: the classes.
        options: minimum mapping unit, and which files.
        seconds: what each step took so far; further steps are added.
        notes: what a person should know.
        command: the command line.

    Raises:
        BadInput: the disk is full.
    """
    scene, folder = plan.scene, scratch.folder / "map"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with ThreadPoolExecutor(1) as beside, _timed(seconds, "rasters and polygons"):
        rasters = beside.submit(_write_rasters, scratch, folder, scene.geobox, legend)
        totals = _write_polygons(scratch, folder, plan, legend, options)
        rasters.result()
    (folder / "classes.qml").write_text(classes_qml(legend), "utf-8")
    files = {path.name: _hashed(path) for path in sorted(folder.iterdir())}
    write_json(folder / "item.json", map_item(scene, legend, model_id(plan.predictor), files))
    files["item.json"] = _hashed(folder / "item.json")
    manifest: dict[str, Any] = {
        "scene": scene.id,
        "model": model_id(plan.predictor),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "classes": [total.to_json() for total in totals],
        "areas": "geodesic on WGS 84, added up over the polygons; uncorrected for the errors of the map",
        "unknown_share": _unknown_share(scratch),
        "clouds": _clouds(plan, options),
        "notes": list(notes),
        "seconds": {step: round(value, 3) for step, value in seconds.items()},
        "files": {name: {"sha256": digest, "bytes": size} for name, (digest, size) in sorted(files.items())},
        "versions": {name: version(name) for name in LIBRARIES},
        "claim": make_claim(plan, legend, options),
    }
    write_json(folder / MANIFEST, manifest)
    return folder


def _write_rasters(scratch: Scratch, folder: Path, geobox: GeoBox, legend: Legend) -> None:
    write_classes(folder / "classes.tif", scratch.folder, geobox, legend)
    write_probabilities(folder / "probabilities.tif", scratch.folder, geobox, legend)


def _write_polygons(
    scratch: Scratch, folder: Path, plan: Plan, legend: Legend, options: Options
) -> tuple[ClassTotal, ...]:
    scene, path = plan.scene, folder / "polygons.gpkg"
    labels = Labels(scratch.classes(), scratch.probabilities(), scene.geobox, legend)
    date = scene.origin.datetime.date() if scene.origin.datetime else None
    provenance = Provenance(scene.id, date, model_id(plan.predictor))
    with writing(path):
        totals = write_polygons(path, labels, provenance, minimum_ha=options.minimum_ha)
        if options.parquet:
            write_parquet(path, path.with_suffix(".parquet"))
    return totals


def _unknown_share(scratch: Scratch) -> float:
    """Return the share of the scene's pixels of which nothing is known: no data, cloud or shadow."""
    classes = scratch.classes()
    unknown = sum(int((classes[top : top + 512] == UNKNOWN).sum()) for top in range(0, len(classes), 512))
    return round(unknown / classes.size, 6)


def _clouds(plan: Plan, options: Options) -> str:
    """Say what told clouds and shadows."""
    if options.clouds == "network":
        return f"the network of ukis-csmask for {network_level(plan.scene.origin.level)}"
    return "the product's own mask" if plan.scene.clouds else "nothing: clouds may be taken for mines"


def _hashed(path: Path) -> tuple[str, int]:
    """Return SHA-256 and number of bytes."""
    return sha256(path), path.stat().st_size


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - begun
