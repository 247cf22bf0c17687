"""What a map will be made of, checked before hours are spent."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from highwall.errors import BadInput
from highwall.mapping.engine import Plan, Predictor
from highwall.mapping.radiometry import check_values, shift_note
from highwall.mapping.sea import pixel_metres
from highwall.mapping.windows import make_grid
from highwall.models.backends import backends_on
from highwall.models.model import Model
from highwall.products.polygon_layer import require_pyarrow
from highwall.products.skipped import first_look_of
from highwall.sentinel2 import DEFAULT_BANDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from highwall.legend import Legend
    from highwall.models.missing import MissingBands
    from highwall.scenes import Scene

Clouds = Literal["auto", "product", "network", "none"]
"""What tells clouds and shadows: the product's own mask, a network, nothing, or the product's mask if it has one."""


_UNTOLD: Final = "no applicability, forecast or first look, which know ground in all bands alone"

_MOST_STEP: Final = 6
"""The finest ground that a network for clouds is asked about in its own resolution has pixels of 5 m."""


@dataclass(frozen=True)
class Options:
    """How a scene is mapped."""

    window: int = 256
    """Height and width of a window in pixels."""

    overlap: int = 64
    """Pixels that neighbouring windows share."""

    batch: int = 8
    """Windows that the predictor is given at once, at most."""

    clouds: Clouds = "auto"
    """What tells clouds and shadows."""

    minimum_ha: float = 0.5
    """Minimum mapping unit in hectares: smaller polygons are flagged."""

    parquet: bool = False
    """Whether to write the polygons as GeoParquet too."""

    all_windows: bool = False
    """Whether to compute windows in open water, too."""

    first_look: bool = False
    """Whether to leave out windows in which the model's first look sees no mine."""

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise BadInput(f"a batch holds one window or more, not {self.batch}")
        if not 0 <= self.minimum_ha < math.inf:
            raise BadInput(f"a minimum mapping unit is 0 ha or more, not {self.minimum_ha}")
        if self.all_windows and self.first_look:
            raise BadInput("a first look leaves windows out: either it is asked, or all windows are computed")
        make_grid((1, 1), self.window, self.overlap)  # refuses what makes no sense on any scene


def make_plan(
    scene: Scene, predictor: Predictor, legend: Legend, bands: Sequence[str] | None, options: Options
) -> Plan:
    """Decide which bands, windows and clouds.

    Raises:
        BadInput: the scene lacks a band that the model can't do without or a mask of clouds that is asked for, the
            model lacks a first look that is, or an option makes no sense.
    """
    if isinstance(predictor, Model) and bands is None:
        predictor = _for_scene(predictor, scene)
    wanted = tuple(getattr(predictor, "bands", ()) if bands is None else bands)
    if not wanted:
        wanted = DEFAULT_BANDS if set(DEFAULT_BANDS) <= set(scene.bands) else scene.bands
    if lacking := [band for band in wanted if band not in scene.bands]:
        raise BadInput(f"{scene.id}: band {' '.join(lacking)} is missing (there are {' '.join(scene.bands)})")
    if options.clouds == "product" and scene.clouds is None:
        raise BadInput(f"{scene.id}: the product brings no mask of clouds; a network can tell them (--clouds network)")
    if options.parquet:
        require_pyarrow()
    if options.clouds in ("network", "none"):
        scene = replace(scene, clouds=None)
    grid = make_grid(scene.shape, options.window, options.overlap)
    plan = Plan(
        scene, wanted, predictor, legend.ids, grid, options.batch, with_applicability=_with_applicability(predictor)
    )
    if options.first_look:
        first_look_of(plan)  # what it lacks shows now
    return plan


def _for_scene(model: Model, scene: Scene) -> Model:
    """Return a model for the bands that a scene has."""
    try:
        return model.for_bands(scene.bands)
    except BadInput as error:
        raise BadInput(f"{scene.id}: {error}") from None


def missing_of(plan: Plan) -> MissingBands | None:
    """Tell which bands of the plan's model the scene lacks, if it does."""
    return plan.predictor.missing if isinstance(plan.predictor, Model) else None


