"""Cuts labelled tiles from a scene and polygons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.cutting.cells import number_groups
from highwall.cutting.cutter import Cutter
from highwall.cutting.layer import read_layer
from highwall.cutting.meaning import USUAL, Others, choose_column, class_ids, make_meaning
from highwall.cutting.paint import BACKGROUND, Overlaps, Polygons
from highwall.cutting.seen import open_seen
from highwall.errors import BadInput
from highwall.files import new_folder
from highwall.legend import DEFAULT_LEGEND, UNKNOWN, Legend
from highwall.sentinel2 import DEFAULT_BANDS, band_names
from highwall.tilefiles import dataset_toml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from highwall.cutting.cutter import Track
    from highwall.scenes import Scene

SIZE: Final = 256
"""Height and width of a tile in pixels, if nobody says otherwise."""

EMPTY: Final = 0.25
"""Empty tiles for each tile with polygons, likewise."""

VAL: Final = 0.2
"""Share of the tiles that validate, likewise."""


@dataclass(frozen=True)
class Cut:
    """What was cut."""

    folder: Path
    """Where the tiles are: what `highwall train` reads."""

    tiles: dict[str, int]
    """Split (`train`, `val`) to number of tiles, empty ones included."""

    empty: int
    """Number of tiles without polygons."""

    sites: int
    """Number of groups of tiles that touch."""

    pixels: dict[str, int]
    """Class name, or `unknown`, to number of pixels."""

    notes: tuple[str, ...]
    """What a person should know, one line each."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "folder": str(self.folder),
            "tiles": self.tiles,
            "empty": self.empty,
            "sites": self.sites,
            "pixels": self.pixels,
            "notes": list(self.notes),
        }


def cut(
    scene: Scene,
    polygons: Path | str,
    out: Path | str,
    *,
    layer: str | None = None,
    column: str | None = None,
    classes: Mapping[str, str] | None = None,
    others: Others = "error",
    overlaps: Overlaps = "unknown",
    bands: Sequence[str] | None = None,
    size: int = SIZE,
    empty: float = EMPTY,
    val: float = VAL,
    seed: int = 0,
    legend: Legend = DEFAULT_LEGEND,
    seen: Path | None = None,
    track: Track = iter,
) -> Cut:
    """Cut labelled tiles from a scene and the polygons on it.

    Tiles are cells of a regular grid over the scene, on its own pixels: all that hold labelled pixels of a polygon,
    and some that hold no polygon. Ground outside all polygons is background. Unknown are pixels without data, those
    that the product marks as cloud or shadow, those of polygons that mean unknown, and, unless later polygons win,
    those where polygons of different classes overlap. Whole groups of tiles that touch go to `train` or `val`.

    Args:
        scene: with a georeference.
        polygons: any vector file that GDAL reads, in any coordinate reference system.
        out: folder to make: `SPLIT/images/*.tif`, uint16 reflectance x 10^4, no data 0; `SPLIT/masks/*.tif`, uint8
            class ids, 255 where unknown; `dataset.toml`.
        layer: layer to take, where the file has several with polygons.
        column: column that names the class; `class` and the like by default.
        classes: value of that column to class name, class id, or `unknown`. Names and ids of the legend mean
            themselves; upper case, `_` and `-` make no difference.
        others: what becomes of polygons with other values: `error`, `unknown` or `background`.
        overlaps: what pixels are where polygons of different classes overlap: `unknown`, or of the `later` one.
        bands: bands of the tiles; by default the six, or those of them that the scene has.
        size: height and width of a tile in pixels, 16 or more.
        empty: tiles without polygons for each tile with some, 0 or more.
        val: share of the tiles for validation, 0 to less than 1.
        seed: the same seed gives the same tiles.
        legend: the classes; it must have id 0, the background.
        seen: raster of class ids of the ground that somebody looked at: where it is 255, and beyond it, pixels are
            unknown. None: all ground was looked at.
        track: hands cells on and tells somebody how far it is.

    Raises:
        BadInput: with the reason in one line; nothing is written then.
    """
    out = Path(out)
    _check(out, size, empty, val, seed, legend)
    meaning = make_meaning(legend, classes or {})
    found = read_layer(polygons, scene, layer)
    notes = list(found.notes)
    chosen = choose_column(found, column, meaning)
    if column is None and chosen.lower() != USUAL[0]:
        notes.append(f"column {chosen!r} names the classes")
    ids, more = class_ids(found, chosen, meaning, others)
    taken = _bands(scene, bands)
    if bands is None and (lacking := [band for band in DEFAULT_BANDS if band not in scene.planes]):
        more.append(f"the scene has no {' '.join(lacking)}, and so the tiles have none")
    rng = np.random.default_rng(seed)
    with new_folder(out) as draft, scene.open(taken) as reader, open_seen(seen) as looked:
        cutter = Cutter(reader, Polygons(found.shapes, ids, overlaps), legend, size, draft, looked)
        cutter.take_labelled(track)
        cutter.take_empty(empty, rng)
        tiles = cutter.split(val, rng)
        (draft / "dataset.toml").write_text(dataset_toml(taken, legend), encoding="utf-8")
    counts = {c.name: int(cutter.pixels[c.id]) for c in legend.classes} | {"unknown": int(cutter.pixels[UNKNOWN])}
    sites = len(np.unique(number_groups(cutter.cells)))
    return Cut(out, tiles, len(cutter.cells) - cutter.labelled, sites, counts, (*notes, *more, *cutter.notes()))


def _check(out: Path, size: int, empty: float, val: float, seed: int, legend: Legend) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out} is there already and not empty")
    if size < 16:
        raise BadInput(f"tiles of {size} pixels are too small (16 at least)")
    if not 0 <= empty < np.inf:
        raise BadInput(f"{empty:g} empty tiles for each other are impossible (0 or more)")
    if not 0 <= val < 1:
        raise BadInput(f"a share of {val:g} for validation is impossible (0 to less than 1)")
    if seed < 0:
        raise BadInput(f"seed {seed} is negative")
    if BACKGROUND not in legend.ids:
        raise BadInput("the legend has no class 0, background, for the ground outside polygons")


def _bands(scene: Scene, wanted: Sequence[str] | None) -> tuple[str, ...]:
    if wanted is not None:
        return band_names(wanted)
    bands = tuple(band for band in DEFAULT_BANDS if band in scene.planes)
    if not bands:
        raise BadInput(f"{scene.id}: has none of {' '.join(DEFAULT_BANDS)} (it has {' '.join(scene.bands)})")
    return bands
