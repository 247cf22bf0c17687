"""The map of a scene while it grows: two raw files that only get longer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from highwall.errors import BadInput

if TYPE_CHECKING:
    from io import BufferedWriter
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.mapping.engine import Strip
    from highwall.mapping.windows import Axis

CLASSES: Final = "classes.raw"
PROBABILITIES: Final = "probabilities.raw"
HEAD: Final = b"highwall scratch"
"""What both files begin with: GDAL takes no file of a byte or two for a raster."""


@dataclass(frozen=True)
class Scratch:
    """Where finished rows are kept until all are there; a run that was killed goes on after the last whole strip."""

    folder: Path
    shape: tuple[int, int]
    """Height and width of the scene in pixels."""

    count: int
    """Number of planes beside the class ids: the classes, background included, and the applicability if it is told."""

    @property
    def bytes(self) -> int:
        """Size of both files when they are complete."""
        return (1 + self.count) * self.shape[0] * self.shape[1]

    @property
    def bytes_so_far(self) -> int:
        """Size of both files now."""
        return sum(path.stat().st_size for path in self._paths if path.exists())

    def rows_done(self, axis: Axis) -> int:
        """Return the number of rows, in whole strips, that both files hold.

        Args:
            axis: the rows of windows that the strips come from.
        """
        if not all(path.exists() for path in self._paths):
            return 0
        sizes = zip(self._paths, self._row_bytes, strict=True)
        whole = min((path.stat().st_size - len(HEAD)) // size for path, size in sizes)
        ends = [axis.settled(number) for number in range(len(axis))]
        return max((end for end in ends if end <= whole), default=0)

    def writer(self, rows: int) -> ScratchWriter:
        """Open both files to add strips after the first `rows` rows, which are kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path, size in zip(self._paths, self._row_bytes, strict=True):
            if not rows:
                path.write_bytes(HEAD)
            os.truncate(path, len(HEAD) + rows * size)
        return ScratchWriter(self._paths)

    def classes(self) -> NDArray[np.uint8]:
        """Return class ids `(y, x)`, on disk."""
        return np.memmap(self._paths[0], np.uint8, "r", len(HEAD), self.shape)

    def probabilities(self) -> NDArray[np.uint8]:
        """Return all planes of `Strip.probabilities` `(y, plane, x)` in steps, on disk."""
        height, width = self.shape
        return np.memmap(self._paths[1], np.uint8, "r", len(HEAD), (height, self.count, width))

    @property
    def _paths(self) -> tuple[Path, Path]:
        return self.folder / CLASSES, self.folder / PROBABILITIES

    @property
    def _row_bytes(self) -> tuple[int, int]:
        return self.shape[1], self.shape[1] * self.count


class ScratchWriter:
    """Adds strips to a scratch; made by `Scratch.writer`."""

    def __init__(self, paths: tuple[Path, Path]) -> None:
        self._paths = paths
        self._files: list[BufferedWriter] = []

    def __enter__(self) -> Self:
        """Open both files."""
        self._files = [path.open("ab", buffering=0) for path in self._paths]  # type: ignore[misc]
        return self

    def __exit__(self, *_: object) -> None:
        """Close both files."""
        for file in self._files:
            file.close()

    def append(self, strip: Strip) -> None:
        """Add a strip; when this returns it is on the disk.

        Raises:
            BadInput: the disk is full.
        """
        for file, array in zip(self._files, (strip.classes, strip.probabilities), strict=True):
            view = memoryview(np.ascontiguousarray(array).data).cast("B")
            try:
                while view:
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
            except OSError as error:
                raise BadInput(
                    f"{file.name}: {error.strerror}; what is done so far is kept: the same command goes on from there"
                ) from None
