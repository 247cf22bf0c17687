"""What a model finds on real ground: drawn mines, false objects where there are none, three-band tiles of Brazil."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rasterio.features import geometry_mask
from rasterio.transform import Affine
from scipy import ndimage

from highwall.box.ground import ground_of
from highwall.errors import BadInput
from highwall.image import Image
from highwall.legend import UNKNOWN
from highwall.models.readme import GROUND
from highwall.scenes import SceneReader, open_scene
from highwall.tiles import open_dataset, read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.models.model import Model

WINDOW: Final = 256
"""Height and width of the tiles that a model is asked about."""

HALF_HECTARE: Final = 50
"""Pixels of 10 m."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of a piece of ground, and what is known of it."""

    name: str
    image: Image
    labels: NDArray[np.uint8]
    """Class indices `(y, x)`, 255 where there is no data."""

    drawn: NDArray[np.bool_] | None = None
    """Pixels of the mine that was drawn, `(y, x)`; None where there is none."""

    learned: bool = False
    """Whether the model's training ground was taken from this scene or this place."""

    kind: str = ""
    """What was drawn."""

    @property
    def mine(self) -> NDArray[np.bool_]:
        """Pixels called mine, of any class."""
        return np.asarray((self.labels != 0) & (self.labels != UNKNOWN))

    @property
    def share(self) -> float:
        """Share of the drawn pixels that are called mine; 0 where nothing is drawn."""
        return 0.0 if self.drawn is None or not self.drawn.any() else float(self.mine[self.drawn].mean())

    @property
    def false_objects(self) -> int:
        """Number of objects of half a hectare or more, where none is drawn."""
        return sum(size >= HALF_HECTARE for size in _sizes(self.mine))


def ask(model: Model, image: Image) -> NDArray[np.uint8]:
    """Return the model's class indices `(y, x)`, 255 where there is no data; it may do without some of its bands.

    Raises:
        BadInput: it can't.
    """
    model = model.for_bands(image.bands)
    image = image.select(model.bands)
    return np.where(image.valid, model.labels(image.pixels[None])[0], np.uint8(UNKNOWN))


def find_drawn(model: Model, scenes: Path, *outlines: Path) -> Iterator[Answer]:
    """Ask about every drawn mine in the middle of a window.

    Args:
        model: the model.
        scenes: folder of scenes, each named like its outlines; those that lack are left out.
        outlines: folders of GeoJSON in pixels (column, row) of the scene that `scene` names.
    """
    for document in _documents(*outlines):
        path = scenes / f"{document['scene']}.tif"
        if path.exists():
            whole = _read(path)
            for feature in document["features"]:
                inside = ~geometry_mask([feature["geometry"]], whole.shape, Affine.identity())
                window = _around(inside)
                image = _part(whole, window)
                told = feature["properties"]
                name = f"{path.stem}: {told['name']}"
                drawn = inside[window] & image.valid
                yield Answer(name, image, ask(model, image), drawn, _learned(model, path), told["class"])


def find_false(model: Model, scenes: Path, *outlines: Path) -> Iterator[Answer]:
    """Ask about every tile of every scene that touches no place with mines; tiles don't overlap."""
    avoided = {document["scene"]: document["mines"] for document in _documents(*outlines)}
    for path in sorted(scenes.glob("*.tif")):
        whole = _read(path)
        mines = np.zeros(whole.shape, bool)
        for top, bottom, left, right in avoided.get(path.stem, ()):
            mines[top:bottom, left:right] = True
        height, width = whole.shape
        for top in range(0, max(height - WINDOW, 0) + 1, WINDOW):
            for left in range(0, max(width - WINDOW, 0) + 1, WINDOW):
                window = np.s_[top : top + WINDOW, left : left + WINDOW]
                if not mines[window].any() and whole.valid[window].mean() > 0.5:
                    image = _part(whole, window)
                    name = f"{path.stem} {top},{left}"
                    yield Answer(name, image, ask(model, image), None, _learned(model, path))


