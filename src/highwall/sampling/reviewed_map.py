"""What a sample says of a map after its review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from highwall.products.review import POLYGONS
from highwall.products.reviewed import Summary, read_corrections, summarise
from highwall.sampling.after_review import Accuracies, Ratios, accuracies
from highwall.sampling.strata import count_classes, ids_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.products.map_folder import MapFolder
    from highwall.sampling.points import Points


@dataclass(frozen=True, eq=False)
class ReviewedMap:
    """A map after its review, by a sample whose strata are the classes before."""

    summary: Summary
    """How far the review is."""

    names: tuple[str, ...]
    """The classes."""

    hectares: NDArray[np.float64]
    """Area of each class after the review `(class,)`, as counted; NaN without a coordinate reference system."""

    shares: NDArray[np.float64]
    """Likewise, as a share of the known pixels."""

    accuracies: Accuracies
    """How right it is, if nobody who decided had seen what the points say."""

    def to_json(self) -> dict[str, Any]:
        """Return everything by name; what is not known is NaN."""
        users, producers = self.accuracies.users, self.accuracies.producers
        classes = {
            name: {
                "mapped_ha": float(self.hectares[index]),
                "mapped_share": float(self.shares[index]),
                "users_accuracy": _ratio(users, index),
                "producers_accuracy": _ratio(producers, index),
            }
            for index, name in enumerate(self.names)
        }
        return {**self.summary.to_json(), "classes": classes, "accuracy": _ratio(self.accuracies.accuracy, ())}


def read_reviewed_map(
    of: MapFolder, points: Points, classes: NDArray[np.uint8], sizes: NDArray[np.float64]
) -> ReviewedMap | None:
    """Compare a map after its review with points; None if nobody has decided about any of its polygons.

    Args:
        of: the map.
        points: all points of the sample.
        classes: which class index of the map before the review each point lies in `(point,)`; 255 for those that don't
            count.
        sizes: areas of these classes `(class,)`, in any unit.

    Raises:
        BadInput: the map is damaged.
    """
    if not (of.folder / POLYGONS).is_file() or not (summary := summarise(of.folder)).decided:
        return None
    review = read_corrections(of)
    pixels, hectares = count_classes(of, review)
    own, size, used = list(of.legend.ids), len(of.legend), classes < len(of.legend)
    after = of.legend.indices(ids_at(of, points.rows, points.columns, review)[used])
    counts = np.zeros((size, size, size), np.int64)
    np.add.at(counts, (classes[used], after, points.reference[used]), 1)
    shares = pixels[own] / pixels[own].sum()
    return ReviewedMap(summary, of.legend.names, hectares[own], shares, accuracies(counts, sizes))


def _ratio(of: Ratios, index: Any) -> dict[str, float]:
    return {"value": float(of.value[index]), "standard_error": float(of.error[index])}
