"""What a model scores on labelled tiles, level by level."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from highwall.errors import BadInput
from highwall.evaluation.bootstrap import site_intervals
from highwall.evaluation.confusion import confusion
from highwall.evaluation.scores import scores
from highwall.legend import UNKNOWN
from highwall.tiles import read_image, read_labels, sites
from highwall.tiles.ground import geographic_box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from highwall.legend import Legend
    from highwall.models.model import Model
    from highwall.tiles import Dataset, Tile

    Track = Callable[[Sequence[Tile]], Iterable[Tile]]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Confusion matrices of a model on a set of tiles; every score is derived from them."""

    legend: Legend
    final: str
    """The level whose answer counts."""

    tiles: tuple[Tile, ...]
    sites: tuple[int, ...]
    """Site of each tile."""

    matrices: dict[str, NDArray[np.int64]]
    """By level: pixel counts `(tile, truth, answer)`."""

    notes: tuple[str, ...] = ()
    """What a person should know of these scores, a line each."""

    def by_site(self, level: str) -> NDArray[np.int64]:
        """Add up the tiles of each site: `(site, truth, answer)`."""
        return np.stack(
            [self.matrices[level][np.asarray(self.sites) == site].sum(0) for site in sorted(set(self.sites))]
        )

    def to_json(self) -> dict[str, Any]:
        """Return scores and intervals by level, and the confusion matrices of set, sites and tiles."""
        return {
            "final": self.final,
            "scores": {level: self._summary(level) for level in self.matrices},
            "classes": list(self.legend.names),
            "notes": list(self.notes),
            "confusion": {level: matrices.sum(0).tolist() for level, matrices in self.matrices.items()},
            "tiles": {
                tile.key: {
                    "site": site,
                    "miou": {level: scores(self.matrices[level][n], self.legend).miou for level in self.matrices},
                    "confusion": {level: self.matrices[level][n].tolist() for level in self.matrices},
                }
                for n, (tile, site) in enumerate(zip(self.tiles, self.sites, strict=True))
            },
        }

    def _summary(self, level: str) -> dict[str, Any]:
        by_site = self.by_site(level)
        intervals = site_intervals(by_site, self.legend).to_json()
        return scores(by_site.sum(0), self.legend).to_json() | {"interval": intervals}


def evaluate(model: Model, dataset: Dataset, track: Track = iter) -> Evaluation:
    """Compare a model's answers with the truth, for each level alone.

    Args:
        model: the model.
        dataset: labelled tiles; tiles without masks are left out.
        track: hands the tiles on and tells somebody how far it is.

    Raises:
        BadInput: there are no labels, the tiles lack a band of the model, or their legend has other classes.
    """
    labelled = tuple(tile for tile in dataset.tiles if tile.mask is not None)
    if not labelled:
        raise BadInput(f"{dataset.root}: nothing to evaluate on: there are no masks")
    dataset = replace(dataset, tiles=labelled)
    number = sites(dataset)
    to_model = _translation(dataset.encoding.legend, model.legend)
    rows: list[dict[str, NDArray[np.int64]]] = []
    for tile in track(labelled):
        image = read_image(tile.image, dataset.encoding).select(model.bands)
        labels = np.where(image.valid, to_model[read_labels(tile, dataset.encoding)], np.uint8(UNKNOWN))
        levels = model.levels(image.pixels[None])
        answers = {level: probabilities[0].argmax(0).astype(np.uint8) for level, probabilities in levels.items()}
        rows.append({level: confusion(labels, answer, len(model.legend)) for level, answer in answers.items()})
    matrices = {level: np.stack([row[level] for row in rows]) for level in rows[0]}
    places = tuple(number[tile.key] for tile in labelled)
    notes = (*_overlap_note(model, dataset), *_absence_notes(matrices[model.final].sum(0), model.legend))
    return Evaluation(model.legend, model.final, labelled, places, matrices, notes)


def _translation(theirs: Legend, ours: Legend) -> NDArray[np.uint8]:
    """Make the table from their class indices to ours, by name."""
    if foreign := [name for name in theirs.names if name not in ours.names]:
        raise BadInput(f"the model does not know the class {foreign[0]!r} (it has {', '.join(ours.names)})")
    table = np.full(256, UNKNOWN, np.uint8)
    table[: len(theirs)] = [ours.names.index(name) for name in theirs.names]
    return table


def _overlap_note(model: Model, dataset: Dataset) -> list[str]:
    """Tell how many of the tiles lie on ground that the model was trained on."""
    boxes = list(model.facts.get("training", {}).get("boxes", {}).values())
    here = [box for tile in dataset.tiles if (box := geographic_box(tile))]
    if not boxes or not here:
        return []
    trained = shapely.STRtree(shapely.box(*np.array(boxes).T))
    pairs = trained.query(shapely.box(*np.array(here).T), predicate="intersects")
    count = len(set(pairs[0].tolist()))
    return (
        [f"{count} of {len(dataset.tiles)} tiles share ground with training tiles: their scores flatter"]
        if count
        else []
    )


def _absence_notes(matrix: NDArray[np.int64], legend: Legend) -> list[str]:
    absent = [legend.names[index] for index in legend.targets if not matrix[index].any()]
    return [f"class {name!r} never occurs in the labels of these tiles" for name in absent]
