"""HTML that no text can break."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from pages import read_page

from highwall.reports.html import interval, items, page, percent, section, table, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

HOSTILE = """</title></style><script>alert(1)</script><img src=x onerror=alert(1)> & " ' <!-- ]]>"""


def test_markup_in_text_and_attributes_stays_text() -> None:
    html = page(HOSTILE, section(HOSTILE, tag("p", HOSTILE, title=HOSTILE), id_="a"), tag("a", HOSTILE, href="#a"))
    found = read_page(html)
    assert found.text.count(HOSTILE) == 4
    assert [attributes["title"] for name, attributes in found.tags if name == "p"] == [HOSTILE]
    assert found.images == []


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_any_text_comes_back_but_for_what_is_no_text(text: str) -> None:
    html = page("t", tag("p", text, tag("b", text), text))
    html.encode("utf-8")  # file names may hold bytes that are no text
    shown = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "\ufffd", text)
    assert read_page(html.replace("\r", "\n")).text.replace("\r", "\n").strip("\n") == f"t{3 * shown}".replace(
        "\r", "\n"
    ).strip("\n")


@given(st.lists(st.lists(st.floats(0, 1), min_size=2, max_size=2), max_size=5))
def test_tables_hold_exact_numbers(rows: Sequence[Sequence[float]]) -> None:
    html = page("t", table(["a", "b"], [[str(n), interval(row)] for n, row in enumerate(rows)], "what"))
    assert read_page(html).values == [value for row in rows for value in row]


def test_a_number_that_is_not_there_is_a_dash() -> None:
    found = read_page(page("t", percent(None), interval(None), items(["one", None])))
    assert (found.text.strip(), found.values) == ("t\N{EN DASH}\N{EN DASH}one", [])
