"""The code on the pages runs: shell and Python blocks, in their order, in an empty folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from highwall.cli.main import app

DOCS = Path(__file__).parents[2] / "docs"
RUN = ("tutorial.md", "data.md", "api.md")

SMALLER = {
    "simulate": "--train 6 --val 2 --open 2 --closed 2 --size 64",
    "train": "--set max_steps=4 --set folds=2 --set compared_folds=0 --set crop=32 --set batch=4 --set forest.trees=4",
}
"""What is added to the commands of a page, so that they take seconds."""


def blocks(page: str) -> list[tuple[str, str]]:
    """Return language and text of each block that is to be run."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(r"(?ms)^```(sh|python)\n(.*?)^```$", text)


def run_shell(text: str) -> None:
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        program, verb, *further = words
        assert program == "highwall", line
        result = CliRunner().invoke(app, [verb, *further, *SMALLER.get(verb, "").split()])
        assert result.exit_code == 0, (line, result.output, result.exception)


@pytest.mark.parametrize("page", RUN)
def test_blocks_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    assert blocks(page)
    for language, text in blocks(page):
        if language == "sh":
            run_shell(text)
        else:
            exec(compile(text, page, "exec"), names)  # noqa: S102 - our own pages
