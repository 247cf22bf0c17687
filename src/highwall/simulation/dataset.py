"""Writes simulated tiles in the layout of the competition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from highwall.errors import BadInput
from highwall.files import new_folder
from highwall.image import Image
from highwall.legend import DEFAULT_LEGEND
from highwall.sentinel2 import DEFAULT_BANDS
from highwall.simulation.sensor import PIXEL
from highwall.simulation.site import AWAY, HOME, Point, Region, draw_site, render_site
from highwall.tilefiles import dataset_toml, write_image, write_mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


SPLITS: Final[dict[str, tuple[Region, str]]] = {
    "train": (HOME, "EPSG:32723"),
    "val": (HOME, "EPSG:32723"),
    "open": (HOME, "EPSG:32723"),
    "closed": (AWAY, "EPSG:32719"),
}
"""Region and coordinate reference system of each split."""

DEFAULT_TILES: Final[dict[str, int]] = {"train": 24, "val": 8, "open": 6, "closed": 6}
"""Tiles per split of a dataset that a laptop learns from in minutes."""

_WITHOUT_MINE: Final = 0.15
"""Share of the tiles that show look-alikes alone."""


@dataclass(frozen=True)
class Plot:
    """A site's place in a dataset."""

    split: str
    """Split that all its tiles belong to."""

    first: int
    """Number of its first tile in the split."""

    tiles: int
    """Number of its tiles, side by side from west to east."""

    number: int
    """Number of the site in the whole dataset."""


def simulate(
    out: Path,
    *,
    tiles: Mapping[str, int] = DEFAULT_TILES,
    size: int = 256,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write labelled six-band tiles of mine landscapes that no satellite has seen.

    The tiles of `train`, `val` and `open` show sites of one kind, those of `closed` another kind.
    A site gives one to three neighbouring tiles, all to the same split; sites lie 10 km apart or more.

    Args:
        out: folder to make, in the layout of the competition: `SPLIT/images/*.tif` with uint16
            reflectance x 10^4, `SPLIT/masks/*.tif` with uint8 ids of the default legend, `dataset.toml`.
        tiles: number of tiles of each split (`train`, `val`, `open`, `closed`; others get none).
        size: height and width of a tile in pixels of 10 m.
        seed: decides every pixel.
        progress: called with the number of tiles written and the number of all tiles.

    Raises:
        BadInput: `out` is there and not empty, a split is unknown, or a number makes no sense.
    """
    check_wishes(out, tiles, size, seed)
    with new_folder(out) as draft:
        written = 0
        for plot in _plots(np.random.default_rng([seed, 0]), tiles):
            _write_site(draft, plot, size, seed)
            written += plot.tiles
            if progress:
                progress(written, sum(tiles.values()))
        (draft / "dataset.toml").write_text(dataset_toml(DEFAULT_BANDS, DEFAULT_LEGEND), encoding="utf-8")


def check_wishes(out: Path, tiles: Mapping[str, int], size: int, seed: int) -> None:
    """Refuse what cannot be made.

    Raises:
        BadInput: as `simulate`.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out} is there already and not empty")
    if unknown := set(tiles) - set(SPLITS):
        raise BadInput(f"no such split: {', '.join(sorted(unknown))} (splits are {', '.join(SPLITS)})")
    if min(tiles.values(), default=0) < 0 or not sum(tiles.values()):
        raise BadInput("there must be one tile or more, and no split with fewer than none")
    if size < 16:
        raise BadInput(f"tiles of {size} pixels are too small (16 at least)")
    if seed < 0:
        raise BadInput(f"seed {seed} is negative")


def _plots(rng: np.random.Generator, tiles: Mapping[str, int]) -> list[Plot]:
    """Share the tiles of each split out to sites of one to three tiles."""
    plots: list[Plot] = []
    for split in SPLITS:
        first = 0
        while (left := tiles.get(split, 0) - first) > 0:
            count = min(int(rng.integers(1, 4)), left)
            plots.append(Plot(split, first, count, len(plots)))
            first += count
    return plots


def _write_site(root: Path, plot: Plot, size: int, seed: int) -> None:
    """Render a site and cut its tiles out of it."""
    region, crs = SPLITS[plot.split]
    rng = np.random.default_rng([seed, 1, plot.number])
    site = draw_site(rng, region, _mines(rng, plot))
    geobox = place_site(plot, size, crs)
    image, labels = render_site(site, (size, plot.tiles * size), geobox)
    for tile in range(plot.tiles):
        window = np.s_[:, tile * size : (tile + 1) * size]
        name = f"{plot.split}_{plot.first + tile:03d}.tif"
        part = Image(image.pixels[:, *window], image.valid[window], image.bands, geobox[window])
        write_image(root / plot.split / "images" / name, part)
        write_mask(
            root / plot.split / "masks" / name, DEFAULT_LEGEND.mask(labels[window]), DEFAULT_LEGEND, geobox[window]
        )


def _mines(rng: np.random.Generator, plot: Plot) -> tuple[Point, ...]:
    """Draw the places of the mines, one to a tile or none; the first tile of a split has one always."""
    places = rng.uniform(0.3, 0.7, (plot.tiles, 2))
    has = rng.random(plot.tiles) >= _WITHOUT_MINE
    if plot.first == 0:
        has[0] = True
    return tuple(
        (float((tile + place[0]) / plot.tiles), float(place[1])) for tile, place in enumerate(places) if has[tile]
    )


def place_site(plot: Plot, size: int, crs: str) -> GeoBox:
    """Place a site in its zone: sites stand in rows of a few, on a lattice that keeps them 10 km apart."""
    pitch = 3 * size * PIXEL + 10_000
    columns = max(int(500_000 // pitch), 1)
    west = 250_000 + pitch * (plot.number % columns)
    north = 8_000_000 - pitch * (plot.number // columns)
    return GeoBox((size, size * plot.tiles), Affine(PIXEL, 0, west, 0, -PIXEL, north), crs)
