"""Cuts cell after cell, and counts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.cutting.cells import MARGIN, Cell, empty_cells, number_groups, touched_cells
from highwall.cutting.split import draw_validation
from highwall.cutting.window import Cutout, cut_window
from highwall.errors import BadInput
from highwall.legend import UNKNOWN, Legend
from highwall.tilefiles import LEAST, MOST, write_image, write_mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from highwall.cutting.paint import Polygons
    from highwall.cutting.seen import Seen
    from highwall.scenes import SceneReader

    Track = Callable[[Sequence[Cell]], Iterable[Cell]]
    """Hands cells on, one by one, and tells somebody how far it is."""

LEAST_DATA: Final = 0.5
"""Share of a tile's pixels that must have data; of an empty tile's, that must not be unknown."""

SPLITS: Final = ("train", "val")


class Cutter:
    """Tiles of one scene as they are cut; all are written to `train` first, and some move to `val` in the end."""

    def __init__(
        self,
        reader: SceneReader,
        polygons: Polygons,
        legend: Legend,
        size: int,
        folder: Path,
        seen: Seen | None = None,
    ) -> None:
        self._reader = reader
        self._polygons = polygons
        self._legend = legend
        self._size = size
        self._folder = folder
        self._seen = seen
        self._counts: Counter[str] = Counter()
        self._notes: list[str] = []
        self.cells: list[Cell] = []
        """Cells of the tiles, those with polygons first."""
        self.labelled = 0
        """Number of tiles with polygons."""
        self.pixels = np.zeros(UNKNOWN + 1, np.int64)
        """Number of pixels of each id."""
        self._shown: list[list[bool]] = []

    def take_labelled(self, track: Track = iter) -> None:
        """Cut the cells that hold labelled pixels of polygons, and enough data.

        Raises:
            BadInput: there is none.
        """
        scene = self._reader.scene
        touched = touched_cells(self._polygons.tree, scene.shape, self._size)
        for row, column in track([(row, column) for row, column in np.argwhere(touched).tolist()]):
            tile = self._cut((row, column))
            if not tile.labelled:
                self._counts["hidden"] += tile.drawn > 0
            elif tile.image.valid.mean() < LEAST_DATA:
                self._counts["void"] += 1
                self._counts["lost"] += tile.labelled
            else:
                self._keep((row, column), tile)
        self.labelled = len(self.cells)
        if not self.cells:
            raise BadInput(
                f"{scene.id}: no tile to cut: where polygons lie, there is no data, a cloud, "
                f"no pixel's centre or less than half a tile of {self._size} x {self._size} pixels"
            )

    def take_empty(self, share: float, rng: np.random.Generator) -> None:
        """Cut cells without polygons, `share` for each one with polygons, as far from polygons as there are."""
        wanted = round(share * self.labelled)
        for cell, apart in empty_cells(self._polygons.tree, self._reader.scene.shape, self._size, rng):
            if len(self.cells) - self.labelled == wanted:
                break
            tile = self._cut(cell)
            if tile.known >= LEAST_DATA:
                self._keep(cell, tile)
                self._counts["close"] += not apart
        if (found := len(self.cells) - self.labelled) < wanted:
            self._notes.append(f"empty tiles, all that there are: {found} of {wanted}")

    def split(self, share: float, rng: np.random.Generator) -> dict[str, int]:
        """Move whole sites to `val`, about this share of the tiles; return how many tiles each split has."""
        sites = number_groups(self.cells)
        shown = np.array(self._shown, bool)
        chosen = draw_validation(sites, shown, share, rng)
        full = len(np.unique(sites[: self.labelled]))
        if share and not chosen.any():
            self._notes.append(
                f"all tiles are for training: sites with polygons are too few to set {share:.0%} of them aside: {full}"
            )
        for cell in (cell for cell, moved in zip(self.cells, chosen, strict=True) if moved):
            for kind in ("images", "masks"):
                target = self._folder / SPLITS[1] / kind / self._name(cell)
                target.parent.mkdir(parents=True, exist_ok=True)
                (self._folder / SPLITS[0] / kind / self._name(cell)).replace(target)
        return dict(zip(SPLITS, (int((~chosen).sum()), int(chosen.sum())), strict=True))

    def notes(self) -> Iterator[str]:
        """Say what a person should know of the tiles, one line each."""
        counts = self._counts
        if counts["crossed"]:
            fate = "unknown" if self._polygons.overlaps == "unknown" else "of the later one"
            yield f"pixels where polygons of different classes overlap, {fate}: {counts['crossed']}"
        if counts["hidden"]:
            yield f"cells left out, since no data or clouds hide all that polygons cover of them: {counts['hidden']}"
        if counts["void"]:
            yield (
                f"cells left out, since less than half of each holds data: {counts['void']} "
                f"(with {counts['lost']} labelled pixels)"
            )
        if counts["close"]:
            yield f"empty tiles less than {MARGIN} pixels from a polygon, for lack of others: {counts['close']}"
        if counts["beyond"]:
            yield f"reflectances moved into the range of the files, {LEAST:g} to {MOST:g}: {counts['beyond']}"
        yield from self._notes

    def _cut(self, cell: Cell) -> Cutout:
        return cut_window(self._reader, self._polygons, cell, self._size, self._seen)

    def _keep(self, cell: Cell, tile: Cutout) -> None:
        image, ids = tile.image, np.bincount(tile.mask.ravel(), minlength=UNKNOWN + 1)
        write_image(self._folder / SPLITS[0] / "images" / self._name(cell), image)
        write_mask(self._folder / SPLITS[0] / "masks" / self._name(cell), tile.mask, self._legend, image.geobox)
        data = image.pixels[:, image.valid]
        self._counts["beyond"] += int(((data < LEAST / 2) | (data > MOST + LEAST / 2)).sum())
        self._counts["crossed"] += tile.crossed
        self.cells.append(cell)
        self.pixels += ids
        shown: Any = ids[list(self._legend.ids)] > 0
        self._shown.append((shown & (tile.labelled > 0)).tolist())

    def _name(self, cell: Cell) -> str:
        return f"{self._reader.scene.id}_{cell[0]:03d}_{cell[1]:03d}.tif"
