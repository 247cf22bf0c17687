"""What a `dataset.toml` says about the tiles around it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from highwall.errors import BadInput
from highwall.legend import Legend
from highwall.sentinel2 import band_names

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NAME: Final = "dataset.toml"


class Settings(BaseModel):
    """The contents of `dataset.toml`; what is None is found in the files or takes its default."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    bands: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(band_names)] | None = None
    """Band names in the order of the channels."""

    scale: Annotated[float, Field(gt=0)] | None = None
    """Reflectance = value * scale + offset."""

    offset: float | None = None
    """Reflectance at value 0."""

    legend: Annotated[dict[int, str], AfterValidator(lambda names: Legend.from_names(names) and names)] | None = None
    """Id in the masks to class name."""


def read_settings(path: Path) -> Settings:
    """Read one `dataset.toml`.

    Raises:
        BadInput: it is no TOML, or holds an unknown key or a value of the wrong kind.
    """
    try:
        return Settings.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{path}: {key}: {first['msg'].removeprefix('Value error, ')}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadInput(f"{path}: {error}") from None


def merge_settings(paths: Iterable[Path]) -> Settings:
    """Read several `dataset.toml` that describe the same tiles, each filling in what the others leave out.

    Raises:
        BadInput: one cannot be used, or two contradict each other.
    """
    merged: dict[str, object] = {}
    for path in paths:
        for key, value in read_settings(path).model_dump(exclude_none=True).items():
            if merged.setdefault(key, value) != value:
                raise BadInput(f"{path}: {key} is {value}, but another {NAME} of the same dataset has {merged[key]}")
    return Settings.model_validate(merged)
