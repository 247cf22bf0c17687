"""The model's description: one STAC item with the Machine Learning Model extension, version 1.4."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import torch
from pydantic import ConfigDict, Field, PositiveFloat, ValidationError

from highwall.errors import BadInput
from highwall.legend import Legend, LegendClass
from highwall.models.config import Answers, Config, NetworkConfig
from highwall.models.networks import Normalisation
from highwall.sentinel2 import BANDS, ERA, band_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from highwall.models.model import Model

EXTENSIONS: Final = (
    "https://stac-extensions.github.io/mlm/v1.4.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
)


class Blueprint(Config):
    """What it takes to build the model again around its arrays; the item's property `highwall:blueprint`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: str = Field(pattern=r"^\d+\.\d+")
    bands: tuple[str, ...] = Field(min_length=1)
    classes: tuple[tuple[int, str, tuple[int, int, int]], ...]
    normalisation: Normalisation
    networks: dict[str, NetworkConfig] = Field(min_length=1)
    answers: Answers
    features: tuple[str, ...] | None
    final: str
    temperatures: dict[str, PositiveFloat] = Field(default_factory=dict)

    @property
    def legend(self) -> Legend:
        """The classes that the model answers with."""
        return Legend(tuple(LegendClass(*row) for row in self.classes))


def blueprint_of(model: Model) -> Blueprint:
    """Take down how the model is built."""
    return Blueprint(
        version=version("highwall"),
        bands=model.bands,
        classes=tuple((c.id, c.name, c.color) for c in model.legend.classes),
        normalisation=model.normalisation,
        networks=dict(model.configs),
        answers=model.answers,
        features=model.forest.features if model.forest else None,
        final=model.final,
        temperatures=dict(model.temperatures),
    )


def item(model: Model, files: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
    """Describe a model as a STAC item.

    Args:
        model: the model.
        files: name to (sha256, bytes) of the files of arrays beside the item.
    """
    sources = {name: config.weights for name, config in model.configs.items() if config.weights}
    box = model.facts.get("bbox")
    # The extension wants bands in the properties; STAC 1.1.0's core schema allows them there only if assets have them.
    bands = [{"name": band, "eo:center_wavelength": BANDS[band][0]} for band in model.bands]
    weights = {"roles": ["mlm:model", "mlm:weights"], "mlm:artifact_type": "safetensors", "bands": bands}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": list(EXTENSIONS),
        "id": model.facts.get("id", "highwall-model"),
        **({"bbox": box, "geometry": _rectangle(*box)} if box else {"geometry": None}),
        "properties": {
            "datetime": None,
            **ERA,
            "description": "Finds mine features in Sentinel-2 images. Trained by highwall.",
            "bands": bands,
            "mlm:name": "highwall-" + "-".join(model.networks.names),
            "mlm:architecture": " + ".join(f"{c.architecture} ({c.encoder})" for c in model.configs.values())
            + (" + random forest" if model.forest else ""),
            "mlm:tasks": ["semantic-segmentation"],
            "mlm:framework": "pytorch",
            "mlm:framework_version": torch.__version__.partition("+")[0],
            "mlm:total_parameters": sum(p.numel() for p in model.networks.parameters()),
            "mlm:pretrained": bool(sources),
            "mlm:pretrained_source": ", ".join(f"{name}: {source}" for name, source in sources.items()) or None,
            "mlm:input": [_input(model)],
            "mlm:output": [_output(model)],
            "highwall:blueprint": blueprint_of(model).model_dump(mode="json"),
            "highwall:facts": dict(model.facts),
        },
        "links": [],
        "assets": {
            (stem := name.partition(".")[0]): {
                "href": f"./{name}",
                "type": "application/vnd.safetensors",
                **({"roles": ["metadata"]} if stem == "record" else weights),
                "file:checksum": f"1220{digest}",  # multihash: 12 is sha2-256, 20 its length, 32 bytes
                "file:size": size,
            }
            for name, (digest, size) in files.items()
        },
    }


def read_blueprint(document: Mapping[str, Any]) -> Blueprint:
    """Read the blueprint out of a STAC item.

    Raises:
        BadInput: there is none, it isn't one, or a newer version wrote it.
    """
    try:
        blueprint = Blueprint.model_validate(document["properties"]["highwall:blueprint"])
    except (KeyError, TypeError):
        raise BadInput("model.json has no highwall:blueprint: this is no model of highwall") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"model.json: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if _release(blueprint.version) > _release(version("highwall")):
        raise BadInput(f"model.json: written by highwall {blueprint.version}, newer than this ({version('highwall')})")
    if band_names(blueprint.bands) != blueprint.bands:
        raise BadInput(f"model.json: bands are misspelt: {' '.join(blueprint.bands)}")
    return blueprint


def _release(name: str) -> tuple[int, int]:
    """Return major and minor number of a version; within a minor one, folders stay readable both ways."""
    major, minor, *_ = name.split(".")
    return int(major), int(minor)


def _rectangle(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _input(model: Model) -> dict[str, Any]:
    scaling = zip(model.normalisation.mean, model.normalisation.std, strict=True)
    return {
        "name": "reflectance",
        "description": "Reflectance, 0 in all bands where there is no data; any height and width",
        "bands": list(model.bands),
        "input": {
            "shape": [-1, len(model.bands), -1, -1],
            "dim_order": ["batch", "bands", "height", "width"],
            "data_type": "float32",
        },
        "value_scaling": [{"type": "z-score", "mean": mean, "stddev": std} for mean, std in scaling],
        "resize_type": None,
        "pre_processing_function": None,
    }


def _output(model: Model) -> dict[str, Any]:
    return {
        "name": "probabilities",
        "tasks": ["semantic-segmentation"],
        "result": {
            "shape": [-1, len(model.legend), -1, -1],
            "dim_order": ["batch", "classes", "height", "width"],
            "data_type": "float32",
        },
        "classification:classes": [{"value": c.id, "name": c.name, "color_hint": c.hex} for c in model.legend.classes],
        "post_processing_function": None,
    }
