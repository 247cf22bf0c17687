"""What a model scores on labelled tiles, level by level."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from highwall.errors import BadInput
from highwall.evaluation.calibration import Reliability, reliability
from highwall.evaluation.edges import EDGE, confusion_by_stratum
from highwall.evaluation.scores import scores
from highwall.evaluation.summary import by_site, summarise
from highwall.legend import UNKNOWN
from highwall.tiles import read_image, read_labels, sites
from highwall.tiles.ground import geographic_ring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.legend import Legend
    from highwall.models.missing import MissingBands
    from highwall.models.model import Model
    from highwall.tiles import Dataset, Tile, Track


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Confusion matrices of a model on a set of tiles; every score is derived from them."""

    legend: Legend
    final: str
    """The level whose answer counts."""

    tiles: tuple[Tile, ...]
    sites: tuple[int, ...]
    """Site of each tile."""

    counts: dict[str, NDArray[np.int64]]
    """By level: pixel counts `(tile, stratum, truth, answer)`; strata are the interior of classes and edge pixels."""

    notes: tuple[str, ...] = ()
    """What a person should know of these scores, a line each."""

    missing: MissingBands | None = None
    """The bands of the model that the tiles lack, if they do."""

    reliability: Reliability | None = None
    """Whether the probabilities of the level that counts mean what they say, over all labelled pixels."""

    @cached_property
    def matrices(self) -> dict[str, NDArray[np.int64]]:
        """By level: pixel counts `(tile, truth, answer)`."""
        return {level: counts.sum(axis=1) for level, counts in self.counts.items()}

    def to_json(self) -> dict[str, Any]:
        """Return scores and intervals by level, of all and of each split, and the matrices of set, sites and tiles."""
        levels = self.matrices.items()
        of_sites = {level: by_site(matrices, self.sites) for level, matrices in levels}
        return {
            "final": self.final,
            "scores": summarise(self.matrices, self.sites, self.legend),
            "classes": list(self.legend.names),
            "notes": list(self.notes),
            "missing_bands": None if self.missing is None else self.missing.to_json(),
            "reliability": None if self.reliability is None else self.reliability.to_json(self.legend.names),
            "splits": {split: self._split(split) for split in dict.fromkeys(tile.split for tile in self.tiles)},
            "confusion": {level: matrices.sum(0).tolist() for level, matrices in levels},
            "edge_confusion": {level: counts[:, EDGE].sum(0).tolist() for level, counts in self.counts.items()},
            "sites": {
                str(site): {"confusion": {level: of_sites[level][site].tolist() for level in self.matrices}}
                for site in sorted(set(self.sites))
            },
            "tiles": {
                tile.key: {
                    "site": site,
                    "miou": {level: scores(matrices[n], self.legend).miou for level, matrices in levels},
                    "confusion": {level: matrices[n].tolist() for level, matrices in levels},
                }
                for n, (tile, site) in enumerate(zip(self.tiles, self.sites, strict=True))
            },
        }

    def _split(self, split: str) -> dict[str, Any]:
        """Return scores and intervals by level of one split's tiles."""
        here = [n for n, tile in enumerate(self.tiles) if tile.split == split]
        matrices = {level: of_level[here] for level, of_level in self.matrices.items()}
        return summarise(matrices, [self.sites[n] for n in here], self.legend)


def evaluate(model: Model, dataset: Dataset, track: Track = iter) -> Evaluation:
    """Compare a model's answers with the truth, for each level alone.

    Args:
        model: the model.
        dataset: labelled tiles; tiles without masks are left out.
        track: hands the tiles on and tells somebody how far it is.

    Raises:
        BadInput: there are no labels, the tiles lack a band that the model can't do without, or their legend has other
            classes.
    """
    labelled = tuple(tile for tile in dataset.tiles if tile.mask is not None)
    if not labelled:
        raise BadInput(f"{dataset.root}: nothing to evaluate on: there are no masks")
    dataset = replace(dataset, tiles=labelled)
    model = model.for_bands(dataset.encoding.bands)
    number = sites(dataset)
    to_model = _translation(dataset.encoding.legend, model.legend)
    rows: list[dict[str, NDArray[np.int64]]] = []
    stated: list[Reliability] = []
    for tile in track(labelled):
        image = read_image(tile.image, dataset.encoding).select(model.bands)
        labels = np.where(image.valid, to_model[read_labels(tile, dataset.encoding)], np.uint8(UNKNOWN))
        levels = model.levels(image.pixels[None])
        answers = {level: probabilities[0].argmax(0).astype(np.uint8) for level, probabilities in levels.items()}
        rows.append(
            {level: confusion_by_stratum(labels, answer, len(model.legend)) for level, answer in answers.items()}
        )
        known = labels != UNKNOWN
        stated.append(reliability(levels[model.final][0][:, known].T, labels[known]))
    counts = {level: np.stack([row[level] for row in rows]) for level in rows[0]}
    places = tuple(number[tile.key] for tile in labelled)
    missing = () if model.missing is None else (model.missing.sentence,)
    notes = (*missing, *_overlap_note(model, dataset), *_absence_notes(counts[model.final].sum((0, 1)), model.legend))
    told = Reliability.joined(stated)
    return Evaluation(model.legend, model.final, labelled, places, counts, notes, model.missing, told)


def _translation(theirs: Legend, ours: Legend) -> NDArray[np.uint8]:
    """Make the table from their class indices to ours, by name."""
    if foreign := [name for name in theirs.names if name not in ours.names]:
        raise BadInput(f"the model does not know the class {foreign[0]!r} (it has {', '.join(ours.names)})")
    table = np.full(256, UNKNOWN, np.uint8)
    table[: len(theirs)] = [ours.names.index(name) for name in theirs.names]
    return table


def on_training_ground(model: Model, tiles: Sequence[Tile]) -> int:
    """Count the tiles that lie on ground that the model was trained on, or a model that it started from."""
    training = model.facts.get("training", {})
    trained = [*training.get("footprints", {}).values(), *training.get("earlier_footprints", [])]
    here = [ring for tile in tiles if (ring := geographic_ring(tile))]
    if not trained or not here:
        return 0
    theirs, ours = shapely.polygons(trained), shapely.polygons(here)
    pairs = shapely.STRtree(theirs).query(ours, predicate="intersects")
    shared = shapely.area(shapely.intersection(ours[pairs[0]], theirs[pairs[1]])) > 1e-3 * shapely.area(ours[pairs[0]])
    return len(set(pairs[0][shared].tolist()))


def _overlap_note(model: Model, dataset: Dataset) -> list[str]:
    count, total = on_training_ground(model, dataset.tiles), len(dataset.tiles)
    return [f"{count} of {total} tiles share ground with training tiles: their scores flatter"] if count else []


def _absence_notes(matrix: NDArray[np.int64], legend: Legend) -> list[str]:
    absent = [legend.names[index] for index in legend.targets if not matrix[index].any()]
    return [f"class {name!r} never occurs in the labels of these tiles" for name in absent]
