"""What the page sends when somebody decides about a polygon."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from highwall.errors import BadInput
from highwall.products.review import clear, decide

if TYPE_CHECKING:
    from pathlib import Path

    from highwall.products.review import Review

LARGEST: Final = 64 * 1024
"""Bytes of a request, at most."""

_KEYS: Final = frozenset({"polygon", "decision", "class_id", "note", "reviewer", "version"})


@dataclass(frozen=True)
class Posted:
    """A decision about a polygon as it was sent; what it may be is for `products.review` to say."""

    polygon: int
    decision: str
    class_id: int | None
    note: str
    reviewer: str
    version: int

    @classmethod
    def parse(cls, body: bytes) -> Posted:
        """Read the body of a request.

        Raises:
            BadInput: it isn't one.
        """
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise BadInput("the request is no JSON") from None
        if not isinstance(document, dict) or not {"polygon", "decision", "reviewer"} <= document.keys() <= _KEYS:
            raise BadInput(f"a review has the keys {', '.join(sorted(_KEYS))}")
        return cls(
            _whole("polygon", document["polygon"]),
            _text("decision", document["decision"]),
            None if document.get("class_id") is None else _whole("class_id", document["class_id"]),
            _text("note", document.get("note", "")),
            _text("reviewer", document["reviewer"]),
            _whole("version", document.get("version", 0)),
        )

    def put(self, folder: Path) -> Review | None:
        """Put it down in a map; None if it takes a decision back.

        Raises:
            Conflict: somebody else decided meanwhile.
            ReadOnly: the map cannot be written to.
            BadInput: it makes no sense for this map.
        """
        whose: dict[str, Any] = {"note": self.note, "reviewer": self.reviewer, "version": self.version}
        if self.decision != "clear":
            return decide(folder, self.polygon, self.decision, class_id=self.class_id, **whose)  # type: ignore[arg-type]  # which it checks
        clear(folder, self.polygon, **whose)
        return None


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadInput(f"{name} is a whole number")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadInput(f"{name} is text")
    return value
