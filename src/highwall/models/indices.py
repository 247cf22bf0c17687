"""Spectral indices as further inputs of a network, all of them normalised differences, from -1 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

INDICES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "NDVI": (("B08",), ("B04",)),
    "NDWI": (("B03",), ("B08",)),
    "MNDWI": (("B03",), ("B11",)),
    "NDBI": (("B11",), ("B08",)),
    "BSI": (("B11", "B04"), ("B08", "B02")),
    "iron oxide": (("B04",), ("B02",)),
    "clay": (("B11",), ("B12",)),
}
"""Name to the bands that are added and those that are taken away: `(plus - minus) / (plus + minus)`.

NDVI: Rouse et al. 1974. NDWI: McFeeters 1996. MNDWI: Xu 2006. NDBI: Zha et al. 2003; it orders pixels as the ratio of
ferrous minerals B11 / B08 does. BSI: Rikimaru et al. 2002. Iron oxide and clay are the ratios B04 / B02 and B11 / B12
of Segal 1982 and Drury 1987, as normalised differences, which order pixels in the same way and have bounds.
"""

SPREAD: Final = 0.25
"""About the standard deviation of an index on land: what it is divided by for a network."""

_LEAST: Final = 0.01
"""Least sum of reflectance that an index is divided by: below is shadow and noise."""


def indices_of(bands: Sequence[str]) -> tuple[str, ...]:
    """Name the indices that these bands make up."""
    return tuple(name for name, (plus, minus) in INDICES.items() if {*plus, *minus} <= set(bands))


def spectral_indices(reflectance: Tensor, bands: Sequence[str], names: Sequence[str]) -> Tensor:
    """Return indices `(n, index, y, x)`, each divided by `SPREAD`, of reflectance `(n, band, y, x)`."""

    def total(of: Sequence[str]) -> Tensor:
        return torch.stack([reflectance[:, bands.index(band)] for band in of]).sum(0)

    planes = []
    for name in names:
        plus, minus = (total(of) for of in INDICES[name])
        planes.append(((plus - minus) / (plus + minus).clamp(min=_LEAST)).clamp(-1, 1))
    return torch.stack(planes, 1) / SPREAD
