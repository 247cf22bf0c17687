"""The program `highwall`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import highwall
from highwall.cli.area import area
from highwall.cli.change import change
from highwall.cli.check import check
from highwall.cli.demo import demo
from highwall.cli.evaluate import evaluate
from highwall.cli.export import export
from highwall.cli.forecast import forecast
from highwall.cli.logs import set_up_logging
from highwall.cli.map import map_
from highwall.cli.predict import predict
from highwall.cli.simulate import simulate
from highwall.cli.tiles import tiles
from highwall.cli.train import train
from highwall.cli.view import view
from highwall.cores import VARIABLE, usable_cores
from highwall.errors import BadInput

app = typer.Typer(
    help="Map waste dumps, quarry pits and tailings ponds from Sentinel-2 images, and know how far to trust the map.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for verb in (check, train, evaluate, forecast, predict, map_, change, area, tiles, simulate, demo, view, export):
    app.command(verb.__name__.rstrip("_"))(verb)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"highwall {highwall.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say what libraries say too.")] = False,
) -> None:
    del version
    set_up_logging(verbose=verbose)


def main() -> None:
    """Run the command line; bad input ends it with one line and status 2."""
    os.environ.setdefault(VARIABLE, str(usable_cores()))  # libraries know nothing of a container's quota
    try:
        app()
    except BadInput as error:
        sys.exit(_complain(str(error)))
    except OSError as error:
        sys.exit(_complain(f"{error.filename or 'a file'}: {error.strerror or error}"))


def _complain(reason: str) -> int:
    typer.echo(f"highwall: {' '.join(reason.split())}", err=True)
    return 2
