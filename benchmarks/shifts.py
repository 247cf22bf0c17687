"""Simulated tiles under ten kinds of shift, for `forecast.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import rasterio
from scipy import ndimage

from highwall.simulation import dataset
from highwall.simulation.landcover import Country
from highwall.simulation.sensor import PATH_REFLECTANCE
from highwall.simulation.site import AWAY, HOME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.simulation.site import Region

    Alter = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]

LITHOLOGY: Final = replace(HOME, lithologies=("coal", "basalt", "kaolin"))
SEASON: Final = replace(HOME, vigour=(0.0, 0.15), altitude=(25, 35), azimuth=(140, 170))
HAZE: Final = replace(HOME, haze=(2.5, 4.0))
LAND_COVER: Final = replace(
    HOME, countries=(*AWAY.countries, Country(trees=0.0, farms=0.0, crops=0.0, cover=0.02, parcel=200, relief=300))
)
COUNTS: Final = 1e4
"""Counts of one unit of reflectance in the tiles' files."""


def _snow(pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Lay fresh snow in drifts on about a third of the ground."""
    spectrum = np.array([0.92, 0.90, 0.88, 0.80, 0.09, 0.06], np.float32)[:, None, None]
    drifts = ndimage.gaussian_filter(rng.normal(size=pixels.shape[1:]), 20)
    depth = np.clip((drifts - np.quantile(drifts, 0.65)) / drifts.std() * 2, 0, 0.95).astype(np.float32)
    return pixels * (1 - depth) + spectrum * depth


def _coarse(pixels: NDArray[np.float32], _rng: np.random.Generator) -> NDArray[np.float32]:
    """Show 30 m pixels on the grid of 10 m."""
    height, width = (length // 3 * 3 for length in pixels.shape[1:])
    blocks = pixels[:, :height, :width].reshape(len(pixels), height // 3, 3, width // 3, 3).mean((2, 4))
    return np.pad(
        blocks.repeat(3, 1).repeat(3, 2), ((0, 0), (0, pixels.shape[1] - height), (0, pixels.shape[2] - width)), "edge"
    )


SHIFTS: Final[dict[str, tuple[Region, float, Alter | None]]] = {
    "none": (HOME, 0.15, None),
    "lithology": (LITHOLOGY, 0.15, None),
    "season": (SEASON, 0.15, None),
    "haze": (HAZE, 0.15, None),
    "offset of 1,000 counts": (HOME, 0.15, lambda pixels, _rng: pixels + np.float32(0.1)),
    "class mixture": (HOME, 0.75, None),
    "noise": (HOME, 0.15, lambda pixels, rng: pixels + rng.normal(0, 0.015, pixels.shape).astype(np.float32)),
    "resolution": (HOME, 0.15, _coarse),
    "other level": (HOME, 0.15, lambda pixels, _rng: pixels - PATH_REFLECTANCE[:, None, None]),
    "snow": (HOME, 0.15, _snow),
    "unseen land cover": (LAND_COVER, 0.15, None),
}
"""By name: region, share of tiles without a mine, what is done to the reflectance afterwards."""


def simulate_shift(name: str, out: Path, tiles: int, size: int, seed: int) -> None:
    """Write tiles under a shift as the split `open` of a dataset."""
    region, without_mine, alter = SHIFTS[name]
    before = dict(dataset.SPLITS), dataset._WITHOUT_MINE  # noqa: SLF001 - what a dataset is drawn from is no option
    try:
        dataset.SPLITS["open"] = (region, "EPSG:32723")
        dataset._WITHOUT_MINE = without_mine  # type: ignore[misc] # noqa: SLF001
        dataset.simulate(out, tiles={"open": tiles}, size=size, seed=seed)
    finally:
        dataset.SPLITS.update(before[0])
        dataset._WITHOUT_MINE = before[1]  # type: ignore[misc] # noqa: SLF001
    if alter is not None:
        for number, path in enumerate(sorted((out / "open" / "images").iterdir())):
            _alter(path, alter, np.random.default_rng([seed, number]))


def _alter(path: Path, alter: Alter, rng: np.random.Generator) -> None:
    with rasterio.open(path, "r+") as file:
        pixels = alter((file.read() / COUNTS).astype(np.float32), rng)
        file.write(np.clip(np.rint(pixels * COUNTS), 1, 65535).astype(np.uint16))
