"""`highwall map` where windows need no work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.scenes import Scene

    Command = Callable[..., Any]


def test_a_first_look_tells_what_it_skipped_and_what_that_costs(
    highwall_command: Command, seeing: Any, lonely_mine: Callable[..., Scene], tmp_path: Path
) -> None:
    path, result = lonely_mine(0, 0).planes["B02"].path, tmp_path / "map.json"
    command = ("map", seeing.folder, path, "-o", tmp_path / "out", "--first-look", "--json", result)
    done = highwall_command(*command)
    assert done.status == 0, done.err
    (document,) = json.loads(result.read_text())["maps"]
    share = document["skipped"]["first_look"] / document["skipped"]["windows"]
    line = f"first look: skipped {share:.0%} of 12 windows; it keeps 99.6 % (98.9 to 99.9) of mine pixels"
    assert f"{line} at 12 unknown sites\n" in done.out
    assert share > 0.5
    again = highwall_command(*command)
    assert again.status == 0, again.err
    assert line in again.out


def test_without_a_first_look_the_option_is_bad_input(
    highwall_command: Command, trained: Any, lonely_mine: Callable[..., Scene], tmp_path: Path
) -> None:
    path = lonely_mine(0, 0).planes["B02"].path
    done = highwall_command("map", trained.folder, path, "-o", tmp_path / "out", "--first-look")
    assert done.status == 2
    assert len(done.err.splitlines()) == 1
    assert "no first look" in done.err
    assert not (tmp_path / "out").exists()


def test_all_windows_and_a_first_look_exclude_each_other(
    highwall_command: Command, seeing: Any, lonely_mine: Callable[..., Scene], tmp_path: Path
) -> None:
    path = lonely_mine(0, 0).planes["B02"].path
    done = highwall_command("map", seeing.folder, path, "-o", tmp_path / "out", "--first-look", "--all-windows")
    assert done.status == 2
    assert "all windows" in done.err
    assert highwall_command("map", seeing.folder, path, "-o", tmp_path / "out", "--all-windows").status == 0
