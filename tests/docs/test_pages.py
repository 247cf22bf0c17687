"""The pages in docs name what there is, cite what they list, and render on GitHub as in MkDocs."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import metadata
from pathlib import Path
from pkgutil import resolve_name

import pytest
import typer.main

from highwall.cli.main import app
from highwall.models.backends import BACKENDS
from highwall.tiles.layout import SPLITS
from highwall.training.config import PRESETS, make_recipe

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"(?ms)^```([a-z]+)\n(.*?)^```$")
WHOLE = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
PAGES = {name: FENCE.sub("", page) for name, page in WHOLE.items()}
"""The pages without their blocks of code."""

NAMED = sorted({(name, code) for name, page in PAGES.items() for code in re.findall(r"`([^`]+)`", page)})
BLOCKS = [(name, *block) for name, page in WHOLE.items() for block in FENCE.findall(page)]
EXTRAS = set(metadata("highwall").get_all("Provides-Extra") or ())
WORDS = {*BACKENDS, *PRESETS, *SPLITS, *EXTRAS}


def exists(code: str) -> bool:
    """Say whether what stands in backticks is there: a command with its options, a name, a setting, or a file."""
    if extras := re.fullmatch(r"pip install 'highwall\[([a-z,]+)\]'", code):
        return EXTRAS.issuperset(extras[1].split(","))
    if code.startswith("--"):
        return all(is_verb([verb, *code.split()]) for verb in verbs_with(code.split(maxsplit=1)[0]))
    first, *further = code.split()
    if first in COMMANDS:
        return COMMANDS[first](further)
    if "=" in code or code.isupper():
        return is_setting(code)
    if re.match(r"(highwall|openvino|torch)\.", code):
        resolve_name(code)
        return True
    return code in WORDS or any((folder / code).is_file() for folder in (ROOT, ROOT / "src" / "highwall"))


def is_verb(words: list[str]) -> bool:
    """Say whether the command line knows a verb, if it comes first, and its options."""
    command = typer.main.get_command(app)
    verbs = [word for word in words if not word.startswith("--")][:1]
    for verb in verbs:
        command = command.commands[verb]  # type: ignore[attr-defined]
    options = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    return options.issuperset(word for word in words if word.startswith("--"))


def verbs_with(option: str) -> list[str]:
    """Return the verbs that have an option, one at least."""
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    having = [name for name in verbs if is_verb([name, option])]
    assert having, option
    return having


def is_script(words: list[str]) -> bool:
    """Say whether a script is there, and takes the options."""
    script = (ROOT / words[0]).read_text("utf-8")
    return all(f'"{word}"' in script for word in words[1:] if word.startswith("--"))


def is_target(words: list[str]) -> bool:
    """Say whether make knows the targets."""
    return all(re.search(rf"(?m)^{word}:", (ROOT / "Makefile").read_text("utf-8")) for word in words)


def is_setting(code: str) -> bool:
    """Say whether the code reads an environment variable, or a training takes a setting with its value."""
    name, _, value = code.partition("=")
    if name.isupper():
        return value in {"", *BACKENDS} and any(name in path.read_text("utf-8") for path in ROOT.glob("src/**/*.py"))
    make_recipe("default", [code])
    return True


LONG = ("maps.md", "maths.md", "speed.md", "training.md")
"""Pages that begin with their contents, for those who read them where no menu stands beside them."""

COMMANDS = {"highwall": is_verb, "make": is_target, "python": is_script}


@pytest.mark.parametrize(("page", "code"), NAMED)
def test_what_a_page_names_is_there(page: str, code: str) -> None:
    if code.startswith("openvino."):
        pytest.importorskip("openvino", reason="the extra cpu is not installed")
    assert exists(code), page


@pytest.mark.parametrize(("page", "language", "text"), BLOCKS)
def test_blocks_name_what_is_there(page: str, language: str, text: str) -> None:
    """What is run is tested in `test_blocks.py`; `console` is shown and not run, `text` is what programs say."""
    assert language in {"console", "python", "sh", "text"}
    prompt = {"console": "$ ", "sh": ""}
    for line in text.splitlines() if language in prompt else ():
        words = shlex.split(line.removeprefix(prompt[language]), comments=True)
        assert line.startswith(prompt[language])
        assert not words or exists(" ".join(words)), line


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_headings(page: str) -> None:
    text = PAGES[page]
    slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"(?m)^#+ (.+)$", text)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= slugs
    contents = re.findall(r"(?m)^- \[(.+)\]\(#", text)
    if contents or page in LONG:
        assert contents == re.findall(r"(?m)^## (.+)$", text)


@pytest.mark.parametrize("page", PAGES)
def test_sources_are_those_that_the_text_cites(page: str) -> None:
    text, _, sources = PAGES[page].partition("\n## Sources\n")
    listed = re.findall(r"(?m)^- ([^(]+?)(?:, .*| & .*| and others)? \((\d{4})\)", sources)
    assert len(listed) == sources.count("\n- ")
    running = " ".join(text.split())
    cited = re.findall(r"([A-Z][\w-]+(?: Gupta)?)(?: et al\.| & [A-Z]\w+)? ((?:19|20)\d{2})\b", running)
    assert set(listed) == set(cited)


@pytest.mark.parametrize("page", PAGES)
def test_rows_of_a_table_have_as_many_cells_as_its_head(page: str) -> None:
    for table in re.findall(r"(?m)^\|.*\n\| --- .*\n(?:\|.*\n)+", PAGES[page]):
        assert len({row.count("|") for row in table.splitlines()}) == 1, table


@pytest.mark.parametrize("page", PAGES)
def test_there_is_no_html(page: str) -> None:
    assert not re.search(r"</?[a-z]", PAGES[page])
