"""A dataset: its tiles, and how their files turn into reflectance and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from highwall.errors import BadInput
from highwall.header import Header, read_header
from highwall.legend import DEFAULT_LEGEND, Legend
from highwall.tiles.encoding import Encoding, choose_encoding, contradictions, misfits
from highwall.tiles.layout import Tile, find_settings, find_tiles
from highwall.tiles.settings import Settings, merge_settings

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Dataset", "Encoding", "Survey", "Tile", "Track", "open_dataset", "survey"]

Track = Callable[[Sequence[Tile]], Iterable[Tile]]
"""Hands tiles on, one by one, and tells somebody how far it is."""


@dataclass(frozen=True)
class Dataset:
    """Tiles that share bands, scale and legend."""

    root: Path
    """The folder (or file) that was opened."""

    tiles: tuple[Tile, ...]
    """Ordered by split (train, val, open, closed, others), then by name."""

    encoding: Encoding
    """How the files turn into reflectance and labels."""

    def split(self, name: str) -> tuple[Tile, ...]:
        """Return the tiles of one split; none where there is no such split."""
        return tuple(tile for tile in self.tiles if tile.split == name)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits that have tiles, in order."""
        return tuple(dict.fromkeys(tile.split for tile in self.tiles))


@dataclass(frozen=True)
class Survey:
    """All that can be known of a dataset without reading a pixel, whatever is wrong with it."""

    dataset: Dataset
    """All tiles, those with problems included."""

    headers: dict[str, Header]
    """Headers of the images that can be opened, by tile key."""

    problems: tuple[str, ...]
    """One line for each thing that keeps the dataset from being used."""

    notes: tuple[str, ...]
    """One line for each thing that a person should know."""


def open_dataset(
    path: Path,
    *,
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    legend: Legend = DEFAULT_LEGEND,
) -> Dataset:
    """Find tiles and how to read them.

    Args:
        path: A split (`images/` beside `masks/`), a dataset (`train/`, `val/`, `open/`, `closed/`, each a
            split), a plain folder of TIFFs, or one TIFF.
        bands: Band names in file order, where the files and `dataset.toml` don't tell or are wrong.
        scale: Reflectance per count, likewise.
        offset: Reflectance at 0, likewise.
        legend: Classes of the masks, where `dataset.toml` has none.

    Raises:
        BadInput: there are no tiles, a mask or image lacks its partner, a file is no TIFF, or bands or
            scale are unknown or differ between files.
    """
    found = survey(path, bands=bands, scale=scale, offset=offset, legend=legend)
    if found.problems:
        more = len(found.problems) - 1
        raise BadInput(found.problems[0] + (f" (and {more} more; highwall check lists them)" if more else ""))
    return found.dataset


def survey(
    path: Path,
    *,
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    legend: Legend = DEFAULT_LEGEND,
) -> Survey:
    """Find tiles and how to read them, and collect what is wrong; arguments as for `open_dataset`.

    Raises:
        BadInput: there is nothing to look at: no tiles, none that opens, or no way to tell their bands.
    """
    tiles, problems = find_tiles(path)
    headers = {}
    for tile in tiles:
        try:
            headers[tile.key] = read_header(tile.image)
        except BadInput as error:
            problems.append(str(error))
    if not headers:
        raise BadInput(problems[0])
    settings = merge_settings(find_settings(path)).model_copy(update=_options(bands, scale, offset))
    known = list(headers.values())
    encoding = choose_encoding(known, settings, legend)
    problems += misfits(known, encoding, settings)
    dataset = Dataset(path, tuple(tiles), encoding)
    return Survey(dataset, headers, tuple(problems), tuple(contradictions(known, encoding)))


def _options(bands: Sequence[str] | None, scale: float | None, offset: float | None) -> dict[str, object]:
    """Validate options as `dataset.toml` is; keep those that were given."""
    try:
        options = Settings(bands=None if bands is None else tuple(bands), scale=scale, offset=offset)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}") from None
    return options.model_dump(exclude_none=True)
