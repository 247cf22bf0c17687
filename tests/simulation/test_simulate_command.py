import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from highwall.cli.simulate import simulate


def test_the_command_writes_tiles_and_says_so(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(simulate)
    out, report = tmp_path / "tiles", tmp_path / "made.json"
    options = ["--train", "2", "--val", "1", "--open", "0", "--closed", "1", "--size", "32", "--seed", "4"]
    result = CliRunner().invoke(app, [str(out), *options, "--json", str(report)])
    assert result.exit_code == 0
    made = json.loads(report.read_text())
    assert made["tiles"] == {"train": 2, "val": 1, "open": 0, "closed": 1}
    for split, count in made["tiles"].items():
        assert len(list(out.glob(f"{split}/images/*.tif"))) == count
        assert len(list(out.glob(f"{split}/masks/*.tif"))) == count
    assert "2 train, 1 val, 1 closed" in result.output
