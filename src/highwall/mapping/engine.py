"""The engine: blended answers of a predictor for a whole scene, strip by strip, in constant memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

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
"""Any callable from reflectance `(n, band, y, x)` float32 to class probabilities `(n, class, y, x)` float32."""

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
    """Class probabilities `(y, class, x)` in steps of 1 / `STEPS`, 255 where unknown."""

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

    marked: bool = True
    """Whether ground that the product itself marks as cloud or shadow is unknown."""

    clouds: Predictor | None = None
    """A second predictor, for clouds; its first class is clear ground, all others make ground unknown."""


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
        BadInput: the scene cannot be read.
        ValueError: the predictor's answer is no array of probabilities of the right shape.
    """
    rows, columns = plan.grid.rows, plan.grid.columns
    first = rows.first_over(first_row)
    width = max(columns.length, columns.window)
    blend = np.zeros((len(plan.ids), rows.window, width))
    cover = None
    ids = np.array(plan.ids, np.uint8)
    for ground in ahead(walk(plan.scene, plan.bands, plan.grid, marked=plan.marked, first=first)):
        start, done = int(rows.starts[ground.number]), ground.number * len(columns)
        for wanted in _batches(ground, plan):
            cover = _add_batch(plan, ground, wanted, blend, cover)
            if tick is not None:
                tick(done + wanted[-1] + 1)
        end = rows.settled(ground.number)
        if end > first_row:
            known = _known(ground, cover, end - start)[:, : columns.length]
            yield _settled(blend[:, : end - start, : columns.length], known, ids, start, done + len(columns))
        for totals in (blend, cover):
            if totals is not None:
                _shift(totals, end - start)


def _batches(ground: Ground, plan: Plan) -> Iterator[list[int]]:
    """Yield the numbers of the windows in a row that hold known ground, so many at a time."""
    axis = plan.grid.columns
    covered = np.logical_or.reduce(ground.known, axis=0)
    wanted = [n for n, start in enumerate(axis.starts) if covered[start : start + axis.window].any()]
    for position in range(0, len(wanted), plan.batch):
        yield wanted[position : position + plan.batch]


def _add_batch(
    plan: Plan, ground: Ground, wanted: Sequence[int], blend: NDArray[np.float64], cover: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """Ask the predictor about some windows of a row and add its answers."""
    rows, columns = plan.grid.rows, plan.grid.columns
    starts = columns.starts[list(wanted)].tolist()
    windows = np.stack([ground.pixels[:, :, start : start + columns.window] for start in starts])
    answers = _asked(plan.predictor, windows, len(plan.ids))
    for number, start, answer in zip(wanted, starts, answers, strict=True):
        add_window(blend, answer, rows.weights[ground.number], columns.weights[number], start)
    if plan.clouds is None:
        return None
    answers = _asked(plan.clouds, windows)
    if cover is None:
        cover = np.zeros((answers.shape[1], *blend.shape[1:]))
    for number, start, answer in zip(wanted, starts, answers, strict=True):
        add_window(cover, answer, rows.weights[ground.number], columns.weights[number], start)
    return cover


def _asked(predictor: Predictor, windows: NDArray[np.float32], classes: int | None = None) -> NDArray[np.float32]:
    answers = np.ascontiguousarray(predictor(windows), np.float32)
    count, _, height, width = windows.shape
    if answers.ndim != 4 or answers.shape != (count, classes or answers.shape[1], height, width):
        raise ValueError(
            f"the predictor answered {windows.shape} with {answers.shape}, not with ({count}, "
            f"{classes or 'classes'}, {height}, {width}): classes are those of the legend"
        )
    if not np.isfinite(answers).all():
        raise ValueError("the predictor's answer is not finite everywhere")
    return answers


def _known(ground: Ground, cover: NDArray[np.float64] | None, height: int) -> NDArray[np.bool_]:
    known = ground.known[:height].copy()
    if cover is not None:
        known &= cover[:, :height].argmax(axis=0) == 0
    return known


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
