"""How to repeat it, and what to do next."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from highwall.reports.html import Child, items, section, table, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element

    from highwall.models.model import Model
    from highwall.reports.findings import ClassFinding
    from highwall.reports.judged import Judged

_WIDE: Final = 0.10
"""An interval of the mean IoU that is wider leaves little to compare."""

_LEAK: Final = 0.02
_UNSURE: Final = 0.05
"""Expected calibration error from which on a probability should not be read as one."""


def next_section(advice: Sequence[Child]) -> Element:
    """List what to do next, what promises most first."""
    return section("What to do next", items(advice, "next"), id_="next")


def advice(
    judged: Judged, findings: Sequence[ClassFinding], facts: Mapping[str, Any], reliability: Mapping[str, Any] | None
) -> list[Child]:
    """Derive from the scores what would help most.

    Args:
        judged: the tiles that were judged.
        findings: of their classes, worst first.
        facts: the model's.
        reliability: by class name, as `Reliability.to_json` gives it.
    """
    said: list[Child] = []
    if findings:
        said.append(_of_worst(findings[0], judged))
    bounds = judged.score["interval"]["miou"]
    if bounds is None or bounds[1] - bounds[0] > _WIDE:
        width = (
            "there is no interval"
            if bounds is None
            else f"the interval spans {100 * (bounds[1] - bounds[0]):.0f} points"
        )
        said.append(
            f"Judge on more sites: with {judged.n_sites}, {width}, and a change of the recipe that gains less cannot "
            "be told from luck. New sites count, not more tiles of the same."
        )
    leak = facts.get("leak") or {}
    if (leak.get("difference") or 0) > _LEAK:
        said.append(f"Keep splitting by site: a random split would flatter by {100 * leak['difference']:.0f} points.")
    if reliability is not None:
        bad = [(one["error"], name) for name, one in reliability.items() if (one["error"] or 0) > _UNSURE]
        if bad:
            error, name = max(bad)
            said.append(
                f"Don't take probabilities of {name} at face value: they are off by {100 * error:.0f} points on "
                "average. Use them to rank, not to set a threshold."
            )
    return said


def _of_worst(worst: ClassFinding, judged: Judged) -> str:
    """Say what would help the worst class."""
    index = judged.legend.names.index(worst.name)
    places = len({site for site, matrix in zip(judged.sites, judged.matrices, strict=True) if matrix[index].any()})
    share = 100 * judged.matrix[index].sum() / max(int(judged.matrix.sum()), 1)
    there = f"it covers {share:.1f} % of these tiles, on {places} site{'s' * (places > 1)}"
    if worst.taken_for and (worst.right is None or worst.found <= worst.right):
        return (
            f"Label more sites with {worst.name} ({there}), above all such as look like {worst.taken_for[0]}: "
            f"{100 * worst.taken_for[1]:.0f} % of it is taken for that. Check first whether the labels of the worst "
            "tiles are right."
        )
    if worst.mistaken:
        return (
            f"Add sites with {worst.mistaken[0]} that looks like {worst.name} ({there}): "
            f"{100 * worst.mistaken[1]:.0f} % of what is called {worst.name} is {worst.mistaken[0]}. Check first "
            "whether the labels of the worst tiles are right."
        )
    return f"Label more sites with {worst.name}: {there}."


def again_section(model: Model, command: str, when: str) -> Element:
    """Tell the command and what it ran with."""
    facts = model.facts
    training = facts.get("training", {})
    rows: list[list[Child]] = [
        ["model", tag("code", model.id)],
        ["learned from", f"{training.get('tiles', '?')} tiles of {training.get('sites', '?')} sites"],
        ["fingerprint of these tiles", tag("code", str(training.get("fingerprint", "?")))],
        ["bands", " ".join(model.bands)],
        ["networks", ", ".join(f"{name} ({c.architecture}, {c.encoder})" for name, c in model.configs.items())],
        ["level that counts", model.final],
        ["seed", str(facts.get("seed", "?"))],
        ["trained with", ", ".join(f"{name} {number}" for name, number in facts.get("versions", {}).items())],
        [
            "this report",
            f"highwall {version('highwall')}, Python {platform.python_version()}, {platform.system()}, {when}",
        ],
    ]
    shown = table(["", ""], rows)
    shown.remove(shown.find("thead"))  # type: ignore[arg-type]  # it is there
    shown.set("class", "text")
    return section("To repeat it", tag("pre", command), shown, id_="repeat")
