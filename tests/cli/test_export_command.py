"""`highwall export` as its users have it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import onnx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_it_writes_a_file_and_says_how_well_it_agrees(
    highwall_command: Callable[..., Any], trained: Any, tmp_path: Path
) -> None:
    file, result = tmp_path / "new" / "mines.onnx", tmp_path / "result.json"
    done = highwall_command("export", trained.folder, "--onnx", file, "--size", 64, "--json", result)
    assert done.status == 0, done.err
    assert done.err == ""
    document = json.loads(result.read_text())
    assert document["onnx"] == str(file)
    assert document["bytes"] == file.stat().st_size
    assert document["input"] == {"name": "reflectance", "shape": ["n", 6, 64, 64]}
    assert document["agreement"]["worst"] <= document["agreement"]["most"] == 1e-4
    assert document["agreement"]["labels"] >= document["agreement"]["least"] == 0.999
    assert f"{document['agreement']['worst']:.1e}" in done.out
    assert "The forest (level 2)" in done.out
    told = {one.key: one.value for one in onnx.load(file).metadata_props}
    assert told == document["metadata"]
    assert [path.name for path in file.parent.iterdir()] == ["mines.onnx"]


def test_what_cannot_be_is_told_in_one_line(highwall_command: Callable[..., Any], trained: Any, tmp_path: Path) -> None:
    for arguments, why in (
        ((trained.folder, "--size", 100), "multiple of 32"),
        ((trained.folder, "--bands", "B02,B03"), "band B04 B08 B11 B12 is missing"),
        ((trained.folder, "--scale", 0), "must be above 0"),
        ((tmp_path / "none",), "no model folder"),
    ):
        done = highwall_command("export", *arguments, "--onnx", tmp_path / "a.onnx")
        assert done.status == 2
        assert len(done.err.splitlines()) == 1, done.err
        assert why in done.err
    assert not list(tmp_path.iterdir())
