"""The reference pipeline and ours side by side, and how near ours is to what the machine can do.

    python benchmarks/speed.py [--encoder mit_b5] [--trees 100] [--tiles 8] [--rounds 3] [--json FILE]
    python benchmarks/speed.py --short [--against benchmarks/ratios.json] [--json FILE]

Tiles are simulated, with noise; networks have random weights; the forest is grown to the end on eight tiles, as the
preset `0try` grows it. Reference and ours take turns in one process, since shared machines change from minute to
minute; what counts are the ratios. `--short` takes small networks and a small forest, and with `--against` ends with
status 1 if a ratio has fallen by a third below what the file holds for machines of this kind.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
import torch
from ceiling import ceiling, matrix_product, seconds
from mapping import memory
from reference import Reference, make_reference, ours, read, rows
from rich.console import Console
from rich.table import Table
from synthetic import write_granule, write_noisy_tiles
from torch.utils.flop_counter import FlopCounterMode

import highwall
from highwall.cores import VARIABLE, usable_cores
from highwall.legend import DEFAULT_LEGEND
from highwall.models.backends import has_bfloat16, make_backend
from highwall.models.forest import Forest
from highwall.products.map import map_scene
from highwall.training.compact import first_trees

if TYPE_CHECKING:
    from highwall.models.model import Model

FALL = 2 / 3
"""A ratio may fall to this share of what it was."""


def most_memory(work: Any) -> float:
    """Return the MB that something takes beside what is held before, free memory given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    before = memory("VmRSS")
    work()
    return memory("VmHWM") - before


