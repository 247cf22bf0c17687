"""Areas of the classes of a map as they are on the ground, corrected for the map's errors by a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.errors import BadInput
from highwall.legend import UNKNOWN
from highwall.sampling.estimate import Estimates, Figures, estimate
from highwall.sampling.points import read_points
from highwall.sampling.reviewed_map import read_reviewed_map
from highwall.sampling.strata import ids_at, read_strata

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.sampling.points import Points
    from highwall.sampling.reviewed_map import ReviewedMap
    from highwall.sampling.strata import Strata


_STRATA: Final = (
    "strata are the classes as the model mapped them, which the sample was drawn from: a review changes the areas and "
    "accuracies of the map, not the estimated areas"
)


@dataclass(frozen=True, eq=False)
class Areas:
    """What a sample says of the classes of a map."""

    strata: Strata
    """The map's own areas, uncorrected."""

    counts: NDArray[np.int64]
    """Points `(class in the map, class on the ground)`, in the order of the legend."""

    level: float
    """Confidence level of the intervals."""

    estimates: Estimates
    """Areas and accuracies. Areas are shares of the known ground, 0 to 1."""

    notes: tuple[str, ...]
    """What a person should know."""

    review: ReviewedMap | None = None
    """The map after its review; None if nobody has decided about any of its polygons."""

    @property
    def hectares(self) -> float:
        """All known ground in hectares; NaN where the map has no coordinate reference system."""
        return float(self.strata.hectares.sum())

    def to_json(self) -> dict[str, Any]:
        """Return everything by name; what is not known is NaN."""
        share, whole = self.estimates.area, self.hectares
        users, producers = self.estimates.users, self.estimates.producers
        pixels, mapped = self.strata.pixels, self.strata.hectares
        classes = {
            name: {
                "mapped_ha": float(mapped[index]),
                "mapped_share": float(pixels[index] / pixels.sum()),
                "area_ha": float(share.value[index] * whole),
                "standard_error_ha": float(share.error[index] * whole),
                "interval_ha": [float(share.low[index] * whole), float(share.high[index] * whole)],
                "share": float(share.value[index]),
                "share_standard_error": float(share.error[index]),
                "share_interval": [float(share.low[index]), float(share.high[index])],
                "users_accuracy": _figure(users, index),
                "producers_accuracy": _figure(producers, index),
            }
            for index, name in enumerate(self.strata.map.legend.names)
        }
        return {
            "level": self.level,
            "classes": classes,
            "accuracy": _figure(self.estimates.accuracy, ()),
            "names": list(self.strata.map.legend.names),
            "confusion": self.counts.tolist(),
            "points": int(self.counts.sum()),
            "unknown_share": self.strata.unknown_share,
            "strata": "classes as the model mapped them",
            "review": None if self.review is None else self.review.to_json(),
            "notes": list(self.notes),
        }


def estimate_areas(folder: Path, samples: Path, *, level: float = 0.95) -> Areas:
    """Estimate the areas of a map's classes on the ground from points that people have looked at.

    The points must have been drawn at random in each class of the map, as `draw_sample` does. Ground that is unknown
    in the map is in none of the areas.

    The strata are the classes as the model mapped them, whatever people have decided about its polygons since: a sample
    is worth nothing on other strata than those that it was drawn from, and decisions may still change. The estimated
    areas are those of the ground, so that a review does not change them. What it changes is how much of each class the
    map shows and how right that is: `review` tells it of the reviewed map, by the same points (see `accuracies`).

    Args:
        folder: the map.
        samples: the points: see `read_points`.
        level: confidence level of the intervals, 0 to 1.

    Raises:
        BadInput: the map or the points cannot be read or do not fit together, or a class of the map has fewer than two
            points.
    """
    if not 0 < level < 1:
        raise BadInput(f"a confidence level lies between 0 and 1, not at {level:g}")
    strata = read_strata(folder)
    points = read_points(samples, strata.map)
    ids = ids_at(strata.map, points.rows, points.columns)
    _check_strata(samples, points, ids)
    known, told = ids != UNKNOWN, (points.reference >= 0) & (points.reference != UNKNOWN)
    size = len(strata.map.legend)
    classes = np.full(len(ids), UNKNOWN, np.uint8)
    classes[known & told] = strata.map.legend.indices(ids[known & told])
    cells = classes[known & told].astype(np.int64) * size + points.reference[known & told]
    counts = np.bincount(cells, minlength=size**2).reshape(size, size)
    _check_counts(samples, counts, strata)
    on_earth = strata.map.geobox.crs is not None
    sizes = strata.hectares if on_earth else strata.pixels.astype(np.float64)
    estimates = estimate(counts, sizes / sizes.sum(), level)
    review = read_reviewed_map(strata.map, points, classes, sizes)
    notes = _notes(strata, points, ids)
    if review is not None:
        notes = (*notes, _STRATA)
    return Areas(strata, counts, level, estimates, notes, review)


def _check_strata(samples: Path, points: Points, ids: NDArray[np.uint8]) -> None:
    """Refuse points that were drawn from another map."""
    if points.stratum is None:
        return
    wrong = np.flatnonzero(np.isfinite(points.stratum) & (points.stratum != ids))
    if len(wrong):
        first = wrong[0]
        raise BadInput(
            f"{samples}: drawn from another map, or points were moved: the column stratum differs from the map at "
            f"{len(wrong)} points, first at point {first + 1} ({points.stratum[first]:g}, the map has {ids[first]})"
        )


def _check_counts(samples: Path, counts: NDArray[np.int64], strata: Strata) -> None:
    if not counts.any():
        raise BadInput(f"{samples}: has no labelled points on the known ground of the map")
    found = counts.sum(axis=1)
    for name, points, pixels in zip(strata.map.legend.names, found.tolist(), strata.pixels.tolist(), strict=True):
        if points < min(pixels, 2):
            raise BadInput(f"{samples}: {points} labelled points where the map has {name}; each class needs two")


def _notes(strata: Strata, points: Points, ids: NDArray[np.uint8]) -> tuple[str, ...]:
    outside = (points.rows < 0) | (points.columns < 0)
    counted = {
        "outside of the map": outside,
        "on ground that is unknown in the map": ~outside & (ids == UNKNOWN),
        "not labelled yet": (ids != UNKNOWN) & (points.reference < 0),
        "labelled unknown": (ids != UNKNOWN) & (points.reference == UNKNOWN),
    }
    notes = [f"points {what}, left out: {n}" for what, which in counted.items() if (n := int(which.sum()))]
    if points.stratum is None:
        notes.append("the points have no column stratum: the figures hold if they were drawn at random in each class")
    if strata.unknown_share:
        notes.append(f"{strata.unknown_share:.1%} of the map is unknown, and in none of the areas")
    if strata.map.geobox.crs is None:
        notes.append("the map has no coordinate reference system: shares of pixels, no areas")
    return tuple(notes)


def _figure(of: Figures, index: Any) -> dict[str, Any]:
    value, error, low, high = (float(part[index]) for part in (of.value, of.error, of.low, of.high))
    return {"value": value, "standard_error": error, "interval": [low, high]}
