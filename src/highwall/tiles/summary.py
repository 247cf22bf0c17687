"""Numbers that describe the tiles of one split, gathered tile by tile."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.legend import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.header import Header
    from highwall.image import Image

PERCENTILES: Final = (1, 50, 99)
_SAMPLE: Final = 1000  # pixels kept of a tile: enough for percentiles of a split


@dataclass(frozen=True)
class Summary:
    """What a person should know of one split."""

    tiles: int
    """Number of readable tiles."""

    sizes: dict[str, int]
    """`width x height` in pixels to number of tiles."""

    types: dict[str, int]
    """Pixel type to number of tiles."""

    georeferenced: int
    """Number of tiles that know where they lie."""

    void: float
    """Share of pixels without data, 0 to 1."""

    reflectance: dict[str, tuple[float, ...]]
    """Band to 1st, 50th and 99th percentile of reflectance."""

    labels: dict[str, float]
    """Class name to share of the known labels, 0 to 1; empty without masks."""

    unknown: float
    """Share of labels that are unknown, 0 to 1."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "tiles": self.tiles,
            "sizes": self.sizes,
            "types": self.types,
            "georeferenced": self.georeferenced,
            "void": self.void,
            "reflectance": {band: list(values) for band, values in self.reflectance.items()},
            "labels": self.labels,
            "unknown": self.unknown,
        }


@dataclass
class Tally:
    """Counts that grow with each tile of a split."""

    bands: tuple[str, ...]
    classes: tuple[str, ...]
    sizes: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    georeferenced: int = 0
    void: list[float] = field(default_factory=list)
    samples: list[NDArray[np.float32]] = field(default_factory=list)
    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(UNKNOWN + 1, np.int64))

    def add_image(self, header: Header, image: Image) -> None:
        """Count one image."""
        self.sizes[f"{header.shape[1]} x {header.shape[0]}"] += 1
        self.types[header.dtype] += 1
        self.georeferenced += image.geobox is not None
        self.void.append(1 - float(image.valid.mean()))
        pixels = image.pixels[:, image.valid]
        self.samples.append(pixels[:, :: max(1, pixels.shape[1] // _SAMPLE)])

    def add_labels(self, labels: NDArray[np.uint8]) -> None:
        """Count the labels of one mask."""
        self.labels += np.bincount(labels.ravel(), minlength=UNKNOWN + 1)

    def summary(self) -> Summary:
        """Sum up all that was added, at least one image."""
        percentiles = np.percentile(np.concatenate(self.samples, axis=1), PERCENTILES, axis=1).T
        known, total = int(self.labels[:UNKNOWN].sum()), int(self.labels.sum())
        shares = (self.labels[: len(self.classes)] / max(known, 1)).tolist()
        return Summary(
            tiles=sum(self.types.values()),
            sizes=dict(self.sizes),
            types=dict(self.types),
            georeferenced=self.georeferenced,
            void=float(np.mean(self.void)),
            reflectance={band: tuple(row) for band, row in zip(self.bands, percentiles.tolist(), strict=True)},
            labels=dict(zip(self.classes, shares, strict=True)) if total else {},
            unknown=int(self.labels[UNKNOWN]) / total if total else 0.0,
        )
