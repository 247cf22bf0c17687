"""What the machine can do: matrix products, copies of memory, decoding of TIFFs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import rasterio
import torch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def seconds(work: Callable[[], object], tries: int = 7) -> float:
    """Return how long something takes when it has been done before: the median of some tries."""
    work()
    taken = []
    for _ in range(tries):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken))


def matrix_product(precision: torch.dtype, side: int = 2048) -> float:
    """Return GFLOP/s of a product of square matrices."""
    a, b = (torch.randn(side, side).to(precision) for _ in range(2))
    return 2 * side**3 / seconds(lambda: a @ b) / 1e9


def memory_copy() -> float:
    """Return GB/s that are copied, read and written counted once."""
    source = np.ones(2**25)
    target = np.empty_like(source)
    return source.nbytes / seconds(lambda: np.copyto(target, source)) / 1e9


def decoding(image: Path) -> float:
    """Return MB/s of decoded pixels of a TIFF that the page cache holds."""

    def read() -> int:
        with rasterio.open(image) as file:
            return int(file.read().nbytes)

    return read() / seconds(read, 15) / 1e6


def ceiling(image: Path) -> dict[str, float]:
    """Measure all of them."""
    return {
        "matrix product float32, GFLOP/s": matrix_product(torch.float32),
        "matrix product bfloat16, GFLOP/s": matrix_product(torch.bfloat16),
        "memory copy, GB/s": memory_copy(),
        "TIFF decode, MB/s": decoding(image),
    }
