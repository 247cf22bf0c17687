"""Writes the page of the command line out of the program itself, while the site is built."""  # noqa: INP001

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import typer.main

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK: Final = "(verbs)"
"""The line of a page that the verbs stand in for."""

os.environ.setdefault("DISABLE_MKDOCS_2_WARNING", "true")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the verbs where a page has the mark."""
    return markdown.replace(MARK, verbs()) if MARK in markdown.splitlines() else markdown


def verbs() -> str:
    """Describe every verb in Markdown: usage, help, and a table of its arguments and options."""
    from highwall.cli.main import app  # noqa: PLC0415 - nothing else of the site needs the program

    program: Any = typer.main.get_command(app)
    return "\n\n".join(_verb(name, command) for name, command in program.commands.items())


def _verb(name: str, command: Any) -> str:
    usage = " ".join(["highwall", name, *_usage(command)])
    rows = "\n".join(_rows(command))
    text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    return f"## {name}\n\n```text\n{usage}\n```\n\n{text}\n\n| option | default | what |\n| --- | --- | --- |\n{rows}"


def _usage(command: Any) -> Iterator[str]:
    """List arguments as they are typed, and the options that must be there."""
    for parameter in command.params:
        value = _value(parameter)
        if parameter.param_type_name == "argument":
            word = f"{value}..." if parameter.nargs == -1 else value
            yield word if parameter.required else f"[{word}]"
        elif parameter.required:
            yield f"{min(parameter.opts, key=len)} {value}"
    yield "[options]"


def _rows(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            names = f"`{_value(parameter)}`"
        else:
            value = "" if parameter.is_flag else f" {_value(parameter)}"
            names = ", ".join(f"`{option}`" for option in parameter.opts[:-1]) + (", " if parameter.opts[1:] else "")
            names += f"`{parameter.opts[-1]}{value}`"
        default = "must be given" if parameter.required else _default(parameter)
        yield f"| {_cell(names)} | {_cell(default)} | {_cell(parameter.help or '')} |"


def _value(parameter: Any) -> str:
    """Say what is to be typed."""
    return str(parameter.metavar or parameter.name.strip("_").upper())


def _default(parameter: Any) -> str:
    default = parameter.default
    plain = isinstance(default, str | int | float) and not isinstance(default, bool)
    return f"`{default}`" if plain else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
