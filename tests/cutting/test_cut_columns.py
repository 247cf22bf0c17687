from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from highwall.cutting.layer import Layer
from highwall.cutting.meaning import choose_column, class_ids, make_meaning, plain
from highwall.errors import BadInput
from highwall.legend import DEFAULT_LEGEND, Legend

if TYPE_CHECKING:
    from collections.abc import Mapping


def layer(**columns: list[Any]) -> Layer:
    return Layer("mines.gpkg", np.array([], object), pd.DataFrame(columns), ())


def ids(values: list[Any], told: Mapping[str, str] | None = None, others: Any = "error") -> list[int]:
    found, _ = class_ids(layer(kind=values), "kind", make_meaning(DEFAULT_LEGEND, told or {}), others)
    assert found.dtype == np.uint8
    return found.tolist()


def test_names_and_ids_of_the_legend_mean_themselves() -> None:
    assert ids(["waste dump", "Quarry_Pit", " TAILINGS-POND ", "background", "Unknown"]) == [1, 2, 3, 0, 255]
    assert ids([0, 1, 2, 3, 255]) == [0, 1, 2, 3, 255]
    assert ids([1.0, 3.0, np.float64(2)]) == [1, 3, 2]  # whole numbers beside a missing one are read as floats
    assert ids(["1", "255"]) == [1, 255]


def test_other_values_mean_what_is_told() -> None:
    told = {"open_pit": "Quarry pit", "7": "1", "": "unknown", "waste dump": "background", "leach=heap": "3"}
    assert ids(["Open Pit", 7, None, float("nan"), "waste_dump", "leach=heap"], told) == [2, 1, 255, 255, 0, 3]


def test_a_datasets_own_legend() -> None:
    legend = Legend.from_names({0: "background", 7: "Leach heap"})
    found, _ = class_ids(layer(k=["leach_heap", 7]), "k", make_meaning(legend, {}))
    assert found.tolist() == [7, 7]


def test_values_that_mean_nothing_are_listed_with_their_counts() -> None:
    values = ["stockyard", "plant", "stockyard", None, "quarry pit", 1.5]
    with pytest.raises(BadInput, match=r"'kind' that are no class: stockyard \(2\), plant \(1\), \(empty\) \(1\), 1.5"):
        ids(values)
    assert ids(values, others="unknown") == [255, 255, 255, 255, 2, 255]
    assert ids(values, others="background") == [0, 0, 0, 0, 2, 0]
    _, notes = class_ids(layer(kind=values), "kind", make_meaning(DEFAULT_LEGEND, {}), "unknown")
    assert notes == ["taken for unknown: stockyard (2), plant (1), (empty) (1), 1.5 (1)"]


def test_long_lists_are_cut() -> None:
    with pytest.raises(BadInput, match=r" and 38 more; "):
        ids([f"kind {number}" for number in range(50)])


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ({"id": [5], "class": ["x"]}, "class"),
        ({"label": ["quarry pit"], "CLASS_NAME": ["x"]}, "CLASS_NAME"),
        ({"Class": [2], "label": [1]}, "Class"),
        ({"site": ["A"], "feature": ["quarry pit"]}, "feature"),  # the only one with a class
        ({"site": ["1"], "feature": ["open_pit"]}, "feature"),  # told below
        ({"area": [5.0], "feature": ["anything"]}, "feature"),  # the only text
    ],
)
def test_the_column_is_found(columns: dict[str, list[Any]], chosen: str) -> None:
    meaning = make_meaning(DEFAULT_LEGEND, {"open_pit": "quarry pit"})
    assert choose_column(layer(**columns), None, meaning) == chosen


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"area": [1.0], "n": [2]},
        {"site": ["A"], "feature": ["B"]},
        {"old": ["quarry pit"], "new": ["waste dump"]},
    ],
)
def test_a_column_that_cannot_be_told_is_asked_for(columns: dict[str, list[Any]]) -> None:
    with pytest.raises(BadInput, match=f"--column \\(there are {', '.join(columns) or 'none'}\\)"):
        choose_column(layer(**columns), None, make_meaning(DEFAULT_LEGEND, {}))


def test_the_wanted_column_counts() -> None:
    table = layer(KIND=["quarry pit"], **{"class": [1]})
    assert choose_column(table, "kind", {}) == "KIND"
    with pytest.raises(BadInput, match=r"no column 'sort' \(there are KIND, class\)"):
        choose_column(table, "sort", {})


@pytest.mark.parametrize(
    ("value", "expected"), [(2, "2"), (2.5, "2.5"), (True, "true"), (float("inf"), "inf"), (pd.NA, ""), (pd.NaT, "")]
)
def test_odd_values(value: Any, expected: str) -> None:
    assert plain(value) == expected
