"""How much of the difference between two scores is due to what, and how much of it could be chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.evaluation.metrics import Metric, measure
from highwall.evaluation.sentence import sentence
from highwall.evaluation.standardisation import FACTORS, attribute

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.evaluation.bootstrap import Interval
    from highwall.legend import Legend

PARTS: Final = ("metric", *FACTORS)

LEVEL: Final = 0.9
"""Share of intervals that should hold the truth."""

_NOTHING: Final = 1e-9  # what rounding may leave of zero


@dataclass(frozen=True, eq=False)
class Sample:
    """Pixel counts of a set of sites, and of sets that could have been drawn in its place."""

    sites: NDArray[np.int64]
    """Pixel counts `(site, stratum, truth, answer)`."""

    drawn: NDArray[np.int64]
    """Pixel counts `(draw, stratum, truth, answer)`, added up over as many sites, drawn with replacement."""

    @classmethod
    def draw(cls, sites: NDArray[np.int64], *, draws: int = 2000, seed: int = 0) -> Sample:
        """Draw whole sites, as `site_intervals` does; the same seed draws the same of as many sites."""
        count = len(sites)
        times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
        return cls(sites, np.tensordot(times, sites, axes=1))


@dataclass(frozen=True)
class Part:
    """A difference between scores, or a part of it."""

    value: float
    """From -1 to 1; NaN where one of the scores is undefined."""

    interval: Interval | None
    """Where it would lie with other sites; None where fewer than two sites of a set define the scores."""

    @property
    def within_chance(self) -> bool | None:
        """Whether the interval holds 0; None where there is none."""
        return None if self.interval is None else self.interval[0] <= _NOTHING and self.interval[1] >= -_NOTHING

    def to_json(self) -> dict[str, Any]:
        """Return value, interval and whether it is within chance, None where undefined."""
        value = self.value if np.isfinite(self.value) else None
        return {"value": value, "interval": self.interval, "within_chance": self.within_chance}


@dataclass(frozen=True)
class Difference:
    """By how much the score of set B differs from that of set A, and its parts."""

    metric_a: Metric
    """What set A is scored by."""

    metric_b: Metric
    """What set B is scored by."""

    whole: Part
    """Score of B less score of A."""

    parts: dict[str, Part]
    """By name (`PARTS`); they add up to the whole, or are NaN where B's metric is undefined on A."""

    def to_json(self) -> dict[str, Any]:
        """Return the difference, its parts and the sentence."""
        return {
            "metric": {"a": self.metric_a, "b": self.metric_b},
            **self.whole.to_json(),
            "parts": {name: part.to_json() for name, part in self.parts.items()},
            "sentence": sentence(self),
        }


def difference(
    a: Sample, b: Sample, legend: Legend, metric_a: Metric = "miou", metric_b: Metric = "miou"
) -> Difference:
    """Explain the difference between the score of set A and that of set B.

    First set A is scored by B's metric, which gives the part of the metric; `attribute` shares out what is left. All
    is done again with the sites drawn, for the intervals: percentiles of all draws, as in `site_intervals`.

    Args:
        a: set A; drawn with the same seed as `b` if, and only if, both hold the same sites.
        b: set B.
        legend: the classes.
        metric_a: what A is scored by.
        metric_b: what B is scored by.
    """

    def whole_and_parts(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
        before, between = (measure(metric, one.sum(axis=-3), legend) for metric in (metric_a, metric_b))
        after = measure(metric_b, other.sum(axis=-3), legend)
        shared_out = attribute(one, other, lambda table: measure(metric_b, table, legend))
        return np.stack([after - before, between - before, *shared_out])

    values = whole_and_parts(a.sites.sum(axis=0), b.sites.sum(axis=0))
    drawn = whole_and_parts(a.drawn, b.drawn)
    enough = all(
        np.isfinite(measure(metric, sample.sites.sum(axis=1), legend)).sum() >= 2
        for metric, sample in ((metric_a, a), (metric_b, a), (metric_b, b))
    )

    def part(value: np.float64, by_draw: NDArray[np.float64]) -> Part:
        if not enough:
            return Part(float(value), None)
        low, high = np.nanquantile(by_draw, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Part(float(value), (float(low), float(high)))

    whole, *parts = map(part, values, drawn)
    return Difference(metric_a, metric_b, whole, dict(zip(PARTS, parts, strict=True)))
