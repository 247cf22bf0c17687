"""`highwall view`: a local web page over maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from highwall.cli.options import Json, scene_path
from highwall.errors import BadInput
from highwall.files import write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from highwall.viewer.maps import ShownMap
    from highwall.viewer.server import Place

_MISSING = "the viewer needs rio-tiler, starlette and uvicorn: pip install 'highwall[view]'"


def view(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="OUT", help="Folders of maps, or of such folders; several are shown at once."),
    ],
    *,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 is any free one. Default: 8642, or the next free.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; by default this machine alone can see the page.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    scene: Annotated[
        str | None,
        typer.Option("--scene", metavar="SCENE", help="Where the scene of the one map is, if not where it was."),
    ] = None,
    json_file: Json = None,
) -> None:
    """Look at maps over pictures of their scenes, and review their polygons, on a page that needs no network.

    Ctrl-C ends it. What people decide is kept in the map's own polygons.gpkg; pictures go to the user's cache folder.
    """
    try:
        from highwall.viewer.cache import cache_folder  # noqa: PLC0415 - an extra
        from highwall.viewer.maps import find_maps  # noqa: PLC0415 - an extra
        from highwall.viewer.pictures import Pictures  # noqa: PLC0415 - an extra
        from highwall.viewer.server import listen, serve  # noqa: PLC0415 - an extra
    except ImportError:
        raise BadInput(_MISSING) from None

    maps, failures = find_maps(folders)
    for failure in failures:
        typer.echo(f"not shown: {failure}", err=True)
    if scene is not None and len(maps) > 1:
        raise BadInput(f"--scene belongs to one map, and these are {len(maps)}")
    place = listen(host, port)
    pictures = Pictures(maps, cache_folder(), None if scene is None else scene_path(scene), say=_say)
    if not place.private:
        typer.echo("warning: whoever reaches this machine can see these maps and review their polygons", err=True)
    count = f"{len(maps)} maps" if len(maps) > 1 else str(maps[0].folder)
    typer.echo(f"{count} at {place.address} (Ctrl-C ends)")
    if json_file is not None:
        write_json(json_file, _document(place, maps))
    serve(place, pictures, browser=browser)


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _document(place: Place, maps: Sequence[ShownMap]) -> dict[str, Any]:
    return {
        "address": place.address,
        "host": place.host,
        "port": place.port,
        "maps": [{"id": shown.id, "folder": str(shown.folder), "scene": shown.manifest["scene"]} for shown in maps],
    }
