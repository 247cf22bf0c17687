"""Class ids, names and colours."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

UNKNOWN: Final = 255
"""Marks pixels of which nothing is known, in masks (as an id) and in labels (as an index) alike."""

Color = tuple[int, int, int]

COLORS: Final[dict[str, Color]] = {
    "background": (236, 234, 226),
    "waste dump": (213, 94, 0),
    "quarry pit": (86, 60, 140),
    "tailings pond": (0, 158, 190),
}
"""Colours of the classes known by name: orange, violet and blue stay apart for colour-blind eyes."""

_SPARE_COLORS: Final[tuple[Color, ...]] = (
    (230, 159, 0),
    (0, 114, 178),
    (204, 121, 167),
    (0, 158, 115),
    (240, 228, 66),
    (117, 112, 100),
)  # Okabe and Ito (2008), for classes that only a dataset knows


@dataclass(frozen=True)
class LegendClass:
    """One class of a legend."""

    id: int
    """Value in mask files, 0 to 254."""

    name: str
    """Name as people read it, such as `tailings pond`."""

    color: Color
    """Red, green and blue, 0 to 255."""

    @property
    def hex(self) -> str:
        """The colour as six hexadecimal digits."""
        return bytes(self.color).hex().upper()


@dataclass(frozen=True)
class Legend:
    """The classes of a mask, in the order in which networks and forests number them.

    Masks on disk hold class *ids*; everything that computes holds class *indices*, the position
    in `classes`. Both use 255 (`UNKNOWN`) for pixels of which nothing is known.
    """

    classes: tuple[LegendClass, ...] = field(
        default=tuple(LegendClass(i, name, color) for i, (name, color) in enumerate(COLORS.items()))
    )
    """Classes by ascending id."""

    def __post_init__(self) -> None:
        ids = [c.id for c in self.classes]
        if len(ids) < 2:
            raise BadInput("a legend needs two classes or more")
        if ids != sorted(set(ids)) or ids[0] < 0 or ids[-1] >= UNKNOWN:
            raise BadInput(f"class ids must be different, ascending and from 0 to 254, not {ids}")
        if len({c.name for c in self.classes}) < len(self.classes):
            raise BadInput("two classes of the legend share a name")

    @classmethod
    def from_names(cls, names: Mapping[int, str]) -> Legend:
        """Make a legend from ids and names; known names get their colours, others spare ones."""
        spare = iter(_SPARE_COLORS * 43)
        ordered = sorted(names.items())
        return cls(tuple(LegendClass(i, name, COLORS.get(name) or next(spare)) for i, name in ordered))

    def __len__(self) -> int:
        """Count the classes, background included."""
        return len(self.classes)

    @property
    def ids(self) -> tuple[int, ...]:
        """Class ids, ascending."""
        return tuple(c.id for c in self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names, by index."""
        return tuple(c.name for c in self.classes)

    @property
    def targets(self) -> tuple[int, ...]:
        """Indices of the target classes: all but id 0, the background."""
        return tuple(index for index, c in enumerate(self.classes) if c.id != 0)

    @cached_property
    def _index_of_id(self) -> NDArray[np.uint8]:
        table = np.full(256, UNKNOWN, np.uint8)
        table[list(self.ids)] = np.arange(len(self))
        return table

    def foreign_ids(self, ids: Iterable[int]) -> list[int]:
        """List the ids that are neither a class of this legend nor unknown."""
        return sorted(set(ids) - set(self.ids) - {UNKNOWN})

    def indices(self, mask: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Turn a mask of class ids into labels: class indices, 255 where unknown.

        Raises:
            BadInput: the mask holds an id that the legend lacks.
        """
        if foreign := self.foreign_ids(np.unique(mask).tolist()):
            raise BadInput(f"labels outside the legend: {', '.join(map(str, foreign))} (it has {list(self.ids)})")
        labels: NDArray[np.uint8] = self._index_of_id[mask]
        return labels

    def mask(self, indices: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Turn class indices, 255 where unknown, into a mask of class ids."""
        table = np.full(256, UNKNOWN, np.uint8)
        table[: len(self)] = self.ids
        mask: NDArray[np.uint8] = table[indices]
        return mask

    @property
    def colormap(self) -> dict[int, tuple[int, int, int, int]]:
        """Colour table for mask TIFFs, as rasterio takes it; unknown is transparent."""
        return {c.id: (*c.color, 255) for c in self.classes} | {UNKNOWN: (0, 0, 0, 0)}


DEFAULT_LEGEND: Final = Legend()
"""0 background, 1 waste dump, 2 quarry pit, 3 tailings pond."""
