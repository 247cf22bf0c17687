"""What the model's card tells of its training."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from highwall.forecasting.forecast import errors_by_estimator
from highwall.tiles.ground import geographic_ring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from highwall.models.config import NetworkConfig
    from highwall.models.model import Model
    from highwall.training.stages import Run

LIBRARIES: Final = ("highwall", "torch", "segmentation-models-pytorch", "timm", "lightning", "scikit-learn", "numpy")


def named(networks: Mapping[str, NetworkConfig]) -> dict[str, NetworkConfig]:
    """Name weights from files without their folder: where they lay does not change the model."""
    return {
        name: config.model_copy(update={"weights": config.weights and Path(config.weights).name})
        for name, config in networks.items()
    }


def facts(run: Run) -> dict[str, Any]:
    """Tell what the model was trained on, how, and from which weights.

    Nothing in it changes from one run to the next of the same training: no time, no path.
    """
    plan = run.plan
    reference = run.recipe.learn_from == "val"  # then these tiles chose the weights, and the forest learned from them
    seen = (*plan.roles.train, *plan.roles.validation) if reference else plan.roles.train
    footprints = {tile.key: ring for tile in seen if (ring := geographic_ring(tile))}
    longitudes, latitudes = ([point[axis] for ring in footprints.values() for point in ring] for axis in (0, 1))
    return {
        "id": f"highwall-{plan.statistics.fingerprint[:12]}",
        "bbox": [min(longitudes), min(latitudes), max(longitudes), max(latitudes)] if footprints else None,
        "training": {
            "fingerprint": plan.statistics.fingerprint,
            "tiles": len(plan.roles.train),
            "keys": [tile.key for tile in plan.roles.train],
            "sites": len(set(plan.roles.sites)),
            "pixels": dict(zip(run.dataset.encoding.legend.names, plan.statistics.counts.tolist(), strict=True)),
            "mean": plan.statistics.mean.tolist(),
            "std": plan.statistics.std.tolist(),
            "low": plan.statistics.low.round(3).tolist(),
            "high": plan.statistics.high.round(3).tolist(),
            "footprints": footprints,
            "earlier_footprints": _earlier(run),
        },
        "recipe": run.recipe.model_copy(update={"networks": named(plan.networks)}).model_dump(mode="json"),
        "seed": run.seed,
        "starts": [*(asdict(one) for one in plan.starts), *(run.start.to_json() if run.start else [])],
        "notes": list(plan.notes),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def _earlier(run: Run) -> list[list[list[float]]]:
    """Return the footprints of what the start model has learned from, and those before it."""
    if run.start is None:
        return []
    learned = run.start.model.facts.get("training", {})
    return [*learned.get("footprints", {}).values(), *learned.get("earlier_footprints", [])]


def report(model: Model) -> dict[str, Any]:
    """Return what the run's `training.json` tells: scores, what leaks, calibration, what was tried, notes."""
    keys = (
        "starts",
        "notes",
        "leak",
        "calibration",
        "agreement",
        "forest",
        "forests_tried",
        "first_look",
        "missing_bands",
    )
    told = {key: model.facts.get(key) for key in keys}  # a model of an earlier version lacks some
    judgement = model.record.judgement if model.record else None
    return {
        "final": model.final,
        **told,
        "forecast": None if judgement is None else errors_by_estimator(judgement),
        **model.facts["scores"],
    }
