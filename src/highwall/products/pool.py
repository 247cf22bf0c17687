"""Maps several scenes side by side on this machine."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from highwall.cores import usable_cores
from highwall.errors import BadInput
from highwall.products.job import Job, Outcome, do
from highwall.products.tether import interrupts_held, tie

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence


def map_on_pool(jobs: Sequence[Job], workers: int, work: Callable[[Job, int], Outcome] = do) -> Generator[Outcome]:
    """Map scenes in so many processes, each with its share of the cores; yield what became of them, as it does.

    The processes end where the generator is closed or this process dies; what they had done is kept.

    Args:
        jobs: what to do.
        workers: number of processes, at most.
        work: does a job with so many cores; can be sent to another process.

    Raises:
        BadInput: a worker died, as it does when memory runs out; what it had done is kept.
    """
    threads = max(usable_cores() // workers, 1)
    spawn = multiprocessing.get_context("spawn")  # a fork would share torch's threads
    there, here = spawn.Pipe(duplex=False)
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=spawn, initializer=tie, initargs=(there,))
    try:
        with interrupts_held():
            coming = [pool.submit(work, job, threads) for job in jobs]
        for future in as_completed(coming):
            yield future.result()
    except BrokenProcessPool:
        raise BadInput(
            f"one of {workers} workers died, perhaps for want of memory; the same command with fewer --jobs goes on"
        ) from None
    except BaseException:
        here.close()  # no time to wait for what they are at
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        here.close()
        there.close()
