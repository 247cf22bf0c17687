"""Maps a scene: from a product of the archive to a folder that any GIS opens."""

from __future__ import annotations

import json
import logging
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from highwall.ahead import ahead
from highwall.errors import BadInput
from highwall.legend import DEFAULT_LEGEND, Legend
from highwall.mapping.engine import Plan, Predictor, strips
from highwall.products.folder import write_product
from highwall.products.plan import Clouds, Options, as_before, look_ahead, make_claim, make_plan, plan_clouds
from highwall.products.scratch import Scratch
from highwall.products.skipped import Skipped, find_skipped
from highwall.products.work import MANIFEST, claimed, earlier_claim, finish
from highwall.scenes import Scene, open_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Progress = Callable[[int, int], None]

log = logging.getLogger("highwall")


@dataclass(frozen=True)
class Map:
    """A map on disk."""

    folder: Path
    """Where it is."""

    manifest: dict[str, Any]
    """The contents of its `manifest.json`: scene, model, classes with their areas, notes, files, timings."""

    def to_json(self) -> dict[str, Any]:
        """Return what a person wants to know of it first, as JSON."""
        keys = ("scene", "classes", "outside_share", "forecast", "skipped", "missing_bands", "notes", "seconds")
        return {"folder": str(self.folder)} | {key: self.manifest.get(key) for key in keys}


def map_scene(
    scene: Scene | Path | str,
    predictor: Predictor,
    out: Path | str,
    *,
    legend: Legend | None = None,
    bands: Sequence[str] | None = None,
    window: int = 256,
    overlap: int = 64,
    batch: int = 8,
    clouds: Clouds = "auto",
    minimum_ha: float = 0.5,
    parquet: bool = False,
    all_windows: bool = False,
    first_look: bool = False,
    command: Sequence[str] = (),
    progress: Progress | None = None,
) -> Map:
    """Map a scene whole, without a seam, in memory that does not grow with its height.

    What a run that was killed has done is kept beside `out`; the same call goes on from there, and the rasters are
    the same, byte for byte. For a predictor of one's own this holds if it has an attribute `fingerprint`, a text
    that changes whenever its answers do; without one the work begins again.

    Args:
        scene: a scene, or what `open_scene` opens.
        predictor: from reflectance `(n, band, y, x)` float32, 0 in all bands where there is no data, to class
            probabilities `(n, class, y, x)` float32: a model, or any callable. One with a `record` of its training
            (not None) is asked by its method `with_applicability` instead, which adds a plane after the last class,
            0 to 1 (see `Model.with_applicability`): it becomes the last band of the probabilities and columns of the
            polygons.
        out: folder to make: `classes.tif`, `probabilities.tif`, `polygons.gpkg`, `item.json`, `manifest.json`.
        legend: the classes of the answers; by default the predictor's own `legend`, else the default legend.
        bands: what the predictor takes, in order; by default its own `bands` (of a model that can do without some of
            them, those that the scene has: see `Model.for_bands`), else the default six where the scene has them, else
            the scene's.
        window: height and width of a window in pixels; a predictor is given no other size.
        overlap: pixels that neighbouring windows share, where their answers are blended.
        batch: number of windows that the predictor is given at once, at most.
        clouds: `product` (its own mask), `network` (an extra), `none`, or `auto`: the product's mask if it has one.
        minimum_ha: minimum mapping unit in hectares; smaller polygons are flagged.
        parquet: whether to write the polygons as GeoParquet too (an extra).
        all_windows: whether to compute windows in open water, too. They are background otherwise, if the predictor
            takes `B03`, `B08` and `B11` and its first class is background (id 0).
        first_look: whether to ask the predictor's `first_look` (see `FirstLook`), and to leave out windows in which it
            sees no mine: they are background. It is not asked where bands are missing, since it learned from all.
        command: the command line, for the manifest.
        progress: called with the number of windows done with, and of all windows.

    Raises:
        BadInput: the scene cannot be read or lacks a band that is needed, the predictor lacks a first look that is
            asked for, `out` holds something else, or the disk is full.
    """
    options = Options(window, overlap, batch, clouds, minimum_ha, parquet, all_windows, first_look)
    if not isinstance(scene, Scene):
        scene = open_scene(scene)
    if legend is None:
        legend = getattr(predictor, "legend", DEFAULT_LEGEND)
    out = Path(out).resolve()
    plan = make_plan(scene, as_before(predictor, earlier_claim(out)), legend, bands, options)
    with claimed(out, make_claim(plan, legend, options), resume=hasattr(predictor, "fingerprint")) as work:
        if work is None:
            log.info("%s is complete", out)
            return read_map(out)
        begun = time.perf_counter()
        notes = look_ahead(plan)
        for note in notes:
            log.warning("note: %s", note)
        scratch = Scratch(work, scene.shape, plan.planes)
        _check_space(scratch)
        seconds: dict[str, float] = {}
        if options.clouds == "network":
            plan = _without_clouds(plan, work / "clouds", progress or _silent)
            seconds["clouds"] = time.perf_counter() - begun
        forecast = None
        if plan.with_applicability is not None:
            forecast = _foretold(plan)
            seconds["forecast"] = time.perf_counter() - begun - sum(seconds.values())
        skipped = find_skipped(plan, options, work)
        for note in (new := skipped.notes(scene.id)):
            log.warning("note: %s", note)
        seconds["look from afar"] = time.perf_counter() - begun - sum(seconds.values())
        _compute(replace(plan, background=skipped.background), scratch, progress or _silent, skipped)
        seconds["windows"] = time.perf_counter() - begun - sum(seconds.values())
        log.info("%s: writing rasters and polygons", scene.id)
        product = write_product(
            scratch,
            plan,
            legend,
            options,
            seconds=seconds,
            notes=[*notes, *new],
            command=command,
            forecast=forecast,
            skipped=skipped,
        )
        finish(product, out)
    return read_map(out)


