"""The page of the mathematics renders on GitHub as in MkDocs."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "maths.md").read_text("utf-8")
MATHS = re.findall(r"\$\$(.+?)\$\$|\$([^$]+)\$", PAGE, flags=re.DOTALL)


def test_maths_survives_markdown() -> None:
    """GitHub takes backslashes before signs away, and reads underscores after signs, and asterisks, as emphasis."""
    assert len(MATHS) > 100
    assert PAGE.replace("$$", "").count("$") % 2 == 0
    for maths in map("".join, MATHS):
        assert not re.search(r"\\[^a-zA-Z ]|[^a-zA-Z0-9]_|[*<>|&~\n]", maths), maths
        assert maths.count("{") == maths.count("}"), maths
