"""Writing a page, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from highwall.files import new_file

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write a page in UTF-8."""
    with new_file(path) as part:
        part.write_text(text, "utf-8")