def read_map(folder: Path) -> Map:
    """Read what a map's manifest tells.

    Raises:
        BadInput: this is no map.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        manifest = None
    if not isinstance(manifest, dict) or not {"scene", "classes", "notes", "seconds"} <= manifest.keys():
        raise BadInput(f"{folder} is no map: it has no {MANIFEST}, or a damaged one")
    return Map(folder, manifest)


def _without_clouds(plan: Plan, work: Path, progress: Progress) -> Plan:
    """Ask a network for clouds first, so that ground under them need not be looked at."""
    clouds = plan_clouds(plan.scene)
    scratch = Scratch(work, plan.scene.shape, len(clouds.ids))
    log.info("%s: looking for clouds", plan.scene.id)
    _compute(clouds, scratch, progress)
    return replace(plan, clouds=scratch.classes())


def _foretold(plan: Plan) -> Mapping[str, Any] | None:
    """Ask about a sample of the scene first, and say how good the map is going to be; None if it cannot be read."""
    from highwall.products.outlook import foretell  # noqa: PLC0415 - brings torch

    try:
        return foretell(plan)
    except BadInput:  # which shows again where that ground is mapped, with all that is done till then kept
        return None


def _compute(plan: Plan, scratch: Scratch, progress: Progress, skipped: Skipped | None = None) -> None:
    """Compute the rows that are not there yet, and take down what was skipped."""
    rows, total = plan.grid.rows, len(plan.grid)
    done = scratch.rows_done(rows)
    if done == rows.length:
        return progress(total, total)
    if done:
        log.info("%s: going on at row %d of %d", plan.scene.id, done, rows.length)
    stopped = Event()

    def tick(windows: int) -> None:
        if stopped.is_set():
            raise _Stopped
        progress(windows, total)

    with scratch.writer(done) as writer:
        for strip in ahead(strips(plan, done, tick), stopped.set):
            if skipped is not None:
                skipped.note(strip)
            writer.append(strip)
    return progress(total, total)


class _Stopped(Exception):  # noqa: N818 - no error: ends the thread that computes where nobody waits for it
    pass


def _silent(done: int, total: int) -> None:
    """Tell nobody how far it is."""


def _check_space(scratch: Scratch) -> None:
    """Refuse to begin what the disk has no room for: the scratch, and 0.6 of it again for overviews and the product."""
    needed = scratch.bytes * 8 // 5 - scratch.bytes_so_far
    free = shutil.disk_usage(scratch.folder).free
    if free < needed:
        raise BadInput(f"{scratch.folder}: {needed / 1e6:,.0f} MB are needed here, {free / 1e6:,.0f} MB are free")
