"""Time of level 2 beside scikit-learn, on the forest of the preset `0try` and on the compact one chosen in its place.

    python benchmarks/forest.py [--trees 100] [--tiles 8] [--noise 0.6] [--wrong 0.65] [--rounds 3] [--json FILE]

Fits on simulated tiles whose bands have noise (the standard deviation of the logarithm of a factor) and whose networks'
masks are wrong in patches (`--wrong` is their share of the area), and answers for as many others, tile by tile, with
scikit-learn and the product in turns. This takes about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from scipy.ndimage import gaussian_filter
from sklearn.ensemble import RandomForestClassifier

from highwall.evaluation.confusion import confusion
from highwall.evaluation.scores import scores
from highwall.legend import DEFAULT_LEGEND
from highwall.models.config import ForestConfig
from highwall.models.forest import Forest
from highwall.sentinel2 import DEFAULT_BANDS
from highwall.simulation.dataset import simulate
from highwall.training.compact import Trial, compact
from highwall.training.level2 import Evidence, fit_level2

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = (*DEFAULT_BANDS, "unet", "fpn")
CONFIG = ForestConfig(answers="masks")


def read(split: Path, noise: float, wrong: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features `(tile, pixel, 8)` and labels `(tile, pixel)` of simulated tiles, spoilt."""
    rng = np.random.default_rng(seed)
    rows, labels = [], []
    for path in sorted((split / "images").glob("*.tif")):
        with rasterio.open(path) as image, rasterio.open(split / "masks" / path.name) as mask:
            counts, truth = image.read(), mask.read(1)
        counts = np.clip(counts * np.exp(rng.normal(0, noise, counts.shape)), 1, 65535).astype(np.uint16)
        masks = np.stack([_spoilt(truth, wrong, rng) for _ in range(2)])
        columns = np.concatenate([counts.reshape(6, -1) * 1e-4, masks.reshape(2, -1)])
        rows.append(np.ascontiguousarray(columns.T, np.float32))
        labels.append(truth.ravel())
    return np.stack(rows), np.stack(labels)


def _spoilt(truth: np.ndarray, wrong: float, rng: np.random.Generator) -> np.ndarray:
    """Put patches of any class into a mask."""
    field = gaussian_filter(rng.normal(size=truth.shape), 6)
    other = gaussian_filter(rng.normal(size=(4, *truth.shape)), (0, 12, 12)).argmax(0)
    return np.where(field > np.quantile(field, 1 - wrong), other, truth)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that a call takes, and its result."""
    begun = time.perf_counter()
    result = call()
    return time.perf_counter() - begun, result


def in_turns(reference: RandomForestClassifier, full: Forest, small: Forest, x: np.ndarray, rounds: int) -> Any:
    """Time all three on every tile, one after the other, and count the labels and probabilities that differ."""
    taken: dict[str, list[float]] = {"scikit_learn": [], "predict": [], "probabilities": [], "compact": []}
    differ = 0
    for _ in range(rounds):
        for tile in x:
            calls = (reference.predict, full.predict, full.predict_proba, small.predict)
            answers = []
            for name, call in zip(taken, calls, strict=True):
                seconds, answer = timed(lambda call=call, tile=tile: call(tile))
                taken[name].append(seconds)
                answers.append(answer)
            differ += np.count_nonzero(answers[0] != answers[1])
            differ += np.count_nonzero(answers[0] != answers[2].argmax(1))
    ours = {name: statistics.median(seconds) for name, seconds in taken.items()}
    ratios = {name: [a / b for a, b in zip(taken["scikit_learn"], taken[name], strict=True)] for name in taken}
    return {
        "ms_a_tile": {name: round(1000 * seconds, 1) for name, seconds in ours.items()},
        "times_as_fast": {name: round(statistics.median(ratio), 1) for name, ratio in ratios.items()},
        "pixels_that_differ": int(differ),
    }


def _table(trials: tuple[Trial, ...]) -> list[dict[str, Any]]:
    """Write trials as rows, cheapest first."""
    return [trial.to_json() for trial in sorted(trials, key=lambda trial: trial.steps)]


def main() -> None:
    """Fit, choose, measure, and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--trees", type=int, default=100)
    options.add_argument("--tiles", type=int, default=8)
    options.add_argument("--noise", type=float, default=0.6)
    options.add_argument("--wrong", type=float, default=0.65)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    config = CONFIG.model_copy(update={"trees": given.trees})
    with tempfile.TemporaryDirectory() as folder:
        simulate(Path(folder) / "data", tiles={"val": given.tiles, "open": given.tiles})
        x, y = read(Path(folder) / "data" / "val", given.noise, given.wrong, 0)
        others, truth = read(Path(folder) / "data" / "open", given.noise, given.wrong, 1)
    rows, labels = x.reshape(-1, x.shape[-1]), y.ravel()

    reference = RandomForestClassifier(given.trees, class_weight="balanced", random_state=0, n_jobs=2)
    fit_s, _ = timed(lambda: reference.fit(rows, labels))
    reference.n_jobs = None  # as the reference's authors have it
    full = Forest.from_sklearn(reference, NAMES, 4)
    full.predict(others[0])  # compiles
    full = Forest.from_arrays(full.to_arrays(), NAMES)
    first_s, _ = timed(lambda: full.predict(others[0, :1]))
    result: dict[str, Any] = {"trees": given.trees, "nodes": full.feature.size, "fit_s": round(fit_s)}
    result |= {"packing_s": round(first_s, 2), "arrays_mb": sum(a.nbytes for a in full.to_arrays().values()) // 10**6}
    result |= {"packed_mb": full._packed.nodes.nbytes // 10**6}  # noqa: SLF001 # for the figure alone
    print(json.dumps(result, indent=2), flush=True)

    tile = np.repeat(np.arange(len(x)), x.shape[1])
    evidence = Evidence({}, rows, labels, {}, tile)
    choosing_s, (chosen, trials) = timed(
        lambda: compact(evidence, [number * 2 // len(x) for number in range(len(x))], NAMES, DEFAULT_LEGEND, config, 0)
    )
    small = fit_level2(rows, labels, NAMES, 4, chosen, 0)
    small.predict(others[0])
    result |= {"choosing_s": round(choosing_s), "trials": _table(trials), "chosen": chosen.model_dump()}
    result |= in_turns(reference, full, small, others, given.rounds)
    for name, forest in (("full", full), ("compact", small)):
        matrix = sum(confusion(right, forest.predict(tile), 4) for tile, right in zip(others, truth, strict=True))
        result[f"miou_on_others_{name}"] = round(scores(matrix, DEFAULT_LEGEND).miou, 4)
    print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
