"""Labelled tiles from a map that people have reviewed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from highwall.cutting.cut import SIZE, VAL, Cut, cut
from highwall.errors import BadInput
from highwall.products.map_folder import read_map_folder
from highwall.products.review import POLYGONS
from highwall.products.review_table import LABEL, REVIEWED
from highwall.products.reviewed import summarise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from highwall.cutting.cutter import Track
    from highwall.scenes import Scene


def cut_reviewed(
    scene: Scene,
    folder: Path,
    out: Path | str,
    *,
    bands: Sequence[str] | None = None,
    size: int = SIZE,
    empty: float = 0,
    val: float = VAL,
    seed: int = 0,
    track: Track = iter,
) -> Cut:
    """Cut labelled tiles from a scene where people have reviewed a map of it: see `cut`.

    Tiles are the cells that hold a polygon that somebody has decided about. Accepted polygons are of their class,
    reclassed ones of their new class, rejected ones are background, and those that nobody has decided about are
    unknown. Ground without polygons is background in these tiles, for whoever decides about a polygon has its
    surroundings before them; it is unknown where the map is, and beyond the map. Cells without a polygon are left out,
    unless `empty` asks for some: nobody has looked there, and what the model has missed would be taught as background.

    Args:
        scene: with a georeference; usually the one that was mapped.
        folder: the map, whose legend is that of the tiles.
        out: folder to make.
        bands: bands of the tiles; by default the six, or those of them that the scene has.
        size: height and width of a tile in pixels, 16 or more.
        empty: tiles without polygons for each tile with some, 0 or more.
        val: share of the tiles for validation, 0 to less than 1.
        seed: the same seed gives the same tiles.
        track: hands cells on and tells somebody how far it is.

    Raises:
        BadInput: this is no map, nobody has decided about any of its polygons, or see `cut`.
    """
    of = read_map_folder(folder)
    summary = summarise(folder)
    if summary.decided == 0:
        raise BadInput(f"{folder}: nobody has decided about any of its polygons (highwall view {folder})")
    made = cut(
        scene,
        folder / POLYGONS,
        out,
        layer=REVIEWED,
        column=LABEL,
        classes={"": "unknown"},  # nobody has decided
        bands=bands,
        size=size,
        empty=empty,
        val=val,
        seed=seed,
        legend=of.legend,
        seen=of.classes,
        track=track,
    )
    notes = [f"review: {summary}" + ("; the others are unknown" if summary.decided < summary.polygons else "")]
    if of.id != f"{scene.id}-mines":
        notes.append(f"the map is {of.id}, the tiles are of {scene.id}: labels hold if the ground has not changed")
    return replace(made, notes=(*notes, *made.notes))
