"""Lets another thread work ahead."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

Item = TypeVar("Item")

_END: Final = object()


def ahead(items: Generator[Item]) -> Iterator[Item]:
    """Yield items of a generator while another thread, always the same, makes the next one.

    What the generator raises is raised here; where the consumer stops early, the generator is closed.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        try:
            coming = thread.submit(next, items, _END)
            while (item := coming.result()) is not _END:
                coming = thread.submit(next, items, _END)
                yield item  # type: ignore[misc]
        finally:
            thread.submit(items.close)
