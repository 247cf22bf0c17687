"""Compiles inner loops, once for all runs where there is a place to keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers and arrays when it is first called; other threads go on while it runs.

    The result is kept on disk, where numba finds a folder that it may write to.
    """
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no such folder
        return njit(nogil=True)(function)
