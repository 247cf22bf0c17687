"""How long work shows how far it is: a bar with the time left on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAUSE: Final = 30.0
"""Seconds from one plain line to the next."""


@contextmanager
def windows_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function to call with the number of windows done and of all windows."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield PlainLines(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TextColumn("windows"), TimeRemainingColumn(elapsed_when_finished=True), console=console
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class PlainLines:
    """Says how far it is in plain lines."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.first: tuple[float, int] | None = None
        self.said = time.monotonic()
        typer.echo(what, err=True)

    def __call__(self, done: int, total: int) -> None:
        """Say it, if the last time is long enough ago."""
        now = time.monotonic()
        if self.first is None:
            self.first = (now, done)  # a run that goes on starts in the middle
        begun, before = self.first
        if now - self.said < PAUSE or done <= before:
            return
        self.said = now
        left = (now - begun) / (done - before) * (total - done)
        typer.echo(f"{self.what}: {done} of {total} windows, {_duration(left)} left", err=True)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return f"about {minutes} minute{'s' if minutes > 1 else ''}"
