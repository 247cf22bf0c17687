from __future__ import annotations

import hashlib
import json
import math
import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highwall.files import new_file, new_folder, sha256, write_json


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "table.csv"
    with new_file(path) as part:
        part.write_text("half")
        assert part.suffix == ".csv"  # libraries choose the format by it
        assert not path.exists()
    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with new_file(path) as part:
            part.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_when_it_is_complete_and_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").write_text("")
    with new_folder(path) as part:
        (part / "new").write_text("")
        assert [file.name for file in path.iterdir()] == ["old"]
    assert [file.name for file in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]
    os.umask(mask := os.umask(0))
    assert stat.S_IMODE(path.stat().st_mode) == 0o777 & ~mask


def test_a_failure_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model"

    def fail() -> None:
        with new_folder(path) as part:
            (part / "new").write_text("")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert list(tmp_path.iterdir()) == []


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.tuples(x, x)))
def test_json_is_what_python_reads_with_null_for_what_is_not_finite(value: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        write_json(path, {"value": value})
        text = path.read_text("utf-8")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    def same(a: object, b: object) -> bool:
        if isinstance(b, list | tuple):
            return isinstance(a, list) and len(a) == len(b) and all(map(same, a, b))
        if isinstance(b, float) and math.isfinite(b):
            return a == b
        return a is None if isinstance(b, float) else a == b

    assert same(json.loads(text, parse_constant=refuse)["value"], value)


@given(st.binary(max_size=2000))
def test_sha256_is_that_of_the_bytes(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(content)
        assert sha256(path) == hashlib.sha256(content).hexdigest()
