"""The demo, small enough for a test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import rasterio

from highwall.cli.reports import demo_reports
from highwall.demo import demo
from highwall.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

TILES = {"train": 4, "val": 2, "open": 1, "closed": 2}
CHANGES = ("max_steps=2", "crop=64", "batch=2", "forest.trees=3", "max_pixels=2000", "precision=32-true")


def test_leaves_all_that_the_readme_promises(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    (folder / ".tiles.x.part").mkdir(parents=True)  # left by a demo that was killed while it simulated
    result = demo(folder, tiles=TILES, size=64, changes=CHANGES)
    assert result.report.errors == ()
    assert result.report.leaks == ()
    scores = json.loads((folder / "scores.json").read_text())
    for split in ("open", "closed"):
        assert set(scores[split]["scores"]) == {"unet", "fpn", "networks", "forest"}
        assert (folder / f"{split}.png").stat().st_size > 10_000
        for image in (folder / "tiles" / split / "images").iterdir():
            with rasterio.open(image) as tile, rasterio.open(folder / "masks" / split / image.name) as mask:
                assert (mask.shape, mask.crs, mask.transform) == (tile.shape, tile.crs, tile.transform)
    assert (folder / "curves.png").is_file()
    reports = demo_reports(folder, result)
    assert set(reports) == {"training", "open", "closed"}
    for path in reports.values():
        assert "What is taken for what" in path.read_text("utf-8")
    assert (folder / "run" / "model" / "model.json").is_file()
    with rasterio.open(result.map / "classes.tif") as classes:
        assert classes.shape == (192, 192)


def test_leaves_a_folder_of_somebody_else_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
