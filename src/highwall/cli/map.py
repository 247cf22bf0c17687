"""`highwall map`: from Sentinel-2 products to maps that open in any GIS."""

from __future__ import annotations

import logging
import sys
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from highwall.cli.bars import PlainLines, windows_bar
from highwall.cli.logs import set_up_logging
from highwall.cli.map_table import print_map
from highwall.cli.options import Bands, Json, ModelFolder, Offset, Scale, names, scene_path
from highwall.errors import BadInput
from highwall.files import write_json

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from highwall.products.job import Job, Outcome
    from highwall.scenes import Scene


def map_(
    model: ModelFolder,
    scenes: Annotated[
        list[str],
        typer.Argument(
            metavar="SCENE",
            help="GeoTIFF or COG; folder of single-band files, or such files joined with commas; SAFE folder or zip; "
            "STAC item (file or URL); EOPF Zarr.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="OUT", help="Folder of the map; of several, a folder for each in it.")
    ],
    *,
    window: Annotated[int, typer.Option(min=1, help="Height and width of a window in pixels.")] = 256,
    overlap: Annotated[int, typer.Option(min=0, help="Pixels that neighbouring windows share.")] = 64,
    batch: Annotated[int, typer.Option(min=1, help="Windows at once; more is faster on a GPU.")] = 8,
    clouds: Annotated[
        str, typer.Option(help="auto (the product's mask if it has one), product, network (an extra) or none.")
    ] = "auto",
    minimum_ha: Annotated[
        float, typer.Option("--minimum-ha", min=0, help="Minimum mapping unit: smaller polygons are flagged.")
    ] = 0.5,
    resampling: Annotated[
        str, typer.Option(help="How bands of 20 m get onto the grid of 10 m: nearest, bilinear or cubic.")
    ] = "bilinear",
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Write the polygons as GeoParquet too (an extra).")
    ] = False,
    all_windows: Annotated[
        bool, typer.Option("--all-windows", help="Compute windows in open water, too, far from any shore.")
    ] = False,
    first_look: Annotated[
        bool,
        typer.Option("--first-look", help="Leave out windows without mines at a glance; how many it misses is told."),
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Scenes to map side by side on this machine.")] = 1,
    ray: Annotated[
        str | None, typer.Option("--ray", metavar="ADDRESS", help="Map on this Ray cluster: auto, or host:port.")
    ] = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    json_file: Json = None,
) -> None:
    """Map whole scenes: classes and probabilities as COGs, polygons with areas, styled for QGIS.

    A run that was stopped or killed goes on where it was when the same command is given again.
    """
    _check_choice("--clouds", clouds, ("auto", "product", "network", "none"))
    _check_choice("--resampling", resampling, ("nearest", "bilinear", "cubic"))
    from highwall.products.job import Job, model_in  # noqa: PLC0415 - brings torch, which other verbs' help need not load
    from highwall.products.plan import Options  # noqa: PLC0415 - brings GDAL
    from highwall.products.skipped import NONE  # noqa: PLC0415 - brings GDAL

    cut: dict[str, Any] = {"window": window, "overlap": overlap, "batch": batch, "clouds": clouds}
    options = Options(**cut, minimum_ha=minimum_ha, parquet=parquet, all_windows=all_windows, first_look=first_look)
    loaded = model_in(model.absolute())  # what is wrong with it is no fault of a scene
    if first_look and loaded.first_look is None:
        raise BadInput(NONE)
    reading: dict[str, Any] = {"bands": names(bands), "scale": scale, "offset": offset, "resampling": resampling}
    opened, outcomes = _open(scenes, reading)
    further = asdict(options) | {"command": ["highwall", *sys.argv[1:]]}
    folders = {scene.id: out / scene.id if len(scenes) > 1 else out for scene in opened}
    todo = [Job(scene, model.absolute(), folders[scene.id].absolute(), further) for scene in opened]
    for outcome in outcomes:
        print_map(outcome, 0, len(scenes))
    try:
        with _shared(out) if len(scenes) > 1 else nullcontext(), closing(_outcomes(todo, jobs, ray)) as coming:
            for number, outcome in enumerate(coming, 1):
                outcomes.append(outcome)
                print_map(outcome, number, len(todo))
    except KeyboardInterrupt:
        typer.echo("stopped; what is done so far is kept: the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    if json_file is not None:
        write_json(json_file, _document(outcomes, [scene.id for scene in opened]))
    if failed := [outcome for outcome in outcomes if outcome.map is None]:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise BadInput(failed[0].reason + more)


def _open(names: Sequence[str], reading: Mapping[str, Any]) -> tuple[list[Scene], list[Outcome]]:
    """Open all scenes that can be; the others become outcomes."""
    from highwall.products.job import Outcome  # noqa: PLC0415 - brings torch
    from highwall.scenes import open_scene  # noqa: PLC0415 - brings GDAL

    opened: dict[str, Scene] = {}
    failed = []
    for name in names:
        try:
            scene = open_scene(scene_path(name), **reading)
        except BadInput as error:
            failed.append(Outcome(name, None, str(error)))
            continue
        if scene.id in opened:
            raise BadInput(f"{name}: another scene is named {scene.id}, too, and so would their maps be")
        opened[scene.id] = scene
    return list(opened.values()), failed


@contextmanager
def _shared(folder: Path) -> Iterator[None]:
    """Make the folder that several maps go to; it is gone afterwards if there is nothing in it."""
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file: several maps go to folders in a folder")
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for path in missing:
            with suppress(OSError):
                path.rmdir()


def _outcomes(todo: Sequence[Job], jobs: int, ray: str | None) -> Generator[Outcome]:
    if not todo:
        return
    if ray is not None:
        from highwall.products.cluster import map_on_ray  # noqa: PLC0415 - an extra

        yield from map_on_ray(todo, ray)
    elif jobs > 1 and len(todo) > 1:
        from highwall.products.pool import map_on_pool  # noqa: PLC0415 - brings torch

        verbose = logging.getLogger().isEnabledFor(logging.INFO)
        yield from map_on_pool(todo, jobs, partial(_side_by_side, verbose=verbose))
    else:
        from highwall.products.job import do  # noqa: PLC0415 - brings torch

        for job in todo:
            with windows_bar(f"mapping {job.scene.id}") as progress:
                outcome = do(job, progress=progress)
            yield outcome


def _side_by_side(job: Job, threads: int, *, verbose: bool) -> Outcome:
    """Do a job in a process of its own, which has to tell by itself how far it is."""
    from highwall.products.job import do  # noqa: PLC0415 - brings torch

    set_up_logging(verbose=verbose)
    return do(job, threads, PlainLines(f"mapping {job.scene.id}"))


def _document(outcomes: Sequence[Outcome], order: Sequence[str]) -> dict[str, Any]:
    maps = {outcome.scene: outcome.map.to_json() for outcome in outcomes if outcome.map}
    return {
        "maps": [maps[scene] for scene in order if scene in maps],
        "failed": [{"scene": outcome.scene, "reason": outcome.reason} for outcome in outcomes if not outcome.map],
    }


def _check_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BadInput(f"{option} is {', '.join(choices[:-1])} or {choices[-1]}, not {value!r}")
