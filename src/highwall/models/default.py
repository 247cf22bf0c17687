"""The word for the model that ships with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DEFAULT: Final = "default"
"""The word for the model in the box, wherever the folder of a model is asked for."""

BOX: Final = Path(__file__).parents[1] / "box" / "model"
"""Folder of the model in the box."""


def model_folder(name: Path | str) -> Path:
    """Return the folder that somebody means: the word `default` is the model in the box.

    The word wins over a folder of that name beside us, which `./default/` still reaches, or its whole path; a `Path`
    has forgotten about the `./`, so that `Path("./default")` is the word, too.
    """
    if str(name) == DEFAULT:
        return BOX
    folder = Path(name)
    return folder.absolute() if str(folder) == DEFAULT else folder
