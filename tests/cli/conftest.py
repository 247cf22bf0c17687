"""The command line as its users have it, less the seconds that each start takes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVER = """
import json, os, sys, traceback
import highwall.api, highwall.cli.main, highwall.cutting, highwall.products.change, highwall.products.job
import highwall.scenes.safe

for line in sys.stdin:
    if (child := os.fork()) == 0:
        job = json.loads(line)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv = ["highwall", *job["arguments"]]
        status = 0
        try:
            highwall.cli.main.main()
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Imports everything once; each line of standard input becomes a process of its own that runs one command."""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def highwall_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Done]]:
    """Run a command line, in a process of its own."""
    folder = tmp_path_factory.mktemp("commands")
    arguments = [sys.executable, "-c", SERVER]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - ours

        def run(*arguments: object) -> Done:
            job = {"arguments": [str(part) for part in arguments]}
            paths = {name: folder / name for name in ("out", "err")}
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(json.dumps(job | {name: str(path) for name, path in paths.items()}) + "\n")
            server.stdin.flush()
            return Done(int(server.stdout.readline()), paths["out"].read_text(), paths["err"].read_text())

        yield run
        server.stdin.close()
