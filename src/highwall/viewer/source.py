"""Finds the scene that a map was made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from highwall.errors import BadInput
from highwall.scenes import open_scene
from highwall.scenes.paths import is_remote

if TYPE_CHECKING:
    from highwall.scenes import Scene
    from highwall.viewer.maps import ShownMap


def find_scene(shown: ShownMap) -> Scene:
    """Open the scene of a map, where the map's item says that it is (its `derived_from` links).

    Only files of this machine are opened: nobody expects a map that was sent to them to call servers. Scenes on
    servers are for the person to name.

    Raises:
        BadInput: it is not there any more, lies elsewhere, or is another one; the message says which.
    """
    links = [str(link["href"]) for link in shown.item.get("links", []) if link.get("rel") == "derived_from"]
    if not links:
        raise BadInput("the map doesn't tell where its scene is; --scene names it")
    paths = [path for link in links if (path := _local(link)) is not None]
    if not paths:
        raise BadInput(f"the scene is on a server ({links[0]}); --scene {links[0]} fetches it")
    reason = f"{paths[0]} is not there any more; --scene names another place"
    places: list[str | list[str]] = [paths, *paths] if len(paths) > 1 else [*paths]  # bands each, or copies of one
    for place in places:
        try:
            scene = _open(place, tuple(_calibration(shown)))
        except BadInput as error:
            if not isinstance(place, list) and Path(place).exists():
                reason = str(error)
            continue
        if scene.geobox == shown.map.geobox:
            return scene
        reason = f"{scene.id} has changed: it lies on another grid than the map"
    raise BadInput(reason)


def _local(link: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        link = url2pathname(parts.path)
    return link if Path(link).is_absolute() and not is_remote(link) else None


def _open(place: str | list[str], bands: tuple[str, ...]) -> Scene:
    """Open a scene; where a raster doesn't name its bands, they are named as they were for the map."""
    try:
        scene = open_scene(place)
    except BadInput:
        if not bands:
            raise
    else:
        if scene.bands == bands or not bands:
            return scene
    try:
        return open_scene(place, bands=bands)
    except BadInput:  # a product that names its own
        return open_scene(place)


def _calibration(shown: ShownMap) -> dict[str, Any]:
    """Return what the map says of its scene's bands, which are named in the order of the file."""
    told = shown.manifest.get("claim", {}).get("scene", {}).get("calibration", {})
    return told if isinstance(told, dict) else {}
