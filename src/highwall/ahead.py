"""Lets another thread work ahead."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

Item = TypeVar("Item")

_END: Final = object()


def ahead(items: Generator[Item], stop: Callable[[], None] | None = None, *, nice: int = 0) -> Iterator[Item]:
    """Yield items of a generator while another thread, always the same, makes the next one.

    What the generator raises is raised here; where the consumer stops early, the generator is closed.

    Args:
        items: the generator.
        stop: called where no more items are wanted, so that a generator that is slow can give up at once.
        nice: how far the other thread steps back where there are fewer cores than work, 0 to 19, as `nice` has it.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead", initializer=_step_back, initargs=(nice,)) as thread:
        try:
            coming = thread.submit(next, items, _END)
            while (item := coming.result()) is not _END:
                coming = thread.submit(next, items, _END)
                yield item  # type: ignore[misc]
        finally:
            if stop is not None:
                stop()
            thread.submit(items.close)


def _step_back(nice: int) -> None:
    """Let other threads of this process go first; only Linux knows priorities of single threads."""
    if nice and sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
