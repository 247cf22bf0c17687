"""The files of a SAFE product: in a folder, in a zip, on a server."""

from __future__ import annotations

import re
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Final
from zipfile import BadZipFile, ZipFile

from highwall.errors import BadInput
from highwall.scenes.paths import is_remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_METADATA: Final = re.compile(r"(?:.*/)?MTD_MSIL(?:1C|2A)\.xml")
_SCHEMES: Final = {"/vsicurl/": "", "/vsis3/": "s3://", "/vsigs/": "gs://", "/vsiaz/": "az://"}
_ZIP: Final = "/vsizip/"
_ZIPPED: Final = re.compile(r"(?:/vsizip/)?(.+?\.zip(?:\?.*)?)(/.*)?", re.IGNORECASE)
_BRACED: Final = re.compile(r"/vsizip/\{(.+?)\}(/.*)?")
_LARGEST: Final = 64 * 2**20
"""Bytes; the largest true `MTD_TL.xml` have about one million."""


@dataclass(frozen=True)
class SafeFiles:
    """The files of one product."""

    base: str
    """What GDAL opens, up to the name of a file in the product; ends in `/`, or is empty."""

    metadata: str
    """Name of `MTD_MSIL1C.xml` or `MTD_MSIL2A.xml` in the product."""

    names: frozenset[str] | None
    """Names of all files in the product, with `/` between folders, or None on a server, which lists none."""

    archive: str | None = None
    """The zip that holds the product, if one does."""

    @property
    def name(self) -> str:
        """Name of the folder that holds the product, if there is one."""
        return PurePosixPath(self.base).name

    def find(self, name: str) -> str | None:
        """Return the name of a file that the metadata lists, or None if it isn't there.

        Where it is not in the folder that the metadata says, a file of the same name in another one will do: folders
        get renamed, and products flattened. On a server all that is listed is taken to be there.

        Raises:
            BadInput: the name leads out of the product.
        """
        _check_inside(self.base, name)
        if self.names is None or name in self.names:
            return name
        last = PurePosixPath(name).name
        others = [other for other in self.names if PurePosixPath(other).name == last]
        return others[0] if len(others) == 1 else None

    def read(self, name: str) -> bytes:
        """Read a small file of the product whole.

        Raises:
            BadInput: it cannot be read, is damaged or is not small.
        """
        location = self.base + name
        if self.archive is None:
            with _opened(location) as file:
                content = file.read(_LARGEST + 1)
        else:
            with (
                _unzipped(self.archive) as archive,
                archive.open(location.removeprefix(_zip_base(self.archive))) as part,
            ):
                content = part.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise BadInput(f"{location}: more than {_LARGEST // 2**20} MB are no metadata")
        return content


def find_safe(location: str) -> SafeFiles:
    """Find the product in a folder or zip, or around its `MTD_MSIL1C.xml` or `MTD_MSIL2A.xml`.

    Args:
        location: a path, or one of GDAL's virtual paths.

    Raises:
        BadInput: there is none, there are several, or the zip is damaged or has members that climb out of it.
    """
    location = location.rstrip("/")
    zipped = _BRACED.fullmatch(location) or _ZIPPED.fullmatch(location)
    if zipped and (is_remote(location) or Path(zipped[1]).is_file()):
        archive = "/" + zipped[1] if zipped[1].startswith("vsi") else zipped[1]
        return _in_zip(archive, (zipped[2] or "").strip("/"))
    if not is_remote(location):
        path = Path(location)
        if not path.is_dir():
            names = frozenset(_listed(path.parent))
            return SafeFiles(_folder(str(path.parent)), path.name, names)
        names = frozenset(_listed(path))
        metadata = _only_product(location, names)
        inner = metadata.rpartition("/")[0]
        return SafeFiles(_folder(str(path / inner)), PurePosixPath(metadata).name, _within(names, inner))
    if _METADATA.fullmatch(location):
        base, _, metadata = location.rpartition("/")
        return SafeFiles(base + "/", metadata, None)
    level = "2A" if "MSIL2A" in location.rpartition("/")[2] else "1C"
    return SafeFiles(location + "/", f"MTD_MSIL{level}.xml", None)


def _in_zip(archive: str, inner: str) -> SafeFiles:
    with _unzipped(archive) as opened:
        names = opened.namelist()
    for name in names:
        _check_inside(archive, name)
    wanted = inner.rpartition("/")[0] if _METADATA.fullmatch(inner) else inner
    metadata = _only_product(archive, _within(names, wanted))
    folder = f"{wanted}/{metadata}".strip("/").rpartition("/")[0]
    base = _folder(_zip_base(archive) + folder)
    return SafeFiles(base, PurePosixPath(metadata).name, _within(names, folder), archive)


def _check_inside(where: str, name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or ":" in parts[0]:
        raise BadInput(f"{where}: a file named {name!r} would lie outside of the product")


def _only_product(where: str, names: Iterable[str]) -> str:
    found = sorted(name for name in names if _METADATA.fullmatch(name))
    if not found:
        raise BadInput(f"{where}: holds no Sentinel-2 product (no MTD_MSIL1C.xml or MTD_MSIL2A.xml)")
    if len(found) > 1:
        raise BadInput(f"{where}: holds {len(found)} products ({found[0]}, {found[1]}, ...), not one")
    return found[0]


def _within(names: Iterable[str], folder: str) -> frozenset[str]:
    prefix = _folder(folder)
    return frozenset(name.removeprefix(prefix) for name in names if name.startswith(prefix))


def _folder(path: str) -> str:
    return path if not path or path.endswith("/") else path + "/"


def _zip_base(archive: str) -> str:
    return f"{_ZIP}{archive}/" if archive.lower().endswith(".zip") else f"{_ZIP}{{{archive}}}/"


def _listed(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@contextmanager
def _unzipped(archive: str) -> Iterator[ZipFile]:
    try:
        with _opened(archive) as file, ZipFile(file) as opened:
            yield opened
    except (BadZipFile, zlib.error, EOFError) as error:
        raise BadInput(f"{archive}: damaged or truncated zip ({error})") from None
    except (NotImplementedError, RuntimeError) as error:  # an unknown compression; encrypted
        raise BadInput(f"{archive}: zip that cannot be read ({error})") from None


@contextmanager
def _opened(location: str) -> Iterator[IO[bytes]]:
    """Open a file on disk, or, by its GDAL path, on a server."""
    virtual = next((prefix for prefix in _SCHEMES if location.startswith(prefix)), None)
    try:
        if virtual is None:
            with Path(location).open("rb") as file:
                yield file
            return
        import fsspec  # type: ignore[import-untyped] # noqa: PLC0415 - slow, and most products are on disk

        url = _SCHEMES[virtual] + location.removeprefix(virtual)
        options = {"client_kwargs": {"trust_env": True}} if url.startswith("http") else {}
        with fsspec.open(url, "rb", **options) as file:
            yield file
    except ImportError as error:
        raise BadInput(f"{location}: cannot be read ({error})") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise BadInput(f"{location}: not readable ({reason})") from None