def find_labelled(model: Model, folder: Path) -> Iterator[tuple[Answer, NDArray[np.uint8]]]:
    """Ask about labelled tiles of three bands; yield the answers and the truth, class ids `(y, x)`.

    Raises:
        BadInput: the model cannot do without the other bands.
    """
    dataset = open_dataset(folder)
    ids = np.full(256, UNKNOWN, np.uint8)
    ids[: len(dataset.encoding.legend)] = [c.id for c in dataset.encoding.legend.classes]
    for tile in dataset.tiles:
        if tile.mask is not None:
            image = read_image(tile.image, dataset.encoding)
            truth = ids[np.where(image.valid, read_labels(tile, dataset.encoding), UNKNOWN)]
            drawn = (truth != 0) & (truth != UNKNOWN)
            yield Answer(tile.key, image, ask(model, image), drawn), truth


def score_labelled(model: Model, pairs: Sequence[tuple[Answer, NDArray[np.uint8]]]) -> dict[str, float]:
    """Return IoU of mine ground of any class and of tailings ponds, and the share of real objects that are found."""
    pond = [n for n, one in enumerate(model.legend.classes) if one.name == "tailings pond"]
    both = dict.fromkeys(("mine", "pond"), 0)
    either = dict.fromkeys(("mine", "pond"), 0)
    found = objects = 0
    for answer, truth in pairs:
        known = (truth != UNKNOWN) & (answer.labels != UNKNOWN)
        true_mine = known & (truth != 0)
        of_pond = (truth == 3, np.isin(answer.labels, pond))
        for key, (true, said) in {"mine": (true_mine, answer.mine), "pond": of_pond}.items():
            both[key] += int((true & said & known).sum())
            either[key] += int(((true | said) & known).sum())
        numbered, count = ndimage.label(true_mine)
        sizes = np.bincount(numbered.ravel(), minlength=count + 1)[1:]
        hits = np.bincount(numbered[answer.mine].ravel(), minlength=count + 1)[1:]
        large = sizes >= HALF_HECTARE
        objects += int(large.sum())
        found += int((hits[large] > sizes[large] / 2).sum())
    return {
        "tiles": len(pairs),
        "objects": objects,
        "objects_found": found / max(objects, 1),
        "mine_iou": both["mine"] / max(either["mine"], 1),
        "tailings_iou": both["pond"] / max(either["pond"], 1),
    }


def _documents(*outlines: Path) -> list[dict[str, Any]]:
    paths = [path for folder in outlines for path in folder.glob("*.json")]
    return [json.loads(path.read_text("utf-8")) for path in sorted(paths, key=lambda path: path.name)]


def _read(path: Path) -> Image:
    scene = open_scene(path, scale=1e-4, offset=0)
    with SceneReader(scene, scene.bands) as reader:
        return reader.read()


def _around(inside: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the window with the object in its middle, as far as the scene reaches."""
    middle = (np.argwhere(inside).min(0) + np.argwhere(inside).max(0)) // 2
    starts = [
        int(np.clip(centre - WINDOW // 2, 0, max(length - WINDOW, 0)))
        for centre, length in zip(middle, inside.shape, strict=True)
    ]
    return slice(starts[0], starts[0] + WINDOW), slice(starts[1], starts[1] + WINDOW)


def _part(whole: Image, window: tuple[slice, slice]) -> Image:
    return Image(whole.pixels[:, *window], whole.valid[window], whole.bands)


def _learned(model: Model, path: Path) -> bool:
    try:
        ours = ground_of(path)
    except BadInput:
        return False
    return any(one["place"] == ours.place for one in model.facts.get(GROUND, ()))


def _sizes(mine: NDArray[np.bool_]) -> list[int]:
    """Return the number of pixels of each object, pixels that hang together by their sides."""
    numbered, _ = ndimage.label(mine)
    return [int(size) for size in np.bincount(numbered.ravel())[1:]]
