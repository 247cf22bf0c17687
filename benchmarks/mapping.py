"""Time and memory of mapping a synthetic granule, beside the plain forward pass over the same windows.

    python benchmarks/mapping.py [--size 10980] [--encoder mit_b0] [--background 0.5] [--rounds 1] [--json FILE]

`on_top` compares seconds on the clock, which say little where others share the cores: there `around_cpu_ms_a_window`
tells more, the processor's time of a map whose predictor repeats answers of the network that it was given.

Maps a quarter of the granule (half its sides) and the whole, each in a process of its own. The network has random
weights: without `--background`, which is added to that class's logit, it makes millions of polygons of noise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import torch
from synthetic import write_granule

from highwall.products.map import map_scene
from highwall.scenes import open_scene

BATCHES = 12
"""Batches of the plain forward pass, before and after each map, since shared machines change from minute to minute."""

ANSWERS = 64
"""Windows whose answers are repeated."""


class Network:
    """A U-Net with random weights, in the form of a predictor."""

    def __init__(self, encoder: str, background: float) -> None:
        torch.manual_seed(0)
        network = smp.create_model("unet", encoder, encoder_weights=None, in_channels=6, classes=4)
        self.network = network.eval().to(memory_format=torch.channels_last)
        self.bias = torch.tensor([background, 0, 0, 0])[:, None, None]
        self.windows = 0

    @torch.inference_mode()
    def __call__(self, reflectance: np.ndarray) -> np.ndarray:
        """Answer, and count the windows."""
        x = torch.from_numpy(reflectance).contiguous(memory_format=torch.channels_last)
        answer = (self.network(x) + self.bias).softmax(1).numpy()
        self.windows += len(reflectance)
        return answer


class Parrot:
    """Repeats answers, in the form of a predictor."""

    def __init__(self, answers: np.ndarray) -> None:
        self.answers = answers
        self.windows = 0

    def __call__(self, reflectance: np.ndarray) -> np.ndarray:
        """Answer, and count the windows."""
        some = np.arange(self.windows, self.windows + len(reflectance)) % len(self.answers)
        self.windows += len(reflectance)
        return self.answers[some]


def memory(name: str) -> float:
    """Return a figure of this process's memory in MB: VmRSS (now) or VmHWM (the most since it was last cleared)."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def measure(size: int, encoder: str, background: float, rounds: int, folder: Path) -> dict[str, Any]:
    """Map a granule, so many times, and before and after each time ask the network about windows that lie in memory."""
    network = Network(encoder, background)
    batch = np.random.default_rng(0).uniform(0.05, 0.3, (8, 6, 256, 256)).astype(np.float32)
    plain = [_plain(network, batch)]
    model, maps, stages = memory("VmHWM"), [], []
    for number in range(rounds):
        network.windows = 0
        begun = time.perf_counter()
        made = map_scene(folder / f"granule{size}.tif", network, folder / f"map{size}-{number}")
        maps.append(time.perf_counter() - begun)
        stages.append(made.manifest["seconds"])
        windows, most = network.windows, memory("VmHWM")
        plain.append(_plain(network, batch))
    alone = windows * float(np.mean(plain))
    around = _around(network, folder / f"granule{size}.tif", folder)
    return {
        "size": size,
        "windows": windows,
        "map_s": [round(took, 1) for took in maps],
        "plain_s": round(alone, 1),
        "plain_ms_a_window": [round(1000 * seconds, 1) for seconds in plain],
        "on_top": round(float(np.mean(maps)) / alone - 1, 3),
        "around_cpu_ms_a_window": [round(1000 * seconds, 2) for seconds in around],
        "stages_s": stages,
        "polygons": sum(row["polygons"] for row in made.manifest["classes"]),
        "model_mb": round(model),
        "above_model_mb": round(most - model),
    }


def _around(network: Network, granule: Path, folder: Path) -> list[float]:
    """Return the processor's seconds a window, three times, of all that a map takes beside the network."""
    with open_scene(granule).open() as reader:
        starts = np.linspace(0, max(min(reader.scene.shape) - 256, 0), ANSWERS).astype(int).tolist()
        windows = [reader.read((slice(n, n + 256), slice(n, n + 256))).pixels for n in starts]
    answers = np.concatenate([network(np.stack(windows[n : n + 8])) for n in range(0, ANSWERS, 8)])
    seconds = []
    for number in range(3):
        parrot, begun = Parrot(answers), time.process_time()
        map_scene(granule, parrot, folder / f"{granule.stem}-around{number}")
        seconds.append((time.process_time() - begun) / parrot.windows)
    return seconds


def _plain(network: Network, batch: np.ndarray) -> float:
    """Return the seconds that a window takes whose batch lies in memory.

    In another thread, as in a map: there, threads of OpenMP that wait don't keep cores busy that others could use.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_forward, network, batch).result()


def _forward(network: Network, batch: np.ndarray) -> float:
    for _ in range(2):
        network(batch)
    begun = time.perf_counter()
    for _ in range(BATCHES):
        network(batch)
    return (time.perf_counter() - begun) / (BATCHES * len(batch))


def main() -> None:
    """Measure each size in a process of its own, and print a table."""
    options = argparse.ArgumentParser()
    options.add_argument("--size", type=int, default=10_980)
    options.add_argument("--encoder", default="mit_b0")
    options.add_argument("--background", type=float, default=0.0)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--json", type=Path)
    options.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        print(json.dumps(measure(given.size, given.encoder, given.background, given.rounds, given.one)))
        return
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for size in (given.size // 2, given.size):
            write_granule(Path(folder) / f"granule{size}.tif", size)
            arguments = ["--size", str(size), "--encoder", given.encoder, "--one", folder]
            arguments += ["--background", str(given.background), "--rounds", str(given.rounds)]
            done = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)  # noqa: S603
            results.append(json.loads(done.stdout.splitlines()[-1]))
            print(json.dumps(results[-1], indent=2), flush=True)
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
