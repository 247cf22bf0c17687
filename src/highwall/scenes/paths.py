"""Where scenes are: on disk, in zips, on servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from highwall.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

_VIRTUAL: Final = {
    "http": "/vsicurl/",
    "https": "/vsicurl/",
    "s3": "/vsis3/",
    "gs": "/vsigs/",
    "az": "/vsiaz/",
}
"""URL scheme to GDAL's virtual file system."""

_SERVER: Final = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no search for neighbours
    "GDAL_HTTP_MAX_RETRY": 4,
    "GDAL_HTTP_RETRY_DELAY": 1,
    "GDAL_HTTP_CONNECTTIMEOUT": 30,
    "VSI_CACHE": True,
}
"""How GDAL reads from servers."""

_TIMEOUT: Final = 60.0
"""Seconds to wait for a server's metadata."""


def is_remote(path: str) -> bool:
    """Tell whether a path is on a server or in an archive rather than a plain file or folder."""
    return urlsplit(path).scheme in _VIRTUAL or path.startswith("/vsi")


def server_options(paths: Iterable[str]) -> dict[str, Any]:
    """Return what GDAL needs to know if one of the paths is on a server, for `rasterio.Env`.

    On disk a file's neighbours are welcome: they may hold its mask or its georeference.
    """
    remote = any(virtual in path for path in paths for virtual in _VIRTUAL.values())
    return dict(_SERVER) if remote else {}


def gdal_path(path: str) -> str:
    """Turn a path or URL into what GDAL opens, from whatever folder it does so.

    Raises:
        BadInput: there is no such file.
    """
    result = virtual_path(path)
    if result.startswith("/vsi"):
        return result
    if not Path(result).exists():
        raise BadInput(f"{path}: no such file or folder")
    return str(Path(result).absolute())


def virtual_path(path: str) -> str:
    """Turn a path or URL into what GDAL opens, whether it exists or not."""
    scheme, _, rest = path.partition("://")
    if scheme in ("http", "https"):
        return _VIRTUAL[scheme] + path
    if rest and scheme in _VIRTUAL:
        return _VIRTUAL[scheme] + rest
    return local_path(path)


def local_path(path: str) -> str:
    """Return a path without the `file://` that it may begin with."""
    return path.removeprefix("file://")


def read_bytes(location: str) -> bytes:
    """Read a small file, such as a product's metadata, from disk or from an http(s) address.

    Raises:
        BadInput: it cannot be read; the message says why.
    """
    scheme = urlsplit(location).scheme
    try:
        if scheme in ("http", "https"):
            with urlopen(location, timeout=_TIMEOUT) as response:  # noqa: S310 - the scheme is checked
                content: bytes = response.read()
                return content
        if scheme in _VIRTUAL:
            raise BadInput(f"{location}: metadata is read from files and http(s) addresses, not from {scheme}")
        return Path(local_path(location)).read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{location}: no such file") from None
    except HTTPError as error:
        raise BadInput(f"{location}: the server answers {error.code} {error.reason}") from None
    except URLError as error:
        raise BadInput(f"{location}: not reachable ({error.reason})") from None
    except OSError as error:
        raise BadInput(f"{location}: not readable ({error.strerror or error})") from None
