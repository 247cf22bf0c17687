"""A module of PyTorch as ONNX."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import torch

from highwall.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from highwall.exporting.graph import Graph

OPSET: Final = 18
"""The lowest that PyTorch writes without a conversion."""

IR_VERSION: Final = 8
"""Of the file's format. Deepness asks for onnxruntime 1.17 at most, which reads none above 9; that of opset 18 is 8."""

INPUT: Final = "reflectance"
OUTPUT: Final = "probabilities"

STRIDE: Final = 32
"""Height and width are multiples of this: encoders halve images five times."""

_MOST: Final = 2**31 - 2**20
"""Bytes of weights that one file holds: protobuf ends at 2 GiB."""


def convert(graph: Graph, channels: int, size: int | None) -> onnx.ModelProto:
    """Turn a graph into ONNX; any number of images at once.

    Args:
        graph: what to convert.
        channels: of its input.
        size: height and width of the images; None for any multiples of 32.

    Raises:
        BadInput: the weights don't fit into one file, or PyTorch can't turn this architecture into ONNX.
    """
    weights = sum(value.nbytes for value in graph.state_dict().values())
    if weights > _MOST:
        raise BadInput(f"{weights / 2**30:.1f} GiB of weights do not fit into one ONNX file (2 GiB at most)")
    shape: dict[int, Any] = {0: torch.export.Dim("n")}
    if size is None:
        shape |= {2: STRIDE * torch.export.Dim("rows"), 3: STRIDE * torch.export.Dim("columns")}
    # Sizes of 1 and equal ones would be taken for constants.
    example = torch.rand(2, channels, size or 3 * STRIDE, size or 4 * STRIDE)
    try:
        with _quiet(), torch.inference_mode(mode=False):
            program = torch.onnx.export(
                graph,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=(shape,),
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        of_any = "" if size else " for images of any size (leave out --any-size)"
        why = str(error.__cause__ or error).strip().splitlines()[0]
        raise BadInput(f"PyTorch cannot turn these networks into ONNX{of_any}: {why}") from None
    if program is None:
        raise TypeError("torch.onnx.export returned nothing")
    proto: onnx.ModelProto = program.model_proto
    _forget_the_code(proto)
    proto.ir_version = IR_VERSION
    return proto


def check(proto: onnx.ModelProto) -> None:
    """Hold a file against the standard.

    Raises:
        BadInput: it does not keep it.
    """
    from onnx import checker  # noqa: PLC0415 - an extra

    try:
        checker.check_model(proto, full_check=True)
    except (checker.ValidationError, RuntimeError, ValueError) as error:
        raise BadInput(f"the ONNX that PyTorch wrote is not valid: {str(error).splitlines()[0]}") from None


def _forget_the_code(proto: onnx.ModelProto) -> None:
    """Take out what tells of the code, with paths on this machine; older programs don't know that it can be there."""
    graph = proto.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for owner in (graph, proto):
        owner.ClearField("metadata_props")
        owner.ClearField("doc_string")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks about its own code to itself."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