def _with_applicability(predictor: Predictor) -> Predictor | None:
    """Return what answers with the applicability, too; a predictor without a record of its training can't."""
    if getattr(predictor, "record", None) is None:
        return None
    return getattr(predictor, "with_applicability", None)


def as_before(predictor: Predictor, claim: Mapping[str, Any]) -> Predictor:
    """Let a model's networks be computed as they were when a claim was made: its map is to be the same, bit for bit."""
    backend = claim.get("backend")
    if not isinstance(predictor, Model) or backend not in backends_on(predictor.device):
        return predictor
    return predictor.computed_by(backend)


def plan_clouds(scene: Scene) -> Plan:
    """Plan to ask a network for clouds and their shadows; its class 0 is clear ground.

    Raises:
        BadInput: the extra is not installed, or the scene lacks a band that the network takes.
    """
    from highwall.mapping.clouds import CLASSES, cloud_predictor  # noqa: PLC0415 - an extra

    if lacking := [band for band in DEFAULT_BANDS if band not in scene.bands]:
        raise BadInput(f"{scene.id}: the network for clouds takes band {' '.join(lacking)} too, which is missing")
    step = min(max(round(30 / pixel_metres(scene.geobox)[0]), 1), _MOST_STEP)
    network = cloud_predictor(scene.origin.level, step=step)
    grid = make_grid(scene.shape, network.window, network.window // 4)
    return Plan(scene, DEFAULT_BANDS, network, tuple(range(len(CLASSES))), grid, batch=1)


def make_claim(plan: Plan, legend: Legend, options: Options) -> dict[str, Any]:
    """Take down all that decides what a map will be, to tell the same run from another."""
    scene = plan.scene
    return {
        "highwall": version("highwall"),
        "scene": {
            "id": scene.id,
            "files": {path: _state(path) for path in sorted({*scene.origin.hrefs, *_paths(scene)})},
            "shape": list(scene.shape),
            "crs": None if scene.geobox.crs is None else scene.geobox.crs.to_wkt(),
            "transform": list(scene.geobox.affine)[:6],
            "calibration": {
                band: [plane.calibration.scale, plane.calibration.add] for band, plane in scene.planes.items()
            },
            "resampling": scene.resampling,
        },
        "model": model_id(plan.predictor),
        "fingerprint": getattr(plan.predictor, "fingerprint", None),
        "backend": plan.predictor.computed_with if isinstance(plan.predictor, Model) else None,
        "applicability": plan.with_applicability is not None,
        "bands": list(plan.bands),
        "legend": [[c.id, c.name, list(c.color)] for c in legend.classes],
        "options": asdict(options),
    }


def look_ahead(plan: Plan) -> list[str]:
    """Look at a sample of the scene; return a line for each thing that a person should know.

    Raises:
        BadInput: the values are no reflectance that the model could know.
    """
    scene = plan.scene
    notes = [] if scene.geobox.crs is not None else [f"{scene.id} has no georeference: areas stay unknown"]
    missing = missing_of(plan)
    if missing is not None:
        notes.append(f"{scene.id}: {missing.sentence}; {_UNTOLD}")
    facts = getattr(plan.predictor, "facts", None)
    if not facts:
        return notes
    with scene.open(plan.bands) as reader:
        sample = reader.sample()
    check_values(scene.id, sample)
    training = facts.get("training", {})
    if missing is not None and "low" in training:
        training = training | {"low": missing.of_present(training["low"])}
    note = shift_note(sample, plan.bands, training)
    if note and scene.origin.radiometry is None:
        notes.append(f"{scene.id}: nothing tells what its counts mean, and {note}")
    elif note:
        notes.append(f"{scene.id}: {note}, although {scene.origin.radiometry} tells what its counts mean")
    return notes


def model_id(predictor: Predictor) -> str:
    """Return the name of a model, or of the function that stands in for one."""
    name = getattr(predictor, "id", None) or getattr(predictor, "__qualname__", type(predictor).__qualname__)
    return str(name)


def _paths(scene: Scene) -> set[str]:
    flags = [*scene.flaws, *([scene.clouds] if scene.clouds else [])]
    return {plane.path for plane in scene.planes.values()} | {flag.path for flag in flags}


def _state(path: str) -> list[int] | None:
    """Return size and time of change of a file, or None where it is on a server or in an archive."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]
