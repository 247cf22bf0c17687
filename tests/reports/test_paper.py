"""Reports on paper: A4, nothing cut off."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pypdf import PdfReader

from highwall.reports import report_training

if TYPE_CHECKING:
    from collections.abc import Iterator

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = Path("/usr/bin/chromium")
WIDTH = round((210 - 2 * 13) / 25.4 * 96)
"""Of a page between its margins, in CSS pixels."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip("there is no Chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


def test_it_prints_whole_and_asks_for_nothing(browser: Any, trained: Any, tmp_path: Path) -> None:
    run = shutil.copytree(trained.run, tmp_path / "run")
    path = report_training(trained.model, run, trained.dataset)
    page = browser.new_page(viewport={"width": WIDTH, "height": 1000})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.split(":")[0]))
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    assert set(asked) <= {"file", "data"}
    assert complaints == []
    for media in ("screen", "print"):
        page.emulate_media(media=media)
        assert page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
    wide = "[...document.querySelectorAll('table, img, svg, pre, p, h1')].filter(e => e.getBoundingClientRect().right"
    assert page.evaluate(f"{wide} > {WIDTH} + 1).map(e => e.outerHTML.slice(0, 200))") == []
    printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    assert {tuple(round(float(x)) for x in one.mediabox[2:]) for one in printed.pages} == {(595, 842)}
    assert 2 <= len(printed.pages) <= 12
    text = " ".join(one.extract_text() for one in printed.pages)
    for said in ("Mean IoU", "Worst at", "What is taken for what", "accuracy", "To repeat it", "What to do next"):
        assert said in text
    titles = [line for one in printed.pages for line in one.extract_text().strip().splitlines()[-1:]]
    headings = page.evaluate("[...document.querySelectorAll('h2, h3')].map(e => e.textContent)")
    assert not set(titles) & set(headings)  # no page ends with a heading
