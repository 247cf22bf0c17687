"""`highwall export`: a model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from highwall.cli.options import Json, ModelFolder, names
from highwall.files import write_json

if TYPE_CHECKING:
    from highwall.exporting import Exported


def export(
    model: ModelFolder,
    onnx: Annotated[Path, typer.Option("--onnx", metavar="FILE", help="File to write, such as mines.onnx.")],
    *,
    bands: Annotated[
        str | None,
        typer.Option(
            "--bands", metavar="B02,B03,...", help="Channels of your rasters, in order; the model's by default."
        ),
    ] = None,
    scale: Annotated[
        float, typer.Option("--scale", help="Reflectance of your rasters = value * scale + offset; 1 for fractions.")
    ] = 1e-4,
    offset: Annotated[
        float, typer.Option("--offset", help="Reflectance at value 0; -0.1 for ESA's products since 2022 as they come.")
    ] = 0.0,
    size: Annotated[int, typer.Option("--size", help="Height and width of a tile in pixels, a multiple of 32.")] = 256,
    any_size: Annotated[
        bool, typer.Option("--any-size", help="Take images of any size, for programs other than Deepness.")
    ] = False,
    json_file: Json = None,
) -> None:
    """Write a model's networks as one ONNX file that runs in QGIS with the plugin Deepness.

    The file tells the plugin what your rasters hold, and appears only if it answers as highwall does. The forest (level
    2) stays behind.
    """
    from highwall.exporting import export_onnx  # noqa: PLC0415 - brings torch, which help need not load
    from highwall.models.backends import PLAIN  # noqa: PLC0415 - likewise
    from highwall.models.folder import load_model  # noqa: PLC0415 - likewise

    loaded = load_model(model, "cpu", backend=PLAIN)
    result = export_onnx(loaded, onnx, bands=names(bands), scale=scale, offset=offset, size=None if any_size else size)
    _show(result)
    if json_file is not None:
        write_json(json_file, result.to_json())


def _show(result: Exported) -> None:
    side = f"{result.size} x {result.size}" if result.size else "any multiple of 32"
    bands = " ".join(result.values.bands)
    typer.echo(f"{result.file}: {result.file.stat().st_size / 1e6:.1f} MB, tiles of {side} pixels, bands {bands}")
    typer.echo(f"as highwall in onnxruntime: {result.agreement}")
    typer.echo(f"level: {result.level}")
    if result.model.missing is not None:
        typer.echo(f"note: {result.model.missing.sentence}")
    if result.size is None:
        typer.echo("note: Deepness (0.6.5) loads files of one size alone; leave out --any-size for QGIS")
