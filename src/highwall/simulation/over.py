"""Writes tiles of real ground, with simulated mines on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from joblib import Parallel, delayed

from highwall.errors import BadInput
from highwall.files import new_folder
from highwall.legend import DEFAULT_LEGEND, UNKNOWN
from highwall.sentinel2 import DEFAULT_BANDS
from highwall.simulation.backdrop import PLACELESS, blocks, cut, cut_drawn
from highwall.simulation.dataset import DEFAULT_TILES, SPLITS, Plot, check_wishes, place_site
from highwall.simulation.inlay import lay_mines
from highwall.simulation.site import AWAY, BARREN, HOME, draw_site, render_site
from highwall.simulation.texture import lay_decoys
from highwall.tilefiles import dataset_toml, write_image, write_mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.image import Image
    from highwall.simulation.backdrop import Backdrop, Block


@dataclass(frozen=True)
class Mix:
    """What the tiles show; all are shares from 0 to 1."""

    without: float = 0.4
    """Of the tiles of real ground that get no mine: towns, fields, forests as they are."""

    simulated: float = 0.2
    """Of all tiles that are wholly simulated, half of them of `BARREN` land."""

    decoys: float = 0.5
    """Of the tiles of real ground that get bare fields and lakes laid over them, too."""

    drawn: float = 0.12
    """Of the tiles of real ground that are cut around a mine drawn by hand, where their split has one."""


DEFAULT_MIX: Final = Mix()


def simulate_over(
    out: Path,
    backdrops: Sequence[Backdrop],
    *,
    tiles: Mapping[str, int] = DEFAULT_TILES,
    size: int = 256,
    seed: int = 0,
    mix: Mix = DEFAULT_MIX,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write labelled six-band tiles of real ground with simulated mines on it.

    Scenes are divided into blocks, each for one split alone; a tile is a window of a block, turned and
    mirrored at random, and stands on its place on the ground, so that tiles that overlap count as one
    site. Pixels of a backdrop's unknown windows and those without data are unknown (255) in the masks.

    Args:
        out: folder to make, as `simulate` makes it.
        backdrops: real scenes with the six default bands.
        tiles: number of tiles of each split (`train`, `val`, `open`, `closed`; others get none).
        size: height and width of a tile in pixels.
        seed: decides every pixel.
        mix: what the tiles show.
        jobs: number of processes; the tiles are the same whatever it is.
        progress: called with the number of tiles written and the number of all tiles.

    Raises:
        BadInput: as `simulate`; or there is no backdrop, one lacks a band, lies in no block or cannot be read, a share
            is none, or the backdrops have fewer separate places than splits are wanted.
    """
    check_wishes(out, tiles, size, seed)
    if not backdrops:
        raise BadInput("there must be one scene or more to lay mines over")
    for share in (mix.without, mix.decoys, mix.simulated, mix.drawn):
        if not 0 <= share <= 1:
            raise BadInput(f"{share:g} is no share (0 to 1)")
    for backdrop in backdrops:
        _check_backdrop(backdrop)
    shared = _shared_out(np.random.default_rng([seed, 2]), blocks(backdrops, size), tiles)
    with new_folder(out) as draft:
        places = [(split, number) for split in SPLITS for number in range(tiles.get(split, 0))]
        plots = [Plot(split, number, 1, index) for index, (split, number) in enumerate(places)]
        write = delayed(_write_tile)
        tasks = (write(draft, plot, shared.get(plot.split, ()), size, seed, mix) for plot in plots)
        for done, _ in enumerate(Parallel(jobs, return_as="generator_unordered")(tasks), 1):
            if progress:
                progress(done, len(plots))
        (draft / "dataset.toml").write_text(dataset_toml(DEFAULT_BANDS, DEFAULT_LEGEND), encoding="utf-8")


def _write_tile(root: Path, plot: Plot, choice: Sequence[Block], size: int, seed: int, mix: Mix) -> None:
    rng = np.random.default_rng([seed, 3, plot.number])
    if choice and rng.random() >= mix.simulated:
        image, mask = _real_tile(rng, choice, size, mix)
    else:
        image, mask = _simulated_tile(rng, plot, size)
    name = f"{plot.split}_{plot.first:03d}.tif"
    write_image(root / plot.split / "images" / name, image)
    write_mask(root / plot.split / "masks" / name, mask, DEFAULT_LEGEND, image.geobox)


