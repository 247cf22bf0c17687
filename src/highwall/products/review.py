"""What people decided about the polygons of a map, kept in the map's own GeoPackage.

The model's layer `polygons` is never written to. Beside it come the attributes table `review`, one row for each polygon
that somebody has looked at, and the view `reviewed`: the polygons with what was decided (see `review_table`). The
manifest and the STAC item keep the checksum of the file as the model left it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from highwall.errors import BadInput
from highwall.products.map_folder import read_map_folder
from highwall.products.review_table import REVIEW, create, has_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Decision = Literal["accept", "reject", "reclass"]
"""The polygon is right; there is no mine feature; it is of another class."""

POLYGONS: Final = "polygons.gpkg"

LONGEST_NOTE: Final = 10_000
LONGEST_NAME: Final = 200

_PATIENCE: Final = 20.0
"""Seconds to wait for other programs that write to the file."""

_COLUMNS: Final = "decision, class_id, note, reviewer, at, version"
_UPSERT: Final = """
INSERT INTO review (polygon, label, decision, class_id, note, reviewer, at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (polygon) DO UPDATE SET (label, decision, class_id, note, reviewer, at, version) = (excluded.label,
    excluded.decision, excluded.class_id, excluded.note, excluded.reviewer, excluded.at, excluded.version)
"""


@dataclass(frozen=True)
class Review:
    """What somebody decided about a polygon."""

    decision: Decision
    """What is to become of it."""

    class_id: int | None
    """Its class, if it was reclassed; None else."""

    note: str
    """Why; may be empty."""

    reviewer: str
    """Who decided."""

    at: str
    """When, in UTC, as ISO 8601."""

    version: int
    """Number of decisions about this polygon so far, those that were taken back included: 1 or more."""

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return dict(vars(self))


class ReadOnly(BadInput):
    """The map cannot be written to."""


class Conflict(BadInput):
    """Somebody else decided meanwhile."""

    def __init__(self, message: str, current: Review | None) -> None:
        super().__init__(message)
        self.current = current
        """What holds now; None if the decision was taken back."""


def writable(folder: Path) -> bool:
    """Tell whether decisions about a map can be kept: it takes writing to its GeoPackage and beside it."""
    return os.access(folder / POLYGONS, os.W_OK) and os.access(folder, os.W_OK)


def read_reviews(folder: Path) -> dict[int, Review]:
    """Return what was decided about the polygons of a map, by polygon id; empty if nobody has looked.

    Raises:
        BadInput: there is no GeoPackage, or it is damaged.
    """
    with _opened(folder) as database:
        if not has_table(database):
            return {}
        rows = database.execute(f"SELECT polygon, {_COLUMNS} FROM {REVIEW} WHERE decision NOTNULL ORDER BY polygon")  # noqa: S608 - our names
        return {polygon: Review(*columns) for polygon, *columns in rows}


def decide(
    folder: Path,
    polygon: int,
    decision: Decision,
    *,
    class_id: int | None = None,
    note: str = "",
    reviewer: str,
    version: int = 0,
) -> Review:
    """Put down what somebody decided about a polygon; when this returns, it is on the disk.

    It is one transaction: whoever ends this process, the decision is there whole or not at all, and two people who
    decide at once don't lose any.

    Args:
        folder: the map.
        polygon: its id, as in the column `id`.
        decision: what is to become of it.
        class_id: the class that it is of, a target class of the map's legend; for `reclass` only.
        note: why, up to 10,000 characters.
        reviewer: who decides, up to 200 characters.
        version: the version of the review that they saw, 0 for none.

    Raises:
        Conflict: somebody else decided meanwhile.
        ReadOnly: the map cannot be written to.
        BadInput: the map has no such polygon or class, there is no such decision, or note or name are no good.
    """
    if decision not in get_args(Decision):
        raise BadInput(f"{decision!r} is no decision (there are {', '.join(get_args(Decision))})")
    if (class_id is not None) != (decision == "reclass"):
        raise BadInput("a class belongs to the decision reclass, and to no other")
    if class_id is not None:
        _check_class(folder, class_id)
    row = _put(folder, polygon, decision, class_id, note, reviewer, version)
    return cast("Review", row)  # for it holds a decision


def clear(folder: Path, polygon: int, *, reviewer: str, note: str = "", version: int = 0) -> None:
    """Take back what was decided about a polygon; nothing happens if nothing was.

    Arguments and errors as for `decide`. The row stays, without a decision, so that versions go on counting: whoever
    has an older one before them is told of it.
    """
    _put(folder, polygon, None, None, note, reviewer, version)


def settle(folder: Path) -> None:
    """Bring into a map's GeoPackage itself what is still beside it, in SQLite's write-ahead log.

    Programs that have the file open, such as QGIS, make everybody write there: settle it before the file is copied.

    Raises:
        ReadOnly: the map cannot be written to.
        BadInput: there is no GeoPackage, or it is damaged.
    """
    with _opened(folder) as database:
        database.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _put(
    folder: Path,
    polygon: int,
    decision: Decision | None,
    class_id: int | None,
    note: str,
    reviewer: str,
    version: int,
) -> Review | None:
    note, reviewer = _text("note", note, LONGEST_NOTE), _text("reviewer's name", reviewer, LONGEST_NAME).strip()
    if not reviewer:
        raise BadInput("a decision needs the name of whoever decides")
    if not _is_id(polygon):
        raise BadInput(f"{polygon!r} is no id of a polygon")
    if not writable(folder) and (folder / POLYGONS).is_file():
        raise ReadOnly(f"{folder} is read-only: decisions cannot be kept in it")
    with _opened(folder) as database:
        database.execute("BEGIN IMMEDIATE")
        mapped = _class_of(database, polygon)
        if mapped is None:
            raise BadInput(f"{folder} has no polygon {polygon}")
        seen, current = _current(database, polygon) if has_table(database) else (0, None)
        if version != seen and not (version == 0 and current is None):
            raise Conflict(f"polygon {polygon}: somebody else decided meanwhile", current)
        if decision is None and current is None:
            return None
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        create(database, at)  # unless somebody has, but people also remove layers
        label = {"accept": mapped, "reject": 0, "reclass": class_id, None: None}[decision]
        database.execute(_UPSERT, (polygon, label, decision, class_id, note, reviewer, at, seen + 1))
        database.execute("COMMIT")
    return None if decision is None else Review(decision, class_id, note, reviewer, at, seen + 1)


def _current(database: sqlite3.Connection, polygon: int) -> tuple[int, Review | None]:
    """Return version and review of a polygon; the version goes on counting where the review was taken back."""
    row = database.execute(f"SELECT {_COLUMNS} FROM {REVIEW} WHERE polygon = ?", (polygon,)).fetchone()  # noqa: S608 - our names
    if row is None:
        return 0, None
    return row[-1], None if row[0] is None else Review(*row)


def _class_of(database: sqlite3.Connection, polygon: int) -> int | None:
    """Return the class id that the model gave a polygon; None if there is no such polygon."""
    for where in ("fid = :id AND id = :id", "id = :id"):  # rows mostly have the number of the id, which has no index
        row = database.execute(f"SELECT class_id FROM polygons WHERE {where}", {"id": polygon}).fetchone()  # noqa: S608 - ours
        if row is not None:
            return int(row[0])
    return None


def _check_class(folder: Path, class_id: int) -> None:
    legend = read_map_folder(folder).legend
    targets = {legend.ids[index]: legend.names[index] for index in legend.targets}
    if not _is_id(class_id) or class_id not in targets:
        known = ", ".join(f"{i} {name}" for i, name in targets.items())
        raise BadInput(f"{class_id!r} is no class that a polygon of the map can have ({known})")


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _text(what: str, text: str, longest: int) -> str:
    """Refuse text that other programs could not read back."""
    if not isinstance(text, str) or "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadInput(f"the {what} is no text, or holds letters that are none")
    if len(text) > longest:
        raise BadInput(f"the {what} has {len(text):,} characters; {longest:,} are the most")
    return text


@contextmanager
def _opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open a map's GeoPackage; what is not committed when the block ends is rolled back.

    It is opened for writing even to read, if possible: what a process that was killed has left half done is rolled
    back then. `EXTRA` waits for the disk, its folder included.
    """
    path = folder / POLYGONS
    if not path.is_file():
        raise BadInput(f"{folder} is no map with polygons: it lacks {POLYGONS}")
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?{_mode(path)}", _PATIENCE, isolation_level=None, uri=True)
        ) as database:
            database.execute("PRAGMA synchronous = EXTRA")
            yield database
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith("SQLITE_READONLY") or (code.startswith("SQLITE_CANTOPEN") and not writable(folder)):
            raise ReadOnly(f"{folder} is read-only: decisions cannot be kept in it") from None
        raise BadInput(f"{path}: {_REASONS.get(code, error)}") from None


def _mode(path: Path) -> str:
    """Return how SQLite opens a file.

    One that some program left set for a write-ahead log needs a log beside it even to be read, unless nobody can have
    written one.
    """
    if not writable(path.parent) and not path.with_name(f"{path.name}-wal").exists():
        with path.open("rb") as file:
            if file.read(20)[18:19] == b"\2":  # https://sqlite.org/fileformat2.html#file_format_version_numbers
                return "immutable=1"
    return "mode=rw"


_REASONS: Final = {
    "SQLITE_BUSY": "another program is writing to it",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_NOTADB": "no GeoPackage, or damaged",
    "SQLITE_CORRUPT": "damaged",
}
