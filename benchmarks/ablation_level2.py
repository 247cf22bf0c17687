"""What was tried for level 2: features and learners, on what networks said of tiles that they hadn't learned from.

    python benchmarks/ablation.py ... --only base --keep
    python benchmarks/ablation_level2.py --data ../shared/data/brazil-tailings --out measured/ablation [--jobs 2]

Fitted and judged by the same site folds, against the networks' average on the same pixels: `--pixels` of each tile,
drawn evenly (0 for all), of which `--fit` in all are learned from. Writes `level2.json` and `level2.md` beside the
tables of `ablation.py`.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ablations.context import GROUPS, columns
from ablations.ground import open_ground
from ablations.table import Outcome, judge, markdown
from sklearn.ensemble import HistGradientBoostingClassifier

from highwall.files import new_file, write_json
from highwall.legend import UNKNOWN
from highwall.models.config import ForestConfig
from highwall.models.model import AVERAGE
from highwall.training.data import read_sample
from highwall.training.level2 import fit_level2

if TYPE_CHECKING:
    from ablations.ground import Ground
    from numpy.typing import NDArray

AROUND = ("around bands", "around probabilities", "edge")
FEATURES = {
    "pixels": ("bands",),
    "pixels-around": ("bands", "around bands"),
    "masks": ("bands", "masks"),
    "probabilities": ("bands", "probabilities"),
    "context": ("bands", "probabilities", *AROUND),
    "context-alone": ("probabilities", "around probabilities", "edge"),
}
"""Groups of features by trial."""

TRIES = {
    "pixels": "bands alone, no networks",
    "pixels-around": "bands and what lies around, no networks",
    "masks": "bands and the networks' classes",
    "probabilities": "bands and the networks' probabilities",
    "context": "the same, and what lies around",
    "context-alone": "the networks' probabilities and what lies around, no bands",
}

FOREST = ForestConfig(max_depth=16, min_leaf=50, balanced=False)


@dataclass(frozen=True, eq=False)
class Pixels:
    """Labelled pixels of all tiles that there are answers for."""

    features: dict[str, NDArray[np.float32]]
    """By group, `(pixel, feature)`."""

    labels: NDArray[np.uint8]
    tile: NDArray[np.intp]
    fold: NDArray[np.intp]
    average: NDArray[np.uint8]
    """What the networks' average takes them for."""

    def rows(self, groups: tuple[str, ...]) -> NDArray[np.float32]:
        """Put groups of features side by side."""
        return np.concatenate([self.features[group] for group in groups], axis=1)


def read(ground: Ground, folder: Path, folds: dict[int, int], pixels: int) -> Pixels:
    """Draw pixels of the tiles, and describe them.

    Args:
        ground: the tiles.
        folder: what the networks said of them.
        folds: fold of each tile to look at.
        pixels: number of labelled ones of each tile; 0 for all.
    """
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in (*GROUPS, "labels", "tile", "fold", "average")}
    for tile, fold in sorted(folds.items()):
        image, labels = read_sample(ground.roles.train[tile], ground.dataset.encoding)
        members = np.load(folder / f"{tile}.npz")["members"].astype(np.float32) / 255
        known = np.flatnonzero(labels != UNKNOWN)
        if pixels and pixels < len(known):
            known = np.sort(np.random.default_rng([0, tile]).choice(known, pixels, replace=False))
        for group, planes in columns(image, members).items():
            parts[group].append(planes.reshape(len(planes), -1)[:, known].T.astype(np.float32))
        parts["labels"].append(labels.ravel()[known])
        # The average is one of logits, as in training; rounded probabilities hold them to a 255th.
        logits = np.log(np.maximum(members, 1 / 510)).mean(0).reshape(members.shape[1], -1)
        parts["average"].append(logits[:, known].argmax(0).astype(np.uint8))
        parts["tile"].append(np.full(len(known), tile))
        parts["fold"].append(np.full(len(known), fold))
    joined = {name: np.concatenate(some) for name, some in parts.items()}
    return Pixels({group: joined.pop(group) for group in GROUPS}, **joined)


