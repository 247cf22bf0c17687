from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import highwall
from highwall.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path


def test_folders_may_be_text(trained: Any, tmp_path: Path) -> None:
    report = highwall.check(str(trained.dataset))
    assert report.errors == ()
    assert len(highwall.predict(str(trained.run / "model"), str(trained.dataset), str(tmp_path), split="val")) > 0


def test_scores_of_set_splits_sites_and_tiles_agree(trained: Any) -> None:
    document = highwall.evaluate(trained.model, trained.dataset).to_json()
    for level, total in document["confusion"].items():
        for parts in (document["sites"], document["tiles"]):
            added = [[0] * len(total) for _ in total]
            for part in parts.values():
                for row, counts in enumerate(part["confusion"][level]):
                    for column, count in enumerate(counts):
                        added[row][column] += count
            assert added == total
    if len(document["splits"]) == 1:
        assert next(iter(document["splits"].values())) == document["scores"]


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_seeds_have_a_range(trained: Any, tmp_path: Path, seed: int) -> None:
    with pytest.raises(BadInput, match="seed"):
        highwall.train(trained.dataset, tmp_path / "run", preset="quick", seed=seed)
    assert not (tmp_path / "run").exists()


def test_truth_is_never_overwritten(trained: Any) -> None:
    with pytest.raises(BadInput, match="overwrite"):
        highwall.predict(trained.model, trained.dataset, trained.dataset / "val" / "masks", split="val")
