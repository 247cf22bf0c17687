from __future__ import annotations

import json
import multiprocessing
from typing import TYPE_CHECKING, Any

import pytest

from highwall.errors import BadInput
from highwall.files import write_json
from highwall.products import work as module
from highwall.products.work import MANIFEST, claimed, finish, work_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLAIM = {"scene": "s", "grid": (1, 2)}


def make(out: Path, claim: dict[str, Any] | None = None) -> bool:
    """Make a product of one file and a manifest; tell whether there was anything to do."""
    claim = CLAIM if claim is None else claim
    with claimed(out, claim, resume=True) as work:
        if work is None:
            return False
        product = work / "map"
        product.mkdir(exist_ok=True)
        (product / "a.tif").write_text("pixels")
        write_json(product / MANIFEST, {"claim": claim, "files": {"a.tif": {}}})
        finish(product, out)
    return True


def begin(out: Path, rows: str) -> None:
    """Begin to make a product, and fail."""
    with claimed(out, CLAIM, resume=True) as work:
        assert work is not None
        (work / "rows").write_text(rows)
        raise KeyError


def test_a_product_is_made_once(tmp_path: Path) -> None:
    assert make(tmp_path / "new" / "out")
    assert not make(tmp_path / "new" / "out")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"out"}


def test_a_product_that_lost_a_file_is_not_taken_for_whole(tmp_path: Path) -> None:
    make(tmp_path / "out")
    (tmp_path / "out" / "a.tif").unlink()
    with pytest.raises(BadInput, match=r"has lost a\.tif"):
        make(tmp_path / "out")


def test_what_a_failed_block_left_comes_back(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyError):
        begin(out, "a few")
    with pytest.raises(BadInput, match="differs in scene"):
        make(out, CLAIM | {"scene": "t"})
    with claimed(out, CLAIM, resume=True) as work:
        assert work is not None
        assert (work / "rows").read_text() == "a few"
    with pytest.raises(KeyError):
        begin(out, "a few")
    with claimed(out, CLAIM, resume=False) as work:
        assert work is not None
        assert not (work / "rows").exists()


def test_a_block_that_failed_with_nothing_done_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), claimed(tmp_path / "a" / "b" / "out", CLAIM, resume=True):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_after_the_last_rename_left_is_cleared(tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(out)
    work_folder(out).mkdir()
    (work_folder(out) / "rows").write_text("all of them")
    (tmp_path / ".out.part.lock").touch()
    assert not make(out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_one_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    with claimed(tmp_path / "out", CLAIM, resume=True) as work:
        assert work is not None
        with pytest.raises(BadInput, match="another run is making it"):
            make(tmp_path / "out")
        assert work.exists()


def test_of_many_runs_one_makes_it_and_the_others_find_it(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = pool.map(make, [tmp_path / "out"] * 12)
    assert sum(made) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert json.loads((tmp_path / "out" / MANIFEST).read_text())["claim"] == {"scene": "s", "grid": [1, 2]}


def test_something_that_comes_to_be_there_meanwhile_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    product = work_folder(out) / "map"
    product.mkdir(parents=True)
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInput, match="what is done is kept"):
        finish(product, out)
    assert (out / "thesis.txt").read_text() == "years of work"
    assert product.exists()


@pytest.mark.parametrize("name", ["a!b", "a\nb", "\udcff"])
def test_names_that_could_not_be_written_to_are_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="GDAL writes to no path"):
        make(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_mount_point_is_refused_at_once(make_mount: Callable[[str], Path]) -> None:
    disk = make_mount("1m")
    with pytest.raises(BadInput, match="is a mount point"):
        make(disk)
    assert make(disk / "out")
