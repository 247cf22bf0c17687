"""A look at a scene before it is mapped: what a model says of a few windows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.stats.qmc import Halton

from highwall.ahead import ahead
from highwall.forecasting.examine import tile_dissimilarity
from highwall.forecasting.forecast import forecast_scores
from highwall.forecasting.looks import look
from highwall.models.model import Model
from highwall.models.observation import Observations, observe

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from numpy.typing import NDArray

    from highwall.mapping.engine import Plan
    from highwall.models.record import Record

SIDE: Final = 256
"""Height and width in pixels of a window."""

MOST: Final = 48
"""Most windows that a model is asked about: 1.5 % of those of a granule."""

_SQUARES: Final = 64
"""Most squares of 2 x 2 windows that are looked at. Most products keep such a square in one block, and it costs as
much to read one window as to read four."""

_KNOWN: Final = 0.5
"""Share of a window that is known ground, at least."""


def foretell(plan: Plan) -> Mapping[str, Any] | None:
    """Say how good a map is going to be; None where nothing is known of the training, or of the ground."""
    model = plan.predictor
    if not isinstance(model, Model) or model.record is None:
        return None
    observations = outlook(plan, model, model.record)
    if observations is None:
        return None
    found = forecast_scores(model.record, observations, model.legend)
    if found is None:
        return None
    outside = float(model.record.outside(observations).mean())
    return found.to_json() | {"windows": len(observations), "outside": outside}


def outlook(plan: Plan, model: Model, record: Record) -> Observations | None:
    """Observe a model on windows that are spread evenly over a scene's known ground, always the same ones.

    Args:
        plan: what is going to be mapped.
        model: with what; it has learned in bands of the plan.
        record: of its training.

    Returns:
        A row for each window, `MOST` at most: its dissimilarity is the mean over its known pixels, in thresholds, and
        whether its ground was learned from is not known. None where no window holds enough known ground. Windows
        without a finite answer are left out.

    Raises:
        BadInput: the scene cannot be read.
    """
    parts = []
    for pixels, known in ahead(_windows(plan)):
        seen = model.ask(pixels[None])
        answer = model.final_answer(pixels[None], seen)[0]
        if np.isfinite(answer).all():
            unlike = tile_dissimilarity(record.experience, seen.embedding[0], known)
            strange = record.appearance.dissimilarity(look(pixels, known, plan.bands)[None])[0]
            parts.append(observe(answer, seen.members[:, 0], known, unlike, float(strange), kinship=0))
    return Observations.join(parts) if parts else None


def places(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Return rows and columns where windows begin, spread evenly however many of the first are taken.

    Squares of 2 x 2 windows follow each other as in the sequence of Halton (1960). Of each come the windows on one of
    its diagonals, and only after those of all squares the other two.

    Args:
        shape: height and width of the scene in pixels.
    """
    squares = -(-np.array(shape) // (2 * SIDE))
    corners = (Halton(2, scramble=False).random(_SQUARES) * squares).astype(int) * 2 * SIDE
    diagonals = np.array([[(0, 0), (1, 1)], [(0, 1), (1, 0)]]) * SIDE
    windows = (corners[:, None] + diagonals[:, None]).reshape(-1, 2)
    inside = np.minimum(windows, np.maximum(np.array(shape) - SIDE, 0))
    return list(dict.fromkeys((row, column) for row, column in inside.tolist()))


def _windows(plan: Plan) -> Generator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Give reflectance `(band, y, x)` of windows, and where their ground is known `(y, x)`."""
    height, width = plan.scene.shape
    found = 0
    with plan.scene.open(plan.bands) as reader:
        for row, column in places(plan.scene.shape):
            where = (slice(row, min(row + SIDE, height)), slice(column, min(column + SIDE, width)))
            image = reader.read(where)
            known = image.valid & ~reader.clouded(where)
            if plan.clouds is not None:
                known &= plan.clouds[where] == 0
            if known.mean() < _KNOWN:
                continue
            yield image.pixels, known
            found += 1
            if found == MOST:
                return
