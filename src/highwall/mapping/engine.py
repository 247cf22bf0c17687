"""The engine: blended answers of a predictor for a whole scene, strip by strip, in constant memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.ahead import ahead
from highwall.errors import BadInput
from highwall.legend import UNKNOWN
from highwall.mapping._blend import add_window, settle
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

    skipped: NDArray[np.bool_]
    """Which windows of the last row that is done with were skipped as background, `(column,)`."""


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

    background: Callable[[Ground], NDArray[np.bool_]] | None = None
    """Tells which windows of a row hold background alone, `(column,)`: they are not computed. Their answer is the first
    class, for sure, and an applicability of 1."""

    @property
    def planes(self) -> int:
        """Number of planes of a map: the classes, and the applicability if it is asked for."""
        return len(self.ids) + (self.with_applicability is not None)


def strips(plan: Plan, first_row: int = 0, tick: Callable[[int], None] | None = None) -> Generator[Strip]:
    """Yield the map of a scene from north to south.

    Windows overlap; where they do, answers are blended with weights that add up to one, exactly. A predictor that
    answers with one value everywhere gives this value, bit for bit; one that looks at single pixels gives the same
    map on every grid of windows. Windows without data are never computed, nor those that the plan knows for
    background; these answer all the same, so that the map has no seam beside them.

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
    for answers in ahead(_answers(plan, first, tick)):
        ground, number = answers.ground, answers.ground.number
        _add(plan, answers, blend)
        if answers.windows:
            continue
        start, end = int(rows.starts[number]), rows.settled(number)
        if end > first_row:
            settled = np.s_[..., : end - start, : columns.length]
            classes, probabilities = _settled(blend[settled], ground.known[settled], ids)
            yield Strip(start, classes, probabilities, (number + 1) * len(columns), answers.skipped)
        _shift(blend, end - start)


@dataclass(frozen=True, eq=False)
class _Answers:
    """What the predictor says of some windows of a row; of none where all of the row have been asked about."""

    ground: Ground
    skipped: NDArray[np.bool_]
    """Which windows of the row are skipped as background, `(column,)`."""

    windows: Sequence[int]
    """Their numbers in the row."""

    probabilities: NDArray[np.float32]
    """Answers `(window, plane, y, x)`."""


def _answers(plan: Plan, first: int, tick: Callable[[int], None] | None) -> Generator[_Answers]:
    """Ask the predictor about all windows, from row number `first` on; in a thread of its own it need not wait."""
    nothing = np.empty((0, plan.planes, plan.grid.rows.window, plan.grid.columns.window), np.float32)
    for ground in ahead(walk(plan.scene, plan.bands, plan.grid, plan.clouds, first), nice=READING):
        done, held = ground.number * len(plan.grid.columns), _with_ground(ground, plan)
        skipped = _skipped(ground, plan, held)
        for wanted in _batches(held & ~skipped, plan.batch):
            yield _Answers(ground, skipped, wanted, _asked(plan, ground, wanted))
            if tick is not None:
                tick(done + wanted[-1] + 1)
        if tick is not None and skipped.any():
            tick(done + len(plan.grid.columns))
        yield _Answers(ground, skipped, [], nothing)


def _batches(chosen: NDArray[np.bool_], size: int) -> Iterator[list[int]]:
    """Yield the numbers of the chosen windows of a row, so many at a time."""
    wanted = np.flatnonzero(chosen).tolist()
    for position in range(0, len(wanted), size):
        yield wanted[position : position + size]


def _skipped(ground: Ground, plan: Plan, held: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which of the windows of a row that hold known ground hold background alone, `(column,)`."""
    if plan.background is None or not held.any():
        return np.zeros(len(held), bool)
    return held & plan.background(ground)


def _with_ground(ground: Ground, plan: Plan) -> NDArray[np.bool_]:
    """Tell which windows of a row hold known ground, `(column,)`."""
    axis = plan.grid.columns
    covered = np.logical_or.reduce(ground.known, axis=0)
    return np.array([covered[start : start + axis.window].any() for start in axis.starts], bool)


def _asked(plan: Plan, ground: Ground, wanted: Sequence[int]) -> NDArray[np.float32]:
    """Return the predictor's answers for some windows of a row, `(window, plane, y, x)`."""
    columns = plan.grid.columns
    starts = columns.starts[list(wanted)].tolist()
    windows = np.stack([ground.pixels[:, :, start : start + columns.window] for start in starts])
    answers = np.ascontiguousarray((plan.with_applicability or plan.predictor)(windows), np.float32)
    shape = (len(windows), plan.planes, *windows.shape[2:])
    if answers.shape != shape:
        raise ValueError(
            f"the predictor answered {windows.shape} with {answers.shape}, not with {shape}: classes are the legend's"
        )
    return answers


def _add(plan: Plan, answers: _Answers, blend: NDArray[np.float64]) -> None:
    """Add answers for some windows of a row; for none, the row's end, add those of the windows that were skipped."""
    rows, columns, row = plan.grid.rows, plan.grid.columns, answers.ground.number
    if not answers.windows:
        _add_background(plan, answers.ground, answers.skipped, blend)
    for number, answer in zip(answers.windows, answers.probabilities, strict=True):
        if not add_window(blend, answer, rows.weights[row], columns.weights[number], int(columns.starts[number])):
            top = int(rows.starts[row])
            where = f"rows {top} to {top + rows.window - 1}"
            what = "no finite answer everywhere"
            raise BadInput(f"{plan.scene.id}: {what} in {where}: are all values there reflectance?")


def _add_background(plan: Plan, ground: Ground, skipped: NDArray[np.bool_], blend: NDArray[np.float64]) -> None:
    """Add the answer of the windows that are skipped: 1 for the first class, and for the applicability."""
    if not skipped.any():
        return
    rows, columns = plan.grid.rows, plan.grid.columns
    sure = np.ones((1, rows.window, columns.window), np.float32)
    planes = [slice(1), *([slice(len(plan.ids), None)] if plan.planes > len(plan.ids) else [])]
    for number in np.flatnonzero(skipped).tolist():
        weights, start = (rows.weights[ground.number], columns.weights[number]), int(columns.starts[number])
        for plane in planes:
            add_window(blend[plane], sure, *weights, start)


def _settled(
    blend: NDArray[np.float64], known: NDArray[np.bool_], ids: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Turn blended answers `(plane, y, x)` into class ids `(y, x)` and probabilities `(y, plane, x)`."""
    count, height, width = blend.shape
    classes = np.empty((height, width), np.uint8)
    probabilities = np.empty((height, count, width), np.uint8)
    settle(blend, known, ids, STEPS, UNKNOWN, classes, probabilities)
    return classes, probabilities


def _shift(totals: NDArray[np.float64], rows: int) -> None:
    """Move what is not settled to the top, and make room for the next row of windows."""
    kept = totals.shape[1] - rows
    totals[:, :kept] = totals[:, rows:].copy()
    totals[:, kept:] = 0
