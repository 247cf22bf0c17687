"""The head of a report: the sentence that matters first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from highwall.reports.findings import headline, strength, weakness
from highwall.reports.html import tag
from highwall.reports.scores import scores_chart

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from highwall.reports.findings import ClassFinding
    from highwall.reports.judged import Judged


def top(kind: str, judged: Judged, findings: Sequence[ClassFinding], *more: str | None) -> Element:
    """Say what the report is about, the score, what the model is worst and best at, and what else matters."""
    best = strength(findings)
    return tag(
        "header",
        tag("p", kind, class_="kind"),
        tag("h1", f"{headline(judged)}."),
        tag("p", tag("strong", weakness(findings)), class_="finding"),
        None if best is None else tag("p", best, class_="finding"),
        *(tag("p", line) for line in more if line),
        scores_chart(judged),
    )


def contents(sections: Sequence[Element]) -> Element:
    """Link to each section."""
    return tag("nav", *(tag("a", one.findtext("h2"), href=f"#{one.get('id')}") for one in sections))
