"""The folder beside a product in which the product is made."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock, Timeout

from highwall.errors import BadInput
from highwall.files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLAIM: Final = "claim.json"
MANIFEST: Final = "manifest.json"
"""A product's list of its own files; it holds the claim too."""

PATIENCE: Final = 20.0
"""Seconds to wait for another run on the same product: a worker whose cluster has given it up may take some to end."""


@contextmanager
def claimed(out: Path, claim: dict[str, Any], *, resume: bool) -> Iterator[Path | None]:
    """Give the folder to make `out` in, or None if `out` is there already and made by the same claim.

    The folder lies beside `out`. If the block fails, it stays with what the block has put there: with the same claim,
    the next one gets it back. If there is nothing in it, it goes, and so do the folders above it that were made for it.

    Args:
        out: the product's folder; it must not exist, or be empty.
        claim: all that decides what the product will be.
        resume: whether to keep what an earlier run with the same claim has left.

    Raises:
        BadInput: `out` holds something else, or another run is at work on it or has left work unfinished.
    """
    _check_name(out)
    claim = json.loads(json.dumps(claim))  # as it comes back from disk
    if _is_made(out, claim):
        _clear(out)
        yield None
        return
    work = work_folder(out)
    made = [folder for folder in work.parents if not folder.exists()]
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_lock_of(work))
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        raise BadInput(f"{out}: another run is making it right now") from None
    try:
        if _is_made(out, claim):  # by another run, while this one waited
            yield None
            return
        _take(work, claim, resume=resume)
        yield work
        shutil.rmtree(work, ignore_errors=True)
    finally:
        _remove_untouched(work)
        _lock_of(work).unlink(missing_ok=True)  # before it is let go, so that nobody takes it for the lock of the next
        lock.release()
        for folder in made:  # goes only if there is nothing in it, and the one above it only then
            with suppress(OSError):
                folder.rmdir()


def earlier_claim(out: Path) -> dict[str, Any]:
    """Return the claim of what is at `out` or was begun there; empty if there is none."""
    made = (_read(out / MANIFEST) or {}).get("claim")
    if isinstance(made, dict):
        return made
    return (_read(work_folder(out) / CLAIM) if out.name else None) or {}  # the root has no name, and nothing beside it


def finish(product: Path, out: Path) -> None:
    """Give a finished product its final name.

    Raises:
        BadInput: something came to be there meanwhile; the product is kept where it is.
    """
    try:
        if out.exists():
            out.rmdir()
        product.replace(out)
    except OSError as error:
        raise BadInput(f"{out}: cannot be made ({error.strerror}); what is done is kept in {product}") from None


def work_folder(out: Path) -> Path:
    """Return where `out` is made."""
    return out.absolute().with_name(f".{out.absolute().name}.part")


def _check_name(out: Path) -> None:
    """Refuse what could not be written to in the end."""
    if os.path.ismount(out):
        raise BadInput(f"{out} is a mount point, whose name can't be given to a finished folder: choose a folder in it")
    if "!" in str(out) or not str(out).isprintable():
        raise BadInput(f"{str(out)!r}: GDAL writes to no path with an exclamation mark or unprintable characters")


def _is_made(out: Path, claim: dict[str, Any]) -> bool:
    """Tell whether a product is there already, whole.

    Raises:
        BadInput: something else is there.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    manifest = _read(out / MANIFEST) if out.is_dir() else None
    if manifest is None or manifest.get("claim") != claim:
        raise BadInput(f"{out} is there already and holds something else: choose another folder, or remove it")
    if lost := [name for name in manifest.get("files", {}) if not (out / name).exists()]:
        raise BadInput(f"{out} has lost {', '.join(lost)}: remove it, and the same command makes it again")
    return True


def _take(work: Path, claim: dict[str, Any], *, resume: bool) -> None:
    """Make a work folder ready, with what an earlier run has left if that is to be kept."""
    earlier = _read(work / CLAIM)
    if earlier is not None and earlier != claim:
        differ = ", ".join(sorted(key for key in {*earlier, *claim} if earlier.get(key) != claim.get(key)))
        raise BadInput(f"{work} holds a run that was not finished and differs in {differ}: finish or remove it")
    if earlier is None or not resume:
        shutil.rmtree(work)
        work.mkdir()
        write_json(work / CLAIM, claim)


def _clear(out: Path) -> None:
    """Remove what a run leaves that was killed right after its product got its name, unless it is still at it."""
    work = work_folder(out)
    with suppress(Timeout), FileLock(_lock_of(work), blocking=False):
        shutil.rmtree(work, ignore_errors=True)
        _lock_of(work).unlink(missing_ok=True)


def _lock_of(work: Path) -> Path:
    return work.with_name(f"{work.name}.lock")


def _remove_untouched(work: Path) -> None:
    """Remove a work folder in which nothing was done."""
    if work.exists() and all(path.name == CLAIM for path in work.iterdir()):
        shutil.rmtree(work)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
