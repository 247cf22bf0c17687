"""The engine: blended answers of a predictor for a whole scene, strip by strip, in constant memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.errors import BadInput
from highwall.legend import UNKNOWN
from highwall.mapping._blend import add_window, settle
from highwall.mapping.ahead import ahead
from highwall.mapping.ground import Ground, walk

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from numpy.typing import NDArray

    from highwall.mapping.windows import Grid
    from highwall.scenes import Scene

Predictor = Callable[[Any], Any]
"""Any callable from reflectance `(n, band, y, x)` float32 to class probabilities `(n, class, y, x)` float32.

It is called in another thread than the one that maps: what torch keeps per thread, such as `no_grad`, belongs into it.
"""

READING: Final = 10
"""How far reading steps back behind computing: on few cores it takes the time that the predictor leaves."""

STEPS: Final = 250
"""Probabilities are stored as whole multiples of 1 / STEPS, in a byte; 255 is no data."""


@dataclass(frozen=True, eq=False)
class Strip:
    """Finished rows of a map, as wide as the scene."""

    first: int
    """The first row's number in the scene."""

    classes: NDArray[np.uint8]
    """Class ids `(y, x)`, 255 where unknown."""

    probabilities: NDArray[np.uint8]
    """Class probabilities `(y, class, x)` in steps of 1 / `STEPS`, 255 where unknown; after the last class comes the
    applicability, likewise, if the plan asks for it."""

    windows: int
    """Number of windows, from the first of the scene on, that are done with."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What is asked of the engine."""

    scene: Scene
    bands: tuple[str, ...]
    """Bands that the predictor takes, in order."""

    predictor: Predictor
    ids: tuple[int, ...]
    """Class ids of the predictor's answers, in order."""

    grid: Grid
    batch: int = 8
    """Number of windows that the predictor is given at once, at most."""

    clouds: NDArray[np.uint8] | None = None
    """What makes ground unknown beside the scene's own mask, `(y, x)`: 0 where it is clear; may lie on disk."""

    with_applicability: Predictor | None = None
    """Asked in place of the predictor, if there is one. Its answers have one more plane, after the last class: the
    applicability, 1 on ground like that of the training and below 0.5 on ground outside of it."""

    @property
    def planes(self) -> int:
        """Number of planes of a map: the classes, and the applicability if it is asked for."""
        return len(self.ids) + (self.with_applicability is not None)


def strips(plan: Plan, first_row: int = 0, tick: Callable[[int], None] | None = None) -> Generator[Strip]:
    """Yield the map of a scene from north to south.

    Windows overlap; where they do, answers are blended with weights that add up to one, exactly. A predictor that
    answers with one value everywhere gives this value, bit for bit; one that looks at single pixels gives the same
    map on every grid of windows. Windows without data are never computed.

    Args:
        plan: what to do.
        first_row: 0, or the row after a strip of an earlier run with the same plan; the strips from there on
            are the same, bit for bit, as in one run.
        tick: called with the number of windows done with, after each batch.

    Raises:
        BadInput: the scene cannot be read, or holds values to which the predictor's answer is not finite.
        ValueError: the predictor's answer is no array of the right shape.
    """
    rows, columns = plan.grid.rows, plan.grid.columns
    first = rows.first_over(first_row)
    width = max(columns.length, columns.window)
    blend = np.zeros((plan.planes, rows.window, width))
    ids = np.array(plan.ids, np.uint8)
    for ground in ahead(walk(plan.scene, plan.bands, plan.grid, plan.clouds, first), nice=READING):
        start, done = int(rows.starts[ground.number]), ground.number * len(columns)
        for wanted in _batches(ground, plan):
            _add_batch(plan, ground, wanted, blend)
            if tick is not None:
                tick(done + wanted[-1] + 1)
        end = rows.settled(ground.number)
        if end > first_row:
            settled = np.s_[..., : end - start, : columns.length]
            yield _settled(blend[settled], ground.known[settled], ids, start, done + len(columns))
        _shift(blend, end - start)


def _batches(ground: Ground, plan: Plan) -> Iterator[list[int]]:
    """Yield the numbers of the windows in a row that hold known ground, so many at a time."""
    axis = plan.grid.columns
    covered = np.logical_or.reduce(ground.known, axis=0)
    wanted = [n for n, start in enumerate(axis.starts) if covered[start : start + axis.window].any()]
    for position in range(0, len(wanted), plan.batch):
        yield wanted[position : position + plan.batch]


def _add_batch(plan: Plan, ground: Ground, wanted: Sequence[int], blend: NDArray[np.float64]) -> None:
    """Ask the predictor about some windows of a row and add its answers."""
    rows, columns = plan.grid.rows, plan.grid.columns
    starts = columns.starts[list(wanted)].tolist()
    windows = np.stack([ground.pixels[:, :, start : start + columns.window] for start in starts])
    answers = _asked(plan.with_applicability or plan.predictor, windows, plan.planes)
    if not np.isfinite(answers).all():
        top = int(rows.starts[ground.number])
        where = f"rows {top} to {top + rows.window - 1}"
        raise BadInput(f"{plan.scene.id}: no finite answer everywhere in {where}: are all values there reflectance?")
    for number, start, answer in zip(wanted, starts, answers, strict=True):
        add_window(blend, answer, rows.weights[ground.number], columns.weights[number], start)


def _asked(predictor: Predictor, windows: NDArray[np.float32], planes: int) -> NDArray[np.float32]:
    answers = np.ascontiguousarray(predictor(windows), np.float32)
    wanted = (len(windows), planes, *windows.shape[2:])
    if answers.shape != wanted:
        raise ValueError(
            f"the predictor answered {windows.shape} with {answers.shape}, not with {wanted}: classes are the legend's"
        )
    return answers


def _settled(
    blend: NDArray[np.float64], known: NDArray[np.bool_], ids: NDArray[np.uint8], first: int, windows: int
) -> Strip:
    count, height, width = blend.shape
    classes = np.empty((height, width), np.uint8)
    probabilities = np.empty((height, count, width), np.uint8)
    settle(blend, known, ids, STEPS, UNKNOWN, classes, probabilities)
    return Strip(first, classes, probabilities, windows)


def _shift(totals: NDArray[np.float64], rows: int) -> None:
    """Move what is not settled to the top, and make room for the next row of windows."""
    kept = totals.shape[1] - rows
    totals[:, :kept] = totals[:, rows:].copy()
    totals[:, kept:] = 0
