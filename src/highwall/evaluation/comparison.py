"""Two evaluations of one model side by side, and why their scores differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.evaluation.difference import Difference, Sample, difference
from highwall.evaluation.edges import EDGE
from highwall.evaluation.metrics import METRICS, Metric, measure
from highwall.evaluation.standardisation import factorise
from highwall.evaluation.summary import by_site

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.evaluation.evaluate import Evaluation

_FEW: Final = 10  # sites below which intervals are known to be too narrow


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two evaluations of one model, and the difference explained."""

    a: Evaluation
    b: Evaluation

    by_level: dict[str, Difference]
    """The difference between the scores of each of the model's levels."""

    notes: tuple[str, ...]
    """What a person should know of the comparison, a line each."""

    @property
    def level(self) -> str:
        """The level whose answer counts; of sets of which one lacks bands, the one that counts there."""
        return self.a.final if self.b.missing is None else self.b.final

    @property
    def difference(self) -> Difference:
        """The difference of the level whose answer counts."""
        return self.by_level[self.level]

    def metrics(self) -> dict[str, dict[str, float | None]]:
        """Score both sets (`a`, `b`) by every metric; None where undefined."""
        return {
            metric: {
                side: _defined(measure(metric, counts.sum(axis=0), one.legend)) for side, one, counts in self._sets
            }
            for metric in METRICS
        }

    def classes(self) -> dict[str, dict[str, dict[str, float | None]]]:
        """Return by class what is behind the parts, for both sets (`a`, `b`).

        These are `share`, of the class in all pixels; `edge_share`, of edge pixels in the class; and `recall`,
        of right ones in the class, `recall_interior` and `recall_edges`; from 0 to 1, None where undefined.
        """
        facts = {side: _facts(counts) for side, _, counts in self._sets}
        return {
            name: {fact: {side: _defined(facts[side][fact][index]) for side in facts} for fact in facts["a"]}
            for index, name in enumerate(self.a.legend.names)
        }

    def to_json(self) -> dict[str, Any]:
        """Return both evaluations and the difference, in full for the level that counts, and by level."""
        return {
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "difference": {
                "level": self.level,
                **self.difference.to_json(),
                "metrics": self.metrics(),
                "classes": self.classes(),
                "notes": list(self.notes),
                "by_level": {level: one.to_json() for level, one in self.by_level.items()},
            },
        }

    @property
    def _sets(self) -> list[tuple[str, Evaluation, NDArray[np.int64]]]:
        """Side, evaluation, and counts `(stratum, truth, answer)` of the level that counts."""
        return [(side, one, one.counts[self.level].sum(axis=0)) for side, one in (("a", self.a), ("b", self.b))]


def compare(a: Evaluation, b: Evaluation, metric_a: Metric = "miou", metric_b: Metric = "miou") -> Comparison:
    """Explain why a model scores differently on two sets of tiles, level by level.

    Args:
        a: the model on set A.
        b: the same model on set B.
        metric_a: what A is scored by.
        metric_b: what B is scored by.
    """
    images_a, images_b = ([tile.image.resolve() for tile in one.tiles] for one in (a, b))
    seed_b = 0 if images_a == images_b else 1  # the same sites are drawn together
    by_level = {
        level: difference(_sample(a, level, 0), _sample(b, level, seed_b), a.legend, metric_a, metric_b)
        for level in a.counts
        if level in b.counts
    }
    notes = [
        f"{name} has {count} site{'s' * (count > 1)}: with fewer than {_FEW}, intervals are too narrow"
        for name, count in (("A", len(set(a.sites))), ("B", len(set(b.sites))))
        if count < _FEW
    ]
    common = len(set(images_a) & set(images_b))
    if common and images_a != images_b:
        notes.append(f"{common} tiles are in both sets: intervals are too wide")
    return Comparison(a, b, by_level, tuple(notes))


def _sample(one: Evaluation, level: str, seed: int) -> Sample:
    return Sample.draw(np.stack(list(by_site(one.counts[level], one.sites).values())), seed=seed)


def _facts(counts: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return the shares `(class,)` of one set, by name, of counts `(stratum, truth, answer)`."""
    factors = factorise(counts)
    every = factorise(counts.sum(axis=0, keepdims=True))
    right = np.diagonal(factors.appearance, axis1=0, axis2=2)  # (stratum, class)
    return {
        "share": factors.class_mixture,
        "edge_share": factors.edges[:, EDGE],
        "recall": np.diagonal(every.appearance[:, 0]),
        "recall_interior": right[1 - EDGE],
        "recall_edges": right[EDGE],
    }


def _defined(value: NDArray[np.float64]) -> float | None:
    return float(value) if np.isfinite(value) else None
