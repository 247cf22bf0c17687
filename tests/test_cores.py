"""Cores that a process may use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from highwall.cores import VARIABLE, usable_cores

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing told by the environment."""
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.mark.parametrize(("told", "cores"), [("1", 1), ("1,4", 1), ("999999", None), ("0", None), ("many", None)])
def test_the_environment_may_tell_fewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, cores: int | None
) -> None:
    every = usable_cores(tmp_path / "none")
    monkeypatch.setenv(VARIABLE, told)
    assert usable_cores(tmp_path / "none") == (cores or every)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds processes to cores")
def test_cores_that_a_process_is_bound_to(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores(tmp_path / "none") == 1
    finally:
        os.sched_setaffinity(0, before)
    assert usable_cores(tmp_path / "none") == len(before)


@pytest.mark.parametrize(
    ("text", "most"), [("max 100000", 10**6), ("150000 100000", 2), ("5000 100000", 1), ("", 10**6)]
)
def test_a_container_is_given_a_share(tmp_path: Path, text: str, most: int) -> None:
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert usable_cores(tmp_path / "cpu.max") == min(most, usable_cores(tmp_path / "none"))
