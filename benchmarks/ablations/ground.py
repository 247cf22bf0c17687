"""The tiles that everything is tried on, read once for all trials."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from highwall.legend import UNKNOWN
from highwall.simulation import simulate
from highwall.tilefiles import dataset_toml, write_image, write_mask
from highwall.tiles import open_dataset, read_image, read_labels, sites
from highwall.training import plan as planning
from highwall.training.decoded import DecodedTiles, decode_tiles
from highwall.training.roles import Roles
from highwall.training.stages import Run
from highwall.training.statistics import Statistics, statistics

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.legend import Legend
    from highwall.tiles import Dataset
    from highwall.training.config import Recipe
    from highwall.training.plan import Plan

FOLD_SEED: Final = 0
"""Decides the folds, which are the same for all trials."""

SIMULATED: Final = 0
"""Seed of the simulated tiles that things are tried on."""

ELSEWHERE: Final = 100
"""Seed of the simulated tiles that are learned from beforehand."""

MINE: Final = "mine ground"
"""Class of all that belongs to a mine, in legends that don't tell its parts apart."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Labelled tiles, all to learn from by folds, none to choose by."""

    dataset: Dataset
    """Of the `train` split alone."""

    roles: Roles
    facts: Statistics
    tiles: DecodedTiles

    def plan(self, recipe: Recipe) -> Plan:
        """Plan a training as `highwall train` does, without reading the tiles again."""
        planning.honest_roles = lambda *_, **__: self.roles
        planning.statistics = lambda *_, **__: self.facts
        return planning.make_plan(self.dataset, recipe, FOLD_SEED)

    def run(self, recipe: Recipe, folder: Path, seed: int) -> Run:
        """Make a training of it."""
        run = Run(self.dataset, self.plan(recipe), recipe, folder, seed)
        vars(run)["tiles"] = self.tiles  # what the run would decode itself
        return run


def open_ground(data: Path, cache: Path) -> Ground:
    """Read the training tiles of a dataset, and keep them decoded in a folder.

    Raises:
        BadInput: there are none, or they can't be read.
    """
    every = open_dataset(data)
    only = every.splits[0] if len(every.splits) == 1 else "train"
    dataset = replace(every, tiles=tuple(tile for tile in every.split(only) if tile.mask is not None))
    number = sites(dataset)
    roles = Roles(dataset.tiles, tuple(number[tile.key] for tile in dataset.tiles), (), ())
    facts = statistics(dataset.tiles, dataset.encoding)
    decoded = decode_tiles(dataset.tiles, dataset.encoding, cache / f"{facts.fingerprint[:16]}.npy")
    return Ground(dataset, roles, facts, decoded)


def simulated(folder: Path, tiles: int, seed: int) -> Path:
    """Simulate tiles of 256 x 256 pixels, if they aren't there."""
    if not folder.exists():
        simulate(folder, tiles={"train": tiles}, size=256, seed=seed)
    return folder


def in_likeness(source: Path, dataset: Dataset, out: Path) -> None:
    """Write simulated tiles with the bands and the legend of a dataset.

    Classes keep their names; those that the legend lacks are mine ground where it has that, else unknown.
    """
    bands, legend = dataset.encoding.bands, dataset.encoding.legend
    theirs = open_dataset(source)
    table = _ids(theirs.encoding.legend, legend)
    for tile in theirs.tiles:
        image = read_image(tile.image, theirs.encoding).select(bands)
        mask = table[read_labels(tile, theirs.encoding)]
        write_image(out / tile.split / "images" / tile.image.name, image)
        write_mask(out / tile.split / "masks" / tile.image.name, mask, legend, image.geobox)
    (out / "dataset.toml").write_text(dataset_toml(bands, legend), "utf-8")


def _ids(source: Legend, target: Legend) -> NDArray[np.uint8]:
    """Return the target's id for each index of the source's classes, `(256,)` uint8."""
    known = dict(zip(target.names, target.ids, strict=True))
    table = np.full(256, UNKNOWN, np.uint8)
    for index, name in enumerate(source.names):
        table[index] = known.get(name, known.get(MINE, UNKNOWN))
    return table
