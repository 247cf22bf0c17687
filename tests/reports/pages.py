"""Reads reports as a strict browser would."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

_VOID: Final = {"meta", "img", "br", "link", "hr", "col", "input"}


@dataclass
class Page(HTMLParser):
    """What is in a page; an error if a tag is not closed where it should be."""

    text: str = ""
    values: list[float] = field(default_factory=list)
    """Numbers that the page gives exactly."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "data":
            self.values.append(float(dict(attrs)["value"] or "nan"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"{tag} closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    @property
    def images(self) -> list[dict[str, str | None]]:
        """Attributes of all pictures."""
        return [attributes for tag, attributes in self.tags if tag == "img"]

    @property
    def anchors(self) -> set[str]:
        """What links within the page point to."""
        return {str(attributes["href"]).removeprefix("#") for tag, attributes in self.tags if tag == "a"}

    @property
    def ids(self) -> list[str]:
        """Names of parts."""
        return [str(attributes["id"]) for _, attributes in self.tags if "id" in attributes]


def read_page(html: str) -> Page:
    """Parse a page, and hold it against what every report promises."""
    assert html.startswith("<!DOCTYPE html>\n")
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    assert page.anchors == set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert "http://" not in html.replace('"http-equiv"', "")
    assert "https://" not in html
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "base"}
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    for image in page.images:
        assert str(image["src"]).startswith("data:image/")
        assert image["alt"]
    return page
