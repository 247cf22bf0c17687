"""The site builds without a warning, asks no server for anything, and has all that is public."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

import highwall
from highwall.cli.main import app

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = sorted(site.glob("*.html"))
    assert len(pages) >= len(list((ROOT / "docs").glob("*.md")))
    for page in pages:
        tags = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", page.read_text("utf-8"))
        assert not [tag for tag in tags if re.search(r"(?:src|href)=[\"']?(?:https?:)?//", tag)], page


def test_every_verb_and_option_is_there(site: Path) -> None:
    page = (site / "cli.html").read_text("utf-8")
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert f'<h2 id="{name}">' in page
        section = page.split(f'<h2 id="{name}">')[1].split("<h2 ")[0]
        assert not [
            option for one in command.params for option in one.opts if option[:2] == "--" and option not in section
        ]


def test_every_public_name_is_there(site: Path) -> None:
    page = (site / "api.html").read_text("utf-8")
    assert not [name for name in highwall.__all__ if not re.search(rf'id="highwall\.[\w.]*\b{name}"', page)]
