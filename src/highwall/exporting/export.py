"""Writes the networks of a model as ONNX, and only if they answer as ours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from highwall.errors import BadInput
from highwall.exporting.agreement import compare
from highwall.exporting.convert import INPUT, IR_VERSION, OPSET, OUTPUT, STRIDE, check, convert
from highwall.exporting.deepness import settings
from highwall.exporting.graph import Graph
from highwall.exporting.metadata import about, describe, level
from highwall.exporting.values import Values
from highwall.files import new_file, sha256
from highwall.sentinel2 import QUANTIFICATION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from highwall.exporting.agreement import Agreement
    from highwall.models.model import Model

TILE = 256
"""Height and width in pixels of the tiles that networks learn from."""


@dataclass(frozen=True)
class Exported:
    """A file that answers as the model's networks do."""

    file: Path
    model: Model
    """With the bands that the file takes; others are filled in inside."""

    values: Values
    size: int | None
    """Height and width of its images; None for any multiples of 32."""

    metadata: Mapping[str, str]
    """What the file tells, by key, each value as JSON."""

    level: str
    """Which of the model's answers it gives."""

    agreement: Agreement

    def to_json(self) -> dict[str, Any]:
        """Return all that a program wants to know of the file."""
        side = self.size or "multiple of 32"
        return {
            "onnx": str(self.file),
            "bytes": self.file.stat().st_size,
            "sha256": sha256(self.file),
            "model": self.model.id,
            "opset": OPSET,
            "ir_version": IR_VERSION,
            "input": {"name": INPUT, "shape": ["n", len(self.values.bands), side, side]},
            "output": {"name": OUTPUT, "shape": ["n", len(self.model.legend), side, side]},
            "bands": list(self.values.bands),
            "scale": self.values.scale,
            "offset": self.values.offset,
            "level": self.level,
            "missing_bands": self.model.missing and self.model.missing.to_json(),
            "agreement": self.agreement.to_json(),
            "metadata": dict(self.metadata),
        }


def export_onnx(
    model: Model,
    file: Path,
    *,
    bands: Sequence[str] | None = None,
    scale: float = QUANTIFICATION,
    offset: float = 0.0,
    size: int | None = TILE,
) -> Exported:
    """Write the networks' average of a model as one ONNX file that runs in QGIS with the plugin Deepness.

    Its input is reflectance `(n, channel, y, x)` float32, 0 in all channels where there is no data; normalisation,
    views and temperature are inside. Its output is class probabilities `(n, class, y, x)` float32 in the legend's
    order. The forest is not inside. The file tells the plugin how to make reflectance of a raster's values; any other
    program makes it by itself.

    Args:
        model: its networks are written in float32.
        file: the file; it appears only once it answered as the model does in PyTorch.
        bands: channels of the rasters, in order; the model's by default.
        scale: reflectance of the rasters per count.
        offset: reflectance of the rasters at 0.
        size: height and width of the tiles; None for any multiples of 32, which the plugin (0.6.5) can't load.

    Raises:
        BadInput: the model can't do without a band, an argument makes no sense, libraries are missing, the networks
            can't be turned into ONNX, or the file answers otherwise than the model.
    """
    if lacking := [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]:
        raise BadInput(f"export needs {' and '.join(lacking)}: pip install 'highwall[onnx]'")
    if file.is_dir():
        raise BadInput(f"{file} is a folder")
    if size is not None and (size < STRIDE or size % STRIDE):
        raise BadInput(f"tiles of {size} pixels: must be a multiple of {STRIDE}")
    values = Values(tuple(bands or model.bands), scale, offset)
    fitting = model.for_bands(values.bands)
    graph = Graph(fitting, values)
    proto = convert(graph, len(values.bands), size)
    told = level(model)
    metadata = settings(values, model.legend, size or TILE) | about(model, values, told)
    if fitting.missing is not None:
        metadata["highwall_missing_bands"] = json.dumps(fitting.missing.sentence)
    describe(proto, model, metadata)
    check(proto)
    with new_file(file) as draft:
        draft.write_bytes(proto.SerializeToString())
        agreement = compare(draft, fitting, values, size)
        if not agreement.good:
            raise BadInput(f"the file would answer otherwise than {model.id}: {agreement}; nothing is written")
    return Exported(file, fitting, values, size, metadata, told, agreement)
