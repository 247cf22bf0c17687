"""Where scenes are: on disk, in zips, on servers."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from highwall.errors import BadInput

_VIRTUAL: Final = {
    "http": "/vsicurl/",
    "https": "/vsicurl/",
    "s3": "/vsis3/",
    "gs": "/vsigs/",
    "az": "/vsiaz/",
}
"""URL scheme to GDAL's virtual file system."""


def is_remote(path: str) -> bool:
    """Tell whether a path is on a server rather than on this machine."""
    return urlsplit(path).scheme in _VIRTUAL or path.startswith("/vsi")


def gdal_path(path: str) -> str:
    """Turn a path or URL into what GDAL opens.

    Raises:
        BadInput: there is no such file.
    """
    scheme, _, rest = path.partition("://")
    if scheme in ("http", "https"):
        return _VIRTUAL[scheme] + path
    if rest and scheme in _VIRTUAL:
        return _VIRTUAL[scheme] + rest
    if scheme == "file" and rest:
        path = rest
    if not path.startswith("/vsi") and not Path(path).exists():
        raise BadInput(f"{path}: no such file or folder")
    return path