def learn(learner: str, rows: NDArray[np.float32], labels: NDArray[np.uint8], classes: int) -> Any:
    """Fit a forest or gradient boosting, and return what predicts class probabilities."""
    if learner == "forest":
        names = [f"f{number}" for number in range(rows.shape[1])]
        return fit_level2(rows, labels, names, classes, FOREST, 0).predict_proba
    fitted = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.1, l2_regularization=1.0, random_state=0)
    fitted.fit(rows, labels)

    def predict(rows: NDArray[np.float32]) -> NDArray[np.float64]:
        probabilities = np.zeros((len(rows), classes))
        probabilities[:, fitted.classes_] = fitted.predict_proba(rows)
        return probabilities

    return predict


def cross_fit(pixels: Pixels, learner: str, groups: tuple[str, ...], classes: int, most: int) -> NDArray[np.uint8]:
    """Answer for the pixels of each fold after learning from `most` of the others'."""
    rows, answer = pixels.rows(groups), np.zeros(len(pixels.labels), np.uint8)
    for fold in np.unique(pixels.fold):
        inside = np.flatnonzero(pixels.fold != fold)
        if len(inside) > most:
            inside = np.sort(np.random.default_rng(int(fold)).choice(inside, most, replace=False))
        predict = learn(learner, rows[inside], pixels.labels[inside], classes)
        held_out = np.flatnonzero(pixels.fold == fold)
        for some in np.array_split(held_out, max(1, len(held_out) // 500_000)):
            answer[some] = predict(rows[some]).argmax(1)
    return answer


def outcome(pixels: Pixels, answer: NDArray[np.uint8], ground: Ground, seconds: float) -> Outcome:
    """Count what pixels are and what they were taken for, by tile."""
    classes, tiles = len(ground.dataset.encoding.legend), np.unique(pixels.tile)
    place = np.searchsorted(tiles, pixels.tile)
    cells = np.ravel_multi_index((place, pixels.labels, answer), (len(tiles), classes, classes))
    counts = np.bincount(cells, minlength=len(tiles) * classes**2).reshape(-1, classes, classes)
    sites = tuple(ground.roles.sites[tile] for tile in tiles)
    facts = {"folds": len(np.unique(pixels.fold)), "seconds": round(seconds, 1)}
    return Outcome(tuple(tiles.tolist()), sites, {AVERAGE: counts}, facts)


def main() -> None:
    """Try all, and write a table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, help="dataset; of `simulated`, where `ablation.py` made it if left out")
    options.add_argument("--dataset", choices=("brazil", "simulated"), default="brazil")
    options.add_argument("--out", type=Path, required=True, help="the folder of `ablation.py`")
    options.add_argument("--pixels", type=int, default=20_000, help="answered for in each tile; 0 for all")
    options.add_argument("--fit", type=int, default=150_000, help="learned from for each fold")
    options.add_argument("--only", nargs="+", choices=list(FEATURES), default=list(FEATURES))
    given = options.parse_args()
    out = given.out / given.dataset
    ground = open_ground(given.data or given.out / "simulated-tiles", out / "tiles")
    documents = [json.loads(path.read_text("utf-8")) for path in sorted((out / "units" / "base").glob("*.json"))]
    folds = {tile: document["fold"] for document in documents for tile in document["tiles"]}
    if len(set(folds.values())) < 2:
        raise SystemExit("level 2 needs two folds or more of the base: run ablation.py --only base --keep")
    pixels, legend = read(ground, out / "said" / "base", folds, given.pixels), ground.dataset.encoding.legend
    base = outcome(pixels, pixels.average, ground, 0)
    told = {"name": "networks", "group": "networks", "tries": "the networks' average"}
    rows = [told | judge(base, None, legend)]
    for learner, group in (("forest", "random forest"), ("boosting", "gradient boosting")):
        for name in given.only:
            begun = time.monotonic()
            answer = cross_fit(pixels, learner, FEATURES[name], len(legend), given.fit)
            found = judge(outcome(pixels, answer, ground, time.monotonic() - begun), base, legend)
            rows.append({"name": f"{learner}: {name}", "group": group, "tries": TRIES[name]} | found)
            print(f"{learner} {name}: mIoU {found['miou']:.3f}, {found['seconds']} s", flush=True)
    title = (
        f"{given.dataset}, level 2: {given.pixels or 'all'} pixels of each of {len(folds)} tiles, forests and boosting "
        f"fitted on {given.fit}. In bold: the 90 % interval of the difference, by site, leaves out 0."
    )
    write_json(out / "level2.json", {"title": title, "trials": rows})
    with new_file(out / "level2.md") as part:
        part.write_text(markdown(rows, legend, title), "utf-8")
    print(markdown(rows, legend, title))


if __name__ == "__main__":
    main()
