"""Small patches of real ground of which it is known only that they show a mine, or none: labelled, and made into tiles.

The repository joelibaceta/sat-mining-detector on GitHub holds 749 patches of 48 x 48 pixels in the Amazon and around
it, each as it was before and after: 524 where a gold mine came up, and others that changed by nature or by man. What
they are of is in their names, and in `patches.json`, by eye, which of the latter show industrial mines, too. Where in a
patch the mine is, is told here by bare ground and by waters.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from scipy import ndimage

from highwall.errors import BadInput
from highwall.image import Image
from highwall.legend import DEFAULT_LEGEND, UNKNOWN
from highwall.sentinel2 import DEFAULT_BANDS, QUANTIFICATION
from highwall.simulation.backdrop import PLACELESS
from highwall.simulation.dataset import Plot, place_site
from highwall.tilefiles import write_image, write_mask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Kind = Literal["gold", "industry", "none"]
"""A patch's mine: of gold along rivers, dug by industry, or none."""

SHARES: Final[dict[Kind, float]] = {"gold": 0.25, "industry": 0.25, "none": 0.5}
"""Shares of the kinds in a tile."""

SEEN: Final[dict[str, list[str]]] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
"""Names of patches by what was seen in them: `mines` of industry, or `unclear`."""

SPLITS: Final[dict[str, tuple[str, ...]]] = {"train": ("train",), "val": ("val", "test")}
"""Splits of the patches that a split of the tiles is made of."""

PIT: Final = DEFAULT_LEGEND.names.index("quarry pit")
POND: Final = DEFAULT_LEGEND.names.index("tailings pond")

CREDIT: Final = {
    "scene": "523 of 749 patches",
    "place": "the Amazon basin and around it: gold and industrial mines, rivers, towns, fish ponds, forest",
    "source": "joelibaceta/sat-mining-detector on GitHub; places from earthrise-media/mining-detector",
    "licence": "Copernicus Sentinel data, free and open; places CC BY 4.0, Earth Genome; the repository states none",
}
"""What a model's card tells of them."""

GREEN: Final = 0.62
"""NDVI above which ground is covered by plants."""

BARE: Final = 0.5
"""NDVI below which it is not."""

CLOUD: Final = 0.3
"""Reflectance of the blue band above which a patch may show cloud."""

LARGE: Final = 60
"""Pixels of a water that runs out of its patch above which it is taken for a river."""

FIRST_PLOT: Final = 3_000
"""Number of the first tile's place, beyond those of simulated tiles."""


@dataclass(frozen=True, eq=False)
class Patch:
    """A square of ground."""

    pixels: NDArray[np.float32]
    """Reflectance `(band, y, x)` of the six default bands; 0 where there is no data."""

    labels: NDArray[np.uint8]
    """Class indices `(y, x)`, 255 where nothing is known."""

    kind: Kind


def kind_of(name: str) -> Kind | None:
    """Tell what a patch shows by its name, such as `mining_12`; None where that is unclear."""
    if name in SEEN["unclear"]:
        return None
    if name in SEEN["mines"]:
        return "industry"
    return "gold" if name.startswith("mining") else "none"


def label(pixels: NDArray[np.float32], kind: Kind) -> NDArray[np.uint8]:
    """Label a patch by what it is known to show.

    With a mine, green ground is background, bare ground is pit, waters (MNDWI above 0) are ponds; what lies between
    green and bare, what may be cloud, and beside gold mines large waters that run out of the patch are unknown.

    Args:
        pixels: reflectance `(band, y, x)` of the six default bands; 0 where there is no data.
        kind: what it shows; without a mine, all of it is background.

    Returns:
        Class indices `(y, x)`, 255 where unknown.
    """
    blue, green, red, near, short = pixels[:5]
    ndvi = (near - red) / np.maximum(near + red, QUANTIFICATION)
    water = (green > short) & (ndvi < BARE)
    labels = np.full(blue.shape, UNKNOWN, np.uint8)
    if kind != "none":
        labels[ndvi > GREEN] = 0
        labels[ndvi < BARE] = PIT
        labels[water] = POND
        if kind == "gold":
            labels[_rivers(water)] = UNKNOWN
        labels[blue > CLOUD] = UNKNOWN
    else:
        labels[:] = 0
    labels[~pixels.any(axis=0)] = UNKNOWN
    return labels


