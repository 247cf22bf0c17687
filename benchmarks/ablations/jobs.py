"""Work shared out to processes: several at once, each job in one of its own, some after others."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing import connection, get_context
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

PRELOAD: Final = ("highwall.training.run",)
"""Imported once, by the process that all others are forked from; it never touches a GPU."""


@dataclass(frozen=True)
class Job:
    """Something to do in a process of its own, which leaves its result in a file."""

    name: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    log: Path
    """All that it prints."""

    after: tuple[str, ...] = ()
    """Names of jobs that must have ended well before; those that are not there have."""


def run_jobs(
    jobs: Sequence[Job], at_once: int, *, seconds: float | None = None, preload: Sequence[str] = PRELOAD
) -> dict[str, str | None]:
    """Run jobs in their order, as far as they can.

    Args:
        jobs: what to do.
        at_once: number of processes.
        seconds: time after which all is ended.
        preload: modules to import once for all.

    Returns:
        Of each job that has ended, None, or why it failed; jobs that there was no time for are missing.
    """
    # Of the process that all are forked from, which must leave CUDA alone.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    context = get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    begun, waiting, ended = time.monotonic(), list(jobs), {}
    running: dict[ForkServerProcess, tuple[Job, float]] = {}
    try:
        while waiting or running:
            _start(context, waiting, running, ended, at_once)
            left = None if seconds is None else begun + seconds - time.monotonic()
            if (left is not None and left <= 0) or not running:
                break
            if not connection.wait([process.sentinel for process in running], left):
                break
            for process in [process for process in running if process.exitcode is not None]:
                job, since = running.pop(process)
                process.join()
                ended[job.name] = None if process.exitcode == 0 else _reason(job, process.exitcode)
                told = ended[job.name] or f"{time.monotonic() - since:.0f} s"
                print(f"{time.monotonic() - begun:5.0f} s  {len(ended)}/{len(jobs)}  {job.name}: {told}", flush=True)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.join()
    return ended


def _start(
    context: Any,
    waiting: list[Job],
    running: dict[ForkServerProcess, tuple[Job, float]],
    ended: dict[str, str | None],
    at_once: int,
) -> None:
    """Start what can be started, and let fail what waits for what failed."""
    for job in list(waiting):  # those that others wait for come before them
        pending = {one.name for one in waiting} | {one.name for one, _ in running.values()}
        if failed := [name for name in job.after if ended.get(name)]:
            waiting.remove(job)
            ended[job.name] = f"{failed[0]} failed"
        elif len(running) < at_once and not pending & set(job.after):
            waiting.remove(job)
            process = context.Process(target=_enter, args=(job,), daemon=True)
            process.start()
            running[process] = (job, time.monotonic())


def _enter(job: Job) -> None:
    """Do a job, in its process."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        job.work(*job.arguments)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it ends this job alone
        traceback.print_exc()
        print((str(error) or repr(error)).splitlines()[0], flush=True)
        sys.stderr.flush()
        os._exit(1)


def _reason(job: Job, code: int | None) -> str:
    if code is not None and code < 0:
        return f"ended by signal {-code}, see {job.log}"
    lines = job.log.read_text("utf-8").split("\n") if job.log.exists() else []
    return next((line for line in reversed(lines) if line.strip()), f"status {code}")
