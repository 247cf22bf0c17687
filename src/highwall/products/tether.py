"""Ends worker processes together with the one that they work for; imports nothing, so that it works from the start."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection


def tie(end: Connection) -> None:
    """End this process as soon as the other end of a pipe is closed, as it is when its owner dies."""
    threading.Thread(target=_watch, args=(end,), daemon=True).start()


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C during the block; processes started in it never hear of it, and so don't complain of it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _watch(end: Connection) -> None:
    with suppress(EOFError, OSError):
        end.recv()
    os._exit(1)
