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
from highwall.mapping.engine import STEPS
from highwall.products.item import map_item
from highwall.products.labels import OUTSIDE, Labels, Provenance
from highwall.products.plan import make_claim, missing_of, model_id
from highwall.products.polygon_layer import write_parquet, write_polygons
from highwall.products.rasters import write_classes, write_probabilities, writing
from highwall.products.style import classes_qml
from highwall.products.work import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from highwall.legend import Legend
    from highwall.mapping.engine import Plan
    from highwall.products.plan import Options
    from highwall.products.polygon_layer import ClassTotal
    from highwall.products.scratch import Scratch
    from highwall.products.skipped import Skipped

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
    forecast: Mapping[str, Any] | None = None,
    skipped: Skipped | None = None,
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
        forecast: how good the map is likely to be; None where nothing is known.
        skipped: which windows were not computed; None if all were.

    Raises:
        BadInput: the disk is full.
    """
    scene, folder = plan.scene, scratch.folder / "map"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    labels = _labels(scratch, scene.geobox, legend)
    with ThreadPoolExecutor(1) as beside, _timed(seconds, "rasters and polygons"):
        rasters = beside.submit(_write_rasters, scratch, folder, labels)
        totals = _write_polygons(folder, labels, plan, options)
        rasters.result()
    (folder / "classes.qml").write_text(classes_qml(legend), "utf-8")
    files = {path.name: _hashed(path) for path in sorted(folder.iterdir())}
    judged, missing = labels.applicability is not None, missing_of(plan)
    write_json(folder / "item.json", map_item(scene, legend, model_id(plan.predictor), files, applicability=judged))
    files["item.json"] = _hashed(folder / "item.json")
    manifest: dict[str, Any] = {
        "scene": scene.id,
        "model": model_id(plan.predictor),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "classes": [total.to_json() for total in totals],
        "areas": "geodesic on WGS 84, added up over the polygons; uncorrected for the errors of the map",
        "unknown_share": _unknown_share(labels.classes),
        "outside_share": None if labels.applicability is None else _outside_share(labels.applicability),
        "forecast": forecast,
        "clouds": _clouds(plan, options),
        "skipped": None if skipped is None else skipped.to_json(),
        "missing_bands": None if missing is None else missing.to_json(),
        "notes": list(notes),
        "seconds": {step: round(value, 3) for step, value in seconds.items()},
        "files": {name: {"sha256": digest, "bytes": size} for name, (digest, size) in sorted(files.items())},
        "versions": {name: version(name) for name in LIBRARIES},
        "claim": make_claim(plan, legend, options),
    }
    write_json(folder / MANIFEST, manifest)
    return folder


def _labels(scratch: Scratch, geobox: GeoBox, legend: Legend) -> Labels:
    """Tell the planes of a scratch apart: the classes, and the applicability if there is one more."""
    planes, count = scratch.probabilities(), len(legend)
    applicability = planes[:, count] if scratch.count > count else None
    return Labels(scratch.classes(), planes[:, :count], geobox, legend, applicability)


def _write_rasters(scratch: Scratch, folder: Path, labels: Labels) -> None:
    grid, legend, judged = labels.geobox, labels.legend, labels.applicability is not None
    write_classes(folder / "classes.tif", scratch.folder, grid, legend)
    write_probabilities(folder / "probabilities.tif", scratch.folder, grid, legend, applicability=judged)


def _write_polygons(folder: Path, labels: Labels, plan: Plan, options: Options) -> tuple[ClassTotal, ...]:
    scene, path = plan.scene, folder / "polygons.gpkg"
    date = scene.origin.datetime.date() if scene.origin.datetime else None
    provenance = Provenance(scene.id, date, model_id(plan.predictor))
    with writing(path):
        totals = write_polygons(path, labels, provenance, minimum_ha=options.minimum_ha)
        if options.parquet:
            write_parquet(path, path.with_suffix(".parquet"))
    return totals


def _unknown_share(classes: NDArray[np.uint8]) -> float:
    """Return the share of the scene's pixels of which nothing is known: no data, cloud or shadow."""
    unknown = sum(int((rows == UNKNOWN).sum()) for rows in _strips(classes))
    return round(unknown / classes.size, 6)


def _outside_share(applicability: NDArray[np.uint8]) -> float | None:
    """Return the share of the known pixels that lie outside of the training experience; None if none is known."""
    known = sum(int((rows != UNKNOWN).sum()) for rows in _strips(applicability))
    outside = sum(int((rows < OUTSIDE * STEPS).sum()) for rows in _strips(applicability))
    return round(outside / known, 6) if known else None


def _strips(plane: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Give a few rows of a plane at a time."""
    return (plane[top : top + 512] for top in range(0, len(plane), 512))


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
