"""What a person should know of a dataset before training on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from highwall.errors import BadInput
from highwall.legend import UNKNOWN
from highwall.tiles.content import Sketch, reduction, sketch
from highwall.tiles.dataset import Dataset, Survey, Tile, survey
from highwall.tiles.read import Loaded, load, read_labels
from highwall.tiles.sites import find_neighbours, number_sites, untracked
from highwall.tiles.summary import Summary, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from highwall.tiles.sites import Neighbours, Track


@dataclass(frozen=True)
class Leak:
    """Two tiles of different splits that share ground: it makes a validation score a lie."""

    a: str
    """Key of the tile in the earlier split."""

    b: str
    """Key of the tile in the later split."""

    why: str
    """What they share."""


@dataclass(frozen=True)
class CheckReport:
    """All that was found."""

    dataset: Dataset
    """What was checked, with how it was read."""

    errors: tuple[str, ...]
    """What keeps the dataset from being used, one line each."""

    warnings: tuple[str, ...]
    """What a person should know, one line each."""

    sites: dict[str, int]
    """Tile key to site number."""

    leaks: tuple[Leak, ...]
    """Pairs of tiles of different splits that overlap or touch."""

    splits: dict[str, Summary]
    """Split to what its readable tiles hold."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values; `errors`, `warnings`, `sites` and `leaks` are the public contract."""
        encoding = self.dataset.encoding
        return {
            "errors": list(self.errors),
            "warnings": list(self.warnings),
            "sites": self.sites,
            "leaks": [{"a": leak.a, "b": leak.b, "why": leak.why} for leak in self.leaks],
            "bands": list(encoding.bands),
            "scale": encoding.scale,
            "offset": encoding.offset,
            "legend": {str(c.id): c.name for c in encoding.legend.classes},
            "splits": {name: summary.to_json() for name, summary in self.splits.items()},
        }


def check(
    path: Path,
    *,
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    track: Track = untracked,
) -> CheckReport:
    """Read every file of a dataset once and report all that is wrong or worth knowing.

    Args:
        path: Split, dataset, folder of TIFFs, or one TIFF, as for `open_dataset`.
        bands: As for `open_dataset`.
        scale: As for `open_dataset`.
        offset: As for `open_dataset`.
        track: Hands on the items of a sequence and shows progress; called with it and a word for what is done.

    Raises:
        BadInput: there is nothing to check, or no way to tell how to read it.
    """
    found = survey(path, bands=bands, scale=scale, offset=offset)
    reading = _Reading(found)
    for tile in track(found.dataset.tiles, "reading"):
        reading.add(tile)
    tiles = reading.readable
    geoboxes = [found.headers[tile.key].geobox for tile in tiles]
    neighbours = find_neighbours(geoboxes, reading.sketches, track)
    leaks, near = _judge(tiles, neighbours)
    numbers = number_sites(len(tiles), [(pair.a, pair.b) for pair in neighbours])
    splits = {split: tally.summary() for split, tally in reading.tallies.items()}
    return CheckReport(
        found.dataset,
        errors=tuple(dict.fromkeys(reading.errors)),
        warnings=(*reading.warnings, *near, *_lacking_classes(splits)),
        sites={tile.key: number for tile, number in zip(tiles, numbers, strict=True)},
        leaks=leaks,
        splits=splits,
    )


class _Reading:
    """What is left of the files when each was read once."""

    def __init__(self, found: Survey) -> None:
        self._encoding = found.dataset.encoding
        self._opened = found.headers.keys()
        self._factor = reduction([header.shape for header in found.headers.values()])
        self.errors = list(found.problems)
        self.warnings = list(found.notes)
        self.readable: list[Tile] = []
        self.sketches: list[Sketch] = []
        self.tallies: dict[str, Tally] = {}

    def add(self, tile: Tile) -> None:
        """Read image and mask of one tile."""
        if tile.key not in self._opened:
            return  # named by the survey
        new = Tally(self._encoding.bands, self._encoding.legend.names)
        try:
            loaded = load(tile.image, self._encoding)
        except BadInput as error:
            self.errors.append(str(error))
        else:
            self.readable.append(tile)
            self.sketches.append(sketch(loaded.image, self._factor))
            self.tallies.setdefault(tile.split, new).add_image(loaded.header, loaded.image)
            self.warnings += _oddities(tile, loaded)
        if tile.mask is None:
            return
        try:
            labels = read_labels(tile, self._encoding)
        except BadInput as error:
            self.errors.append(str(error))
        else:
            if (labels == UNKNOWN).all():
                self.warnings.append(f"{tile.key}: all labels are unknown")
            if tile.split in self.tallies:
                self.tallies[tile.split].add_labels(labels)


def _oddities(tile: Tile, loaded: Loaded) -> Iterator[str]:
    """Name what is strange about an image that can be read."""
    if loaded.not_finite:
        yield f"{tile.key}: {loaded.not_finite:.2%} of the pixels are NaN or infinite"
    image = loaded.image
    pixels = image.pixels[:, image.valid]
    if constant := [band for band, plane in zip(image.bands, pixels, strict=True) if np.ptp(plane) == 0]:
        yield f"{tile.key}: the same value everywhere in {' '.join(constant)}"
    if float(pixels.max()) < 0.005:
        yield f"{tile.key}: no reflectance above {pixels.max():.2g}; is the scale right?"


def _judge(tiles: Sequence[Tile], neighbours: Sequence[Neighbours]) -> tuple[tuple[Leak, ...], list[str]]:
    """Split neighbours into leaks and things to warn of."""
    leaks, warnings = [], []
    for pair in neighbours:
        a, b = tiles[pair.a], tiles[pair.b]
        if a.split != b.split and pair.kind != "near":
            leaks.append(Leak(a.key, b.key, pair.why))
        elif a.split != b.split or pair.kind == "copy":
            warnings.append(f"{a.key} and {b.key}: {pair.why}")
    return tuple(leaks), warnings


def _lacking_classes(splits: dict[str, Summary]) -> Iterator[str]:
    """Name classes that never occur, in any mask or in one split's."""
    labelled = {split: summary.labels for split, summary in splits.items() if summary.labels}
    for name in dict.fromkeys(name for labels in labelled.values() for name in labels):
        lacking = [split for split, labels in labelled.items() if not labels[name]]
        if len(lacking) == len(labelled):
            yield f"class {name} never occurs"
        elif lacking:
            yield f"class {name} never occurs in {' and '.join(lacking)}"
