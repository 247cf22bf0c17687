"""A difference between two scores in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from highwall.evaluation.metrics import TITLES

if TYPE_CHECKING:
    from highwall.evaluation.difference import Difference

_SHOWN = 0.0005  # the least difference that is not 0.0 points


def sentence(difference: Difference) -> str:
    """Say how large a difference is, what it is made of, and whether it is more than chance; figures in points."""
    a, b, whole = TITLES[difference.metric_a], TITLES[difference.metric_b], difference.whole
    if np.isnan(whole.value):
        return f"There is no difference to explain: {a} is undefined on A or {b} on B."
    if any(np.isnan(part.value) for part in difference.parts.values()):
        return f"{_how_much(difference)}, which cannot be explained: {b} is undefined on A."
    bounds = (
        "" if whole.interval is None else f" (interval {_points(whole.interval[0])} to {_points(whole.interval[1])})"
    )
    parts = {name.replace("_", " "): part for name, part in difference.parts.items() if name != "metric" or a != b}
    largest = sorted(parts, key=lambda name: -abs(parts[name].value))
    what = ", ".join(f"{name} {_points(parts[name].value)}" for name in largest)
    beyond = [name for name in largest if parts[name].within_chance is False]
    return f"{_how_much(difference)}{bounds}: {what}; {_verdict(whole.within_chance, beyond)}."


def _how_much(difference: Difference) -> str:
    a, b, value = TITLES[difference.metric_a], TITLES[difference.metric_b], difference.whole.value
    if abs(value) < _SHOWN:
        size, than = "as much", "as"
    else:
        size, than = f"{100 * abs(value):.1f} points {'more' if value > 0 else 'less'}", "than"
    return f"B scores {size} {than} A in {b}" if a == b else f"B scores {size} in {b} {than} A in {a}"


def _points(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:+.1f}"  # + 0.0 makes -0.0 positive


def _verdict(within_chance: bool | None, beyond: list[str]) -> str:
    """Say whether the whole is more than chance, and which parts are."""
    if within_chance is None:
        return "whether it is chance cannot be told without two sites in each set that define the score"
    names = " and ".join(beyond)
    verb, alone = ("is", "itself") if len(beyond) == 1 else ("are", "themselves")
    if within_chance:
        more = f", but {names} by {alone} {verb} more" if beyond else ""
        return f"within what other sites of the same kind would give{more}"
    return "more than chance" + (f", as {verb} {names} by {alone}" if beyond else ", though no part is by itself")