def _rivers(water: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find large waters that run out of a patch."""
    bodies, count = ndimage.label(water)
    sizes = ndimage.sum_labels(water, bodies, np.arange(count + 1))
    edge = np.zeros(count + 1, bool)
    for side in (bodies[0], bodies[-1], bodies[:, 0], bodies[:, -1]):
        edge[side] = True
    edge[0] = False
    return np.asarray((edge & (sizes > LARGE))[bodies])


def read_patches(folder: Path, splits: Sequence[str]) -> list[Patch]:
    """Read the patches of some splits, both pictures of each, but of gold mines the later alone.

    Args:
        folder: `dataset` of the repository, with `SPLIT/images/NAME_t0.npy` and `..._t1.npy`: counts `(y, x, band)`.
        splits: their names.

    Raises:
        BadInput: there are none, or they are something else.
    """
    paths = sorted(path for split in splits for path in (folder / split / "images").glob("*_t[01].npy"))
    if not paths:
        raise BadInput(f"{folder} has no patches: it must be the folder dataset of sat-mining-detector")
    patches = []
    for path in paths:
        name, _, when = path.stem.rpartition("_")
        kind = kind_of(name)
        if kind is None or (kind == "gold" and when == "t0"):
            continue
        counts = np.load(path)
        if counts.ndim != 3 or counts.shape[2] != len(DEFAULT_BANDS):
            raise BadInput(f"{path} is no patch of {len(DEFAULT_BANDS)} bands")
        pixels = np.moveaxis(np.maximum(counts, 0) * np.float32(QUANTIFICATION), 2, 0).astype(np.float32)
        patches.append(Patch(pixels, label(pixels, kind), kind))
    return patches


def mosaic(patches: Sequence[Patch], rng: np.random.Generator, side: int) -> tuple[Image, NDArray[np.uint8]]:
    """Fill a tile with patches, each mirrored over its right and its lower edge, so that there are fewer seams.

    Labels beside seams are unknown.

    Args:
        patches: to draw from, some of each kind, all of the same size.
        rng: decides what is where.
        side: height and width of the tile in pixels.

    Returns:
        The image, and class indices `(y, x)`.
    """
    kinds = {kind: [one for one in patches if one.kind == kind] for kind in SHARES}
    mirrored = (0, patches[0].labels.shape[0])
    length = 2 * mirrored[1]
    count = -(-side // length) + 1
    pixels = np.zeros((len(DEFAULT_BANDS), count * length, count * length), np.float32)
    labels = np.full(pixels.shape[1:], UNKNOWN, np.uint8)
    for top in range(0, count * length, length):
        for left in range(0, count * length, length):
            kind = kinds[rng.choice(list(SHARES), p=list(SHARES.values()))]
            patch = kind[int(rng.integers(len(kind)))]
            both = np.concatenate([patch.pixels, patch.labels[None]])
            both = np.pad(both, ((0, 0), mirrored, mirrored), mode="symmetric")
            if rng.random() < 0.5:
                both = both.swapaxes(1, 2)
            where = slice(top, top + length), slice(left, left + length)
            pixels[:, *where] = both[:-1]
            labels[where] = both[-1].astype(np.uint8)
    labels[::length] = labels[length - 1 :: length] = UNKNOWN
    labels[:, ::length] = labels[:, length - 1 :: length] = UNKNOWN
    top, left = (int(rng.integers(count * length - side + 1)) for _ in range(2))
    where = slice(top, top + side), slice(left, left + side)
    found = np.ascontiguousarray(pixels[:, *where])
    return Image(found, np.asarray(found.any(axis=0)), DEFAULT_BANDS), np.ascontiguousarray(labels[where])


def lay_patches(folder: Path, out: Path, tiles: Mapping[str, int], size: int, seed: int) -> None:
    """Add tiles made of patches to a dataset.

    Args:
        folder: of the patches, see `read_patches`.
        out: the dataset.
        tiles: number of tiles of each split (`train`, `val`).
        size: height and width of a tile in pixels.
        seed: decides every pixel.

    Raises:
        BadInput: there are no such patches.
    """
    for split, wanted in tiles.items():
        patches = read_patches(folder, SPLITS[split])
        for number in range(wanted):
            rng = np.random.default_rng([seed, 4, split == "val", number])
            image, labels = mosaic(patches, rng, size)
            place = FIRST_PLOT + number + (split == "val") * 1_000
            where = place_site(Plot(split, number, 1, place), size, PLACELESS)
            name = f"patches_{number:03d}.tif"
            write_image(out / split / "images" / name, Image(image.pixels, image.valid, image.bands, where))
            write_mask(out / split / "masks" / name, DEFAULT_LEGEND.mask(labels), DEFAULT_LEGEND, where)
