"""What a file tells of the model in it, beside what the plugin reads."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from highwall.models.model import FOREST
from highwall.models.readme import GROUND

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

    from highwall.exporting.values import Values
    from highwall.models.model import Model

NORMALISATION: Final = (
    "Inside the graph, whose input is reflectance (0 to about 1); pixels that are 0 in all bands are no data. "
    "standardization_mean and standardization_std make reflectance of the raster's values divided by 255."
)

AVERAGE_ALONE: Final = (
    "The networks' average, calibrated. The forest (level 2), whose answer counts in highwall, is not inside."
)


def level(model: Model) -> str:
    """Tell which of the model's answers the file gives."""
    if model.final == FOREST:
        return AVERAGE_ALONE
    if model.forest is not None:
        return "The networks' average, calibrated, whose answer counts. The forest (level 2) is not inside."
    return "The networks' average, calibrated: the model has no forest (level 2)."


def about(model: Model, values: Values, told: str) -> dict[str, str]:
    """Return what a file tells of its model, each value as JSON.

    Args:
        model: as it was loaded, with all of its bands.
        values: of the rasters that come in.
        told: what `level` tells.
    """
    legend = [
        {"index": index, "id": one.id, "name": one.name, "color": f"#{one.hex}"}
        for index, one in enumerate(model.legend.classes)
    ]
    table: dict[str, Any] = {
        "version": version("highwall"),
        "model": model.id,
        "fingerprint": model.fingerprint,
        "level": told,
        "bands": values.bands,
        "scale": values.scale,
        "offset": values.offset,
        "normalisation": NORMALISATION,
        "legend": legend,
        "licences": licences(model),
    }
    return {f"highwall_{key}": json.dumps(value, ensure_ascii=False) for key, value in table.items()}


def describe(proto: onnx.ModelProto, model: Model, metadata: Mapping[str, str]) -> None:
    """Put into a file what it tells."""
    proto.producer_name = "highwall"
    proto.producer_version = version("highwall")
    proto.graph.name = model.id
    targets = ", ".join(model.legend.names[index] for index in model.legend.targets)
    proto.doc_string = (
        f"{model.id} finds {targets} in Sentinel-2 images. "
        "It errs, most of all on ground unlike its training tiles: look at its answers over the image."
    )
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)


def licences(model: Model) -> list[str]:
    """Tell under which licences a model's encoders and training ground came, one line each."""
    starts = [f"{one['encoder']} from {one['source']}: {one['licence']}" for one in model.facts.get("starts", ())]
    ground = [f"{one['scene']} ({one['source']}): {one['licence']}" for one in model.facts.get(GROUND, ())]
    return list(dict.fromkeys(starts + ground))
