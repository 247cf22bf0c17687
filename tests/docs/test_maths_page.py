"""The page of the mathematics names what there is, cites what it lists, and renders on GitHub as in MkDocs."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest
import typer.main

from highwall.cli.main import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "maths.md").read_text("utf-8")
TEXT, SOURCES = PAGE.split("\n## Sources\n")
MATHS = re.findall(r"\$\$(.+?)\$\$|\$([^$]+)\$", PAGE, flags=re.DOTALL)


def exists(code: str) -> bool:
    """Say whether what stands in backticks is there: a name to import, a file, or a verb of the command line."""
    if code.startswith("highwall."):
        resolve_name(code)
        return True
    if code.startswith("highwall "):
        return code.split()[1] in typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return any((folder / code).is_file() for folder in (ROOT, ROOT / "src" / "highwall"))


@pytest.mark.parametrize("code", sorted(set(re.findall(r"`([^`]+)`", PAGE))))
def test_what_the_page_names_is_there(code: str) -> None:
    assert exists(code)


def test_links_lead_to_headings() -> None:
    slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"(?m)^#+ (.+)$", PAGE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= slugs
    contents = re.findall(r"(?m)^- \[(.+)\]\(#", PAGE)
    assert contents == re.findall(r"(?m)^## (.+)$", PAGE)


def test_sources_are_those_that_the_text_cites() -> None:
    listed = re.findall(r"(?m)^- ([^(]+?)(?:, .*| & .*| and others)? \((\d{4})\)", SOURCES)
    assert len(listed) == SOURCES.count("\n- ")
    running = " ".join(TEXT.split())
    cited = re.findall(r"([A-Z][\w-]+(?: Gupta)?)(?: et al\.| & [A-Z]\w+)? ((?:19|20)\d{2})\b", running)
    assert set(listed) == set(cited)


def test_maths_survives_markdown() -> None:
    """GitHub takes backslashes before signs away, and reads underscores after signs, and asterisks, as emphasis."""
    assert len(MATHS) > 100
    assert PAGE.replace("$$", "").count("$") % 2 == 0
    for maths in map("".join, MATHS):
        assert not re.search(r"\\[^a-zA-Z ]|[^a-zA-Z0-9]_|[*<>|&~\n]", maths), maths
        assert maths.count("{") == maths.count("}"), maths


def test_rows_of_a_table_have_as_many_cells_as_its_head() -> None:
    for table in re.findall(r"(?m)^\|.*\n\| --- .*\n(?:\|.*\n)+", PAGE):
        assert len({row.count("|") for row in table.splitlines()}) == 1, table


def test_there_is_no_html() -> None:
    assert not re.search(r"</?[a-z]", PAGE)
