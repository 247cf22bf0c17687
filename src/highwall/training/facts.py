"""What the model's card tells of its training."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from highwall.tiles.ground import geographic_box

if TYPE_CHECKING:
    from highwall.training.stages import Run

LIBRARIES: Final = ("highwall", "torch", "segmentation-models-pytorch", "timm", "lightning", "scikit-learn", "numpy")


def facts(run: Run, scores: dict[str, Any]) -> dict[str, Any]:
    """Tell what the model was trained on, how, from which weights, and what it scored.

    Nothing in it changes from one run to the next of the same training: no time, no path.
    """
    plan = run.plan
    boxes = {tile.key: box for tile in plan.roles.train if (box := geographic_box(tile))}
    corners = list(zip(*boxes.values(), strict=True))
    return {
        "id": f"highwall-{plan.statistics.fingerprint[:12]}",
        "bbox": [min(corners[0]), min(corners[1]), max(corners[2]), max(corners[3])] if boxes else None,
        "training": {
            "fingerprint": plan.statistics.fingerprint,
            "tiles": len(plan.roles.train),
            "sites": len(set(plan.roles.sites)),
            "pixels": dict(zip(run.dataset.encoding.legend.names, plan.statistics.counts.tolist(), strict=True)),
            "mean": plan.statistics.mean.tolist(),
            "std": plan.statistics.std.tolist(),
            "boxes": boxes,
        },
        "recipe": run.recipe.model_dump(mode="json"),
        "seed": run.seed,
        "starts": [asdict(start) for start in plan.starts],
        "notes": list(plan.notes),
        "scores": scores,
        "versions": {name: version(name) for name in LIBRARIES},
    }