def pipeline(reference: Reference, model: Model, folder: Path, rounds: int) -> dict[str, Any]:
    """Time tiles to masks, both levels, and the stages of both."""
    images = sorted(folder.glob("open/images/*.tif"))
    highwall.predict(model, folder, folder.parent / "ours", split="open")  # compiles
    reference.predict(images[:1], folder.parent / "theirs")
    reference.seconds.update(dict.fromkeys(reference.seconds, 0.0))
    theirs, mine = [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        reference.predict(images, folder.parent / "theirs")
        theirs.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        highwall.predict(model, folder, folder.parent / "ours", split="open")
        mine.append(time.perf_counter() - begun)
    tiles = len(images)
    return {
        "tiles": tiles,
        "reference_s_a_tile": float(np.median(theirs)) / tiles,
        "ours_s_a_tile": float(np.median(mine)) / tiles,
        "ratio": float(np.median(np.divide(theirs, mine))),
        "reference_stages_s_a_tile": {stage: s / tiles / rounds for stage, s in reference.seconds.items()},
        "same_labels": same(folder.parent / "theirs", folder.parent / "ours"),
        "reference_mb": most_memory(lambda: reference.predict(images, folder.parent / "theirs")),
        "ours_mb": most_memory(lambda: highwall.predict(model, folder, folder.parent / "ours", split="open")),
    }


def same(a: Path, b: Path) -> float:
    """Return the share of pixels that two folders of masks agree on."""
    shares = []
    for path in sorted(a.glob("*.tif")):
        with rasterio.open(path) as one, rasterio.open(b / path.name) as other:
            shares.append((one.read(1) == other.read(1)).mean())
    return float(np.mean(shares))


def networks(
    reference: Reference, model: Model, image: np.ndarray, rounds: int, counts: tuple[int, ...]
) -> dict[str, Any]:
    """Time level 1 on so many tiles at once, beside matrix products in bfloat16 and the reference's networks."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.networks(torch.from_numpy(image)[None])
    gflop = counter.get_total_flops() / 1e9
    found: dict[str, Any] = {"gflop_a_tile": gflop, "backend": model.computed_with, "tiles": {}}
    theirs = []
    for count in counts:
        batch = np.repeat(image[None], count, 0)
        model.ask(batch)
        rates, taken = [], []
        for _ in range(rounds):
            product = matrix_product(torch.bfloat16 if has_bfloat16() else torch.float32)
            begun = time.perf_counter()
            for _ in range(max(8 // count, 1)):
                model.ask(batch).labels  # noqa: B018 - asks for it
            taken.append((time.perf_counter() - begun) / max(8 // count, 1) / count)
            rates.append(gflop / taken[-1] / product)
            begun = time.perf_counter()
            reference.masks(image)
            theirs.append((time.perf_counter() - begun) / taken[-1])
        found["tiles"][count] = {"s_a_tile": float(np.median(taken)), "of_matrix_product": float(np.median(rates))}
    return found | {"ratio": float(np.median(theirs))}


def level2(reference: Reference, model: Model, image: np.ndarray, rounds: int) -> dict[str, Any]:
    """Time level 2 on the rows of a tile."""
    table = rows(image, reference.masks(image))
    forest = model.forest or Forest.from_sklearn(reference.forest, (*model.bands, *model.configs), 4)
    expected = reference.forest.predict(table)
    found = forest.predict(table)
    theirs, mine = [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        reference.forest.predict(table)
        theirs.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        for _ in range(3):
            forest.predict(table)
        mine.append((time.perf_counter() - begun) / 3)
    by_trees = {
        n: seconds(partial(first_trees(forest, n).predict, table), 3) for n in (10, 30, 100) if n <= len(forest.roots)
    }
    return {
        "trees": len(forest.roots),
        "ours_s_a_tile_by_trees": by_trees,
        "nodes": len(forest.feature),
        "reference_s_a_tile": float(np.median(theirs)),
        "ours_s_a_tile": float(np.median(mine)),
        "ratio": float(np.median(np.divide(theirs, mine))),
        "same_labels": float((found == expected).mean()),
    }


def mapping(model: Model, folder: Path, rounds: int) -> dict[str, Any]:
    """Time the map of a scene beside both levels alone on as many windows that lie in memory."""
    scene = write_granule(folder / "granule.tif", 2000)
    batch = np.random.default_rng(0).uniform(0.05, 0.3, (8, 6, 256, 256)).astype(np.float32)
    asked: list[int] = []

    def predictor(reflectance: np.ndarray) -> np.ndarray:
        asked.append(len(reflectance))
        answer = model(reflectance) * np.float32(0.2)
        answer[:, 0] += np.float32(0.8)  # random networks would make a polygon of every pixel
        return answer

    predictor(batch)
    on_top = []
    for number in range(rounds):
        plain = seconds(lambda: model(batch), 3)
        asked.clear()
        begun = time.perf_counter()
        map_scene(scene, predictor, folder / f"map{number}", bands=model.bands)
        taken = time.perf_counter() - begun
        plain = (plain + seconds(lambda: model(batch), 3)) / 2 / len(batch)
        on_top.append(taken / (plain * sum(asked)) - 1)
    return {"windows": sum(asked), "s_a_window_alone": plain, "on_top": float(np.median(on_top))}


def growth(model: Model, image: np.ndarray) -> dict[str, dict[int, float]]:
    """Time our labels in milliseconds for more tiles, larger tiles, and on fewer threads."""

    def ms(asked: Model, batch: np.ndarray) -> float:
        asked.labels(batch)
        begun = time.perf_counter()
        for _ in range(3):
            asked.labels(batch)
        return (time.perf_counter() - begun) / 3 * 1000

    by_tiles = {count: ms(model, np.repeat(image[None], count, 0)) for count in (1, 2, 4, 8)}
    by_side = {side: ms(model, np.tile(image, (1, 2, 2))[None, :, :side, :side]) for side in (128, 256, 512)}
    cores, by_threads = torch.get_num_threads(), {}
    for threads in sorted({1, cores}):
        torch.set_num_threads(threads)
        os.environ[VARIABLE] = str(threads)
        anew = replace(model, backend=make_backend(model.computed_with, model.networks))
        by_threads[threads] = ms(anew, np.repeat(image[None], 4, 0))
    torch.set_num_threads(cores)
    os.environ[VARIABLE] = str(cores)
    return {"ms by tiles": by_tiles, "ms by side": by_side, "ms of 4 tiles by threads": by_threads}


def kind() -> str:
    """Name what ratios of networks depend on."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return "amx" if capabilities.get("amx_bf16") else "avx512-bf16" if has_bfloat16() else "float32"


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Measure all stages."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "tiles"
        write_noisy_tiles(folder, {"val": given.learn, "open": given.tiles})
        learn_from = sorted(folder.glob("val/images/*.tif"))
        image, _ = read(min(folder.glob("open/images/*.tif")))
        reference = make_reference(given.encoder, given.trees, learn_from)
        model = ours(reference, given.encoder, DEFAULT_LEGEND)
        result = {
            "machine": kind(),
            "cores": usable_cores(),
            "encoder": given.encoder,
            "ceiling": ceiling(learn_from[0]),
            "tiles to masks": pipeline(reference, model, folder, given.rounds),
            "level 1": networks(reference, model, image, given.rounds, (8,) if given.short else (1, 2, 8)),
            "level 2": level2(reference, model, image, given.rounds),
        }
        if given.short:
            return result
        return result | {"mapping": mapping(model, Path(name), given.rounds), "growth": growth(model, image)}


def show(result: dict[str, Any]) -> None:
    """Print a table."""
    table = Table(
        "what", "measured", title=f"{result['encoder']} twice, {result['cores']} cores with {result['machine']}"
    )

    def add(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                add(f"{prefix}: {key}" if prefix else str(key), inner)
        else:
            table.add_row(prefix, f"{value:,.4g}" if isinstance(value, float) else str(value))

    add("", {key: value for key, value in result.items() if key not in ("machine", "cores", "encoder")})
    Console(width=110).print(table)


def fallen(result: dict[str, Any], held: dict[str, Any]) -> list[str]:
    """Return a line for each ratio that has fallen by a third."""
    before = held["any"] | held.get(result["machine"], {})
    return [
        f"{stage}: {result[stage]['ratio']:.2f} times the reference, where it was {ratio:.2f}"
        for stage, ratio in before.items()
        if result[stage]["ratio"] < FALL * ratio
    ]


def main() -> None:
    """Measure, print a table, and compare."""
    options = argparse.ArgumentParser()
    options.add_argument("--encoder", default="mit_b5")
    options.add_argument("--trees", type=int, default=100)
    options.add_argument("--tiles", type=int, default=8)
    options.add_argument("--learn", type=int, default=8)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--short", action="store_true")
    options.add_argument("--against", type=Path)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    if given.short:
        given.encoder, given.trees, given.learn, given.tiles = "mit_b0", 20, 2, 8
    result = measure(given)
    show(result)
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    if given.against:
        held = json.loads(given.against.read_text("utf-8"))
        if fallen(result, held) and (lines := fallen(measure(given), held)):  # twice, since machines are shared
            sys.exit("\n".join(lines))


if __name__ == "__main__":
    main()
