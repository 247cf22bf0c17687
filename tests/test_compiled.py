from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import highwall

USE = """
import numpy as np
from highwall.mapping._blend import add_window
total = np.zeros((1, 2, 3))
add_window(total, np.ones((1, 2, 2), np.float32), np.ones(2), np.ones(2), 1)
assert (total == [[[0, 1, 1], [0, 1, 1]]]).all()
print(sum(add_window.stats.cache_hits.values()))
"""


def use(folder: Path, cache: Path) -> int:
    """Call a compiled loop of a copy of the package in a process of its own; return how often it came from disk."""
    environment = os.environ | {"PYTHONPATH": str(folder), "HOME": str(cache), "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_loops_are_compiled_once_for_all_runs(tmp_path: Path) -> None:
    package = Path(highwall.__file__).parent
    copytree(package, tmp_path / "highwall", ignore=lambda *_: {"__pycache__"})
    assert [use(tmp_path, tmp_path / "cache") for _ in range(2)] == [0, 1]


def test_loops_are_compiled_where_nothing_can_be_kept(tmp_path: Path) -> None:
    package = Path(highwall.__file__).parent
    copytree(package, tmp_path / "highwall", ignore=lambda *_: {"__pycache__"})
    for folder in (tmp_path / "highwall").rglob("*"):
        if folder.is_dir():
            (folder / "__pycache__").write_text("a file in the way")
    (tmp_path / "cache").write_text("a file in the way")
    assert use(tmp_path, tmp_path / "cache") == 0
