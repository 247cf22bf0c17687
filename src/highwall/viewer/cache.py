"""A folder for what can be made again."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

LARGEST: Final = 5 * 10**9
"""Bytes of pictures that are kept."""

_STALE: Final = 24 * 3600.0
"""Seconds after which a file that is not finished belongs to nobody."""


def cache_folder() -> Path:
    """Return where pictures of scenes are kept: `XDG_CACHE_HOME`, or what the system has for this."""
    if home := os.environ.get("XDG_CACHE_HOME"):
        base = Path(home)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path.home() / ".cache"
    return base / "highwall" / "pictures"


def tidy(folder: Path, largest: int = LARGEST) -> None:
    """Remove what was longest not used, until what is left is small enough, and what was never finished."""
    files = []
    for path in folder.glob("*.tif"):
        with suppress(OSError):
            found = path.stat()
            if not path.name.startswith("."):
                files.append((found.st_mtime, found.st_size, path))
            elif found.st_mtime < time.time() - _STALE:
                path.unlink()
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= largest:
            return
        with suppress(OSError):
            path.unlink()
            total -= size


def touch(path: Path) -> bool:
    """Tell whether a file is there, and mark it as used."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:  # there, but not ours
        return path.exists()
    return True
