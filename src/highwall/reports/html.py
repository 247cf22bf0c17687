"""HTML that names and notes cannot break: a tree of elements, written with everything escaped."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, tostring

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Child = Element | str | None
"""What an element holds: others, text, or nothing at all."""

NONE: Final = "\N{EN DASH}"
"""Stands for a number that isn't there."""

_UNFIT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What may be in the name of a file but not in HTML: control characters, and bytes that are no text."""

_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load for a report: nothing but what is in it."""


def tag(kind: str, /, *children: Child, **attributes: object) -> Element:
    """Make an element.

    Args:
        kind: such as `p`.
        children: in order.
        attributes: by name; `_` stands for `-`, and is left out at the end (`class_`). None leaves one out.
    """
    element = Element(
        kind, {key.rstrip("_").replace("_", "-"): _clean(str(v)) for key, v in attributes.items() if v is not None}
    )
    last: Element | None = None
    for child in children:
        if child is None:
            continue
        if isinstance(child, Element):
            element.append(child)
            last = child
        elif last is None:
            element.text = (element.text or "") + _clean(child)
        else:
            last.tail = (last.tail or "") + _clean(child)
    return element


def section(title: str, *children: Child, id_: str, lead: str | None = None) -> Element:
    """Make a part of a report: its heading, a sentence that says how to read it, and what is in it."""
    return tag("section", tag("h2", title), None if lead is None else tag("p", lead, class_="lead"), *children, id=id_)


def table(head: Sequence[Child], rows: Iterable[Sequence[Child]], caption: str | None = None) -> Element:
    """Make a table whose first column names its rows."""
    body = (tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in rest)) for first, *rest in rows)
    return tag(
        "table",
        None if caption is None else tag("caption", caption),
        tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head))),
        tag("tbody", *body),
    )


def percent(value: float | None) -> Element:
    """Write a share in per cent, with the exact value for programs."""
    return tag("span", NONE) if value is None else tag("data", f"{100 * value:.1f}", value=repr(float(value)))


def interval(bounds: Sequence[float] | None) -> Element:
    """Write an interval of shares in per cent."""
    return tag("span", NONE) if bounds is None else tag("span", percent(bounds[0]), " to ", percent(bounds[1]))


def items(lines: Iterable[Child], class_: str | None = None) -> Element:
    """Make a list."""
    return tag("ul", *(tag("li", line) for line in lines), class_=class_)


def page(title: str, *children: Child) -> str:
    """Write a whole page; it loads nothing, runs nothing, and prints well."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        Element("meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY}),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light"),
        tag("title", title),
        tag("style", files(__package__).joinpath("report.css").read_text("utf-8")),
    )
    document = tag("html", head, tag("body", tag("main", *children)), lang="en")
    return f"<!DOCTYPE html>\n{tostring(document, 'unicode', 'html')}\n"


def _clean(text: str) -> str:
    return _UNFIT.sub("\ufffd", text)
