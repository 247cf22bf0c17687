"""The folder beside a product in which the product is made."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
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


@contextmanager
def claimed(out: Path, claim: dict[str, Any], *, resume: bool) -> Iterator[Path | None]:
    """Give the folder to make `out` in, or None if `out` is there already and made by the same claim.

    The folder lies beside `out` and stays if the block fails: with the same claim, the next one gets it back.

    Args:
        out: the product's folder; it must not exist, or be empty.
        claim: all that decides what the product will be.
        resume: whether to keep what an earlier run with the same claim has left.

    Raises:
        BadInput: `out` holds something else, or another run is at work on it or has left work unfinished.
    """
    out = out.absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not _made_by(out, claim):
            raise BadInput(f"{out} is there already and holds something else: choose another folder, or remove it")
        shutil.rmtree(work_folder(out), ignore_errors=True)
        yield None
        return
    work = work_folder(out)
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work.with_name(work.name + ".lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise BadInput(f"{out}: another run is making it right now") from None
    try:
        earlier = _read(work / CLAIM)
        if earlier is not None and earlier != claim:
            differ = ", ".join(sorted(key for key in {*earlier, *claim} if earlier.get(key) != claim.get(key)))
            raise BadInput(f"{work} holds a run that was not finished and differs in {differ}: finish or remove it")
        if earlier is None or not resume:
            shutil.rmtree(work)
            work.mkdir()
            write_json(work / CLAIM, claim)
        yield work
        shutil.rmtree(work)
    finally:
        lock.release()
        work.with_name(work.name + ".lock").unlink(missing_ok=True)


def work_folder(out: Path) -> Path:
    """Return where `out` is made."""
    return out.absolute().with_name(f".{out.absolute().name}.part")


def _made_by(out: Path, claim: dict[str, Any]) -> bool:
    manifest = _read(out / MANIFEST)
    return manifest is not None and manifest.get("claim") == json.loads(json.dumps(claim))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
