"""What the values of a column mean: which class each polygon is of."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from highwall.errors import BadInput
from highwall.legend import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from highwall.cutting.layer import Layer
    from highwall.legend import Legend

Others = Literal["error", "unknown", "background"]
"""What becomes of polygons whose value is no class: nothing, for it is an error; or unknown; or background."""

USUAL: Final = ("class", "class_name", "classname", "class_id", "label")
"""Columns that are taken for the classes if nobody names one, in this order; upper case is as good."""

_LONGEST: Final = 12  # values or columns that a message names


def make_meaning(legend: Legend, told: Mapping[str, str]) -> dict[str, int]:
    """Return the class id of each plain value (see `plain`); 255 where unknown.

    Names and ids of the legend mean themselves, and so do `unknown` and 255.

    Args:
        legend: the classes.
        told: value in the layer to class name, class id, or `unknown`; goes before the names of the legend.

    Raises:
        BadInput: a value is to mean a class that there is not.
    """
    known = {plain(c.name): c.id for c in legend.classes} | {str(c.id): c.id for c in legend.classes}
    known |= {"unknown": UNKNOWN, str(UNKNOWN): UNKNOWN}
    for value, name in told.items():
        if plain(name) not in known:
            raise BadInput(f"{value}={name}: {name} is no class (classes are {', '.join(legend.names)}, and unknown)")
    return known | {plain(value): known[plain(name)] for value, name in told.items()}


def plain(value: Any) -> str:
    """Return a value as it is compared: lower case, `_` and `-` as spaces, 2.0 as 2, nothing as an empty string."""
    if pd.isna(value):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return " ".join(str(value).casefold().replace("_", " ").replace("-", " ").split())


def choose_column(layer: Layer, wanted: str | None, meaning: Mapping[str, int]) -> str:
    """Find the column that names the classes: the wanted one, else a usual one, else the only one that can be it.

    Raises:
        BadInput: there is no such column, or more than one could be it.
    """
    columns = [str(column) for column in layer.table.columns]
    by_lower = {column.lower(): column for column in reversed(columns)}
    there = f"there are {', '.join(columns[:_LONGEST]) or 'none'}"
    if wanted is not None:
        if wanted in columns:
            return wanted
        if wanted.lower() in by_lower:
            return by_lower[wanted.lower()]
        raise BadInput(f"{layer.path}: has no column {wanted!r} ({there})")
    if usual := [by_lower[name] for name in USUAL if name in by_lower]:
        return usual[0]
    texts = [column for column in columns if layer.table[column].map(lambda value: isinstance(value, str)).any()]
    words = [value for value in meaning if not value.isdigit()]  # numbers may be anything
    named = [column for column in texts if layer.table[column].map(plain).isin(words).any()]
    if len(fit := named or texts) == 1:
        return fit[0]
    raise BadInput(f"{layer.path}: which column names the classes? Choose it with --column ({there})")


def class_ids(
    layer: Layer, column: str, meaning: Mapping[str, int], others: Others = "error"
) -> tuple[NDArray[np.uint8], list[str]]:
    """Return the class id of each polygon `(n,)`, 255 where unknown, and notes for people.

    Raises:
        BadInput: values mean no class, and `others` is `error`.
    """
    values = layer.table[column]
    foreign = Counter(str(value) if plain(value) else "(empty)" for value in values if plain(value) not in meaning)
    default = UNKNOWN if others == "unknown" else 0
    ids = np.array([meaning.get(plain(value), default) for value in values], np.uint8)
    if not foreign:
        return ids, []
    listed = ", ".join(f"{value} ({count})" for value, count in foreign.most_common(_LONGEST))
    listed += f" and {len(foreign) - _LONGEST} more" if len(foreign) > _LONGEST else ""
    if others == "error":
        raise BadInput(
            f"{layer.path}: values of column {column!r} that are no class: {listed}; "
            "say what they mean with --class VALUE=CLASS, or use --others unknown or background"
        )
    return ids, [f"taken for {others}: {listed}"]