def _check_backdrop(backdrop: Backdrop) -> None:
    height, width = backdrop.scene.shape
    for rows, columns in backdrop.unknown:
        if not (0 <= rows.start < rows.stop <= height and 0 <= columns.start < columns.stop <= width):
            where = f"rows {rows.start} to {rows.stop}, columns {columns.start} to {columns.stop}"
            raise BadInput(f"{backdrop.scene.id}: no window {where} in a scene of {width} x {height} pixels")
    if backdrop.drawn is not None and backdrop.drawn.shape != (height, width):
        shape = " x ".join(map(str, backdrop.drawn.shape[::-1]))
        raise BadInput(f"{backdrop.scene.id}: drawn mines of {shape} pixels in a scene of {width} x {height}")
    if backdrop.drawn is not None and backdrop.drawn.max() >= len(DEFAULT_LEGEND):
        raise BadInput(f"{backdrop.scene.id}: the legend has no class {backdrop.drawn.max()} that is drawn")


def _shared_out(rng: np.random.Generator, found: Sequence[Block], tiles: Mapping[str, int]) -> dict[str, list[Block]]:
    """Give the places of blocks to the splits, each one at least, by and large as they have tiles.

    Those with drawn mines go to the largest split, which is learned from, if there are enough others.
    """
    wanted = {split: tiles[split] / sum(tiles.values()) for split in SPLITS if tiles.get(split)}
    places = rng.permutation(sorted({block.place for block in found})).tolist()
    if len(places) < len(wanted):
        raise BadInput(
            f"{len(wanted)} splits need as many places that don't overlap, and these scenes have {len(places)}"
        )
    area = {place: sum(block.size[0] * block.size[1] for block in found if block.place == place) for place in places}
    shared: dict[str, list[Block]] = {split: [] for split in wanted}
    got = dict.fromkeys(wanted, 0.0)
    largest, drawn = max(wanted, key=lambda s: wanted[s]), {block.place for block in found if len(block.drawn)}
    if len(places) - len(drawn) < len(wanted) - 1:
        drawn = set()
    for place in places:
        empty = [split for split in wanted if not shared[split]]
        split = empty[0] if empty else max(wanted, key=lambda s: wanted[s] - got[s])
        split = largest if place in drawn else split
        got[split] += area[place] / sum(area.values())
        shared[split] += [block for block in found if block.place == place]
    return shared


def _real_tile(
    rng: np.random.Generator, choice: Sequence[Block], size: int, mix: Mix
) -> tuple[Image, NDArray[np.uint8]]:
    """Cut a window of real ground and lay mines over it, or none, with the texture of another window."""
    areas = np.array([block.size[0] * block.size[1] for block in choice], float)
    chosen = rng.choice(len(choice), 2, p=areas / areas.sum())
    ours = [block for block in choice if len(block.drawn)]
    if ours and rng.random() < mix.drawn:
        one = cut_drawn(rng, ours[int(rng.integers(len(ours)))], size)
    else:
        one = cut(rng, choice[int(chosen[0])], size)
    other = cut(rng, choice[int(chosen[1])], size)
    taken = one.unknown | (one.labels > 0)
    image, labels, donor = one.image, np.zeros((size, size), np.uint8), other.image.pixels
    if rng.random() < mix.decoys:
        image = lay_decoys(rng, image, taken, donor)
    if rng.random() >= mix.without:
        image, labels, _ = lay_mines(rng, image, taken, donor)
    mask = DEFAULT_LEGEND.mask(np.where(one.labels > 0, one.labels, labels))
    mask[one.unknown | ~image.valid] = UNKNOWN
    return image, mask


def _simulated_tile(rng: np.random.Generator, plot: Plot, size: int) -> tuple[Image, NDArray[np.uint8]]:
    """Render a site of no real place, half of them barren ones; a third has no mine."""
    region = (BARREN, BARREN, HOME, AWAY)[int(rng.integers(4))]
    place = rng.uniform(0.15, 0.85, 2)
    mines = ((float(place[0]), float(place[1])),) if rng.random() < (0.35 if region is BARREN else 0.7) else ()
    site = draw_site(rng, region, mines)
    image, labels = render_site(site, (size, size), place_site(plot, size, PLACELESS))
    return image, DEFAULT_LEGEND.mask(labels)
