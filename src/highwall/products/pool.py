"""Maps several scenes side by side on this machine."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from highwall.errors import BadInput
from highwall.products.job import Job, Outcome, do

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CORES: int = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Cores that this process may use."""


def map_on_pool(jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
    """Map scenes in so many processes, each with its share of the cores; yield what became of them, as it does.

    Raises:
        BadInput: a worker died, as it does when memory runs out; what it had done is kept.
    """
    threads = max(CORES // workers, 1)
    spawn = multiprocessing.get_context("spawn")  # a fork would share torch's threads
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=spawn) as pool:
        coming = [pool.submit(do, job, threads) for job in jobs]
        try:
            for future in as_completed(coming):
                yield future.result()
        except BrokenProcessPool:
            raise BadInput(
                f"one of {workers} workers died, perhaps for want of memory; the same command with fewer --jobs goes on"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
