"""The windows of a map that needed no work: which ones, and what a person should know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.errors import BadInput
from highwall.mapping.background import Background
from highwall.mapping.sea import BANDS, open_sea
from highwall.models.first_look import WINDOW

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.mapping.engine import Plan, Strip
    from highwall.models.first_look import FirstLook
    from highwall.products.plan import Options

LEDGER: Final = "skipped.npy"
NONE: Final = "the model has no first look: train it again, on two sites with mines or more"


@dataclass(frozen=True, eq=False)
class Skipped:
    """Windows that are not computed, and those that have been left out so far."""

    background: Background
    """Tells them."""

    ledger: NDArray[np.bool_]
    """Those left out so far, `(row of windows, column)`; on disk if there may be any, for a run that goes on."""

    def note(self, strip: Strip) -> None:
        """Take down what the row of windows that a strip ends with left out."""
        self.ledger[strip.windows // self.ledger.shape[1] - 1] = strip.skipped

    def notes(self, name: str) -> list[str]:
        """Return a line for what a person did not ask for: that open water of a scene is not computed."""
        if self.background.sea is None:
            return []
        count, of = int(self.background.sea.sum()), self.ledger.size
        windows = f"{count:,} of {of:,} windows lie in open water, far from any shore"
        return [f"{name}: {windows}: they are background without being computed (--all-windows computes them)"]

    def to_json(self) -> dict[str, Any]:
        """Return the number of windows, of those left out for either reason, and what the first look costs."""
        sea = np.zeros(self.ledger.shape, bool) if self.background.sea is None else self.background.sea
        look = self.background.first_look
        return {
            "windows": self.ledger.size,
            "sea": int((self.ledger & sea).sum()),
            "first_look": int((self.ledger & ~sea).sum()),
            "out_of_fold": None if look is None else look.to_json(),
        }


def first_look_of(plan: Plan) -> FirstLook | None:
    """Return the first look of the plan's predictor; None where bands are missing, as it learned from all of them.

    Raises:
        BadInput: it has none, or none for such windows, bands or classes.
    """
    if getattr(plan.predictor, "missing", None) is not None:
        return None
    look: FirstLook | None = getattr(plan.predictor, "first_look", None)
    if look is None:
        raise BadInput(NONE)
    if plan.grid.columns.window < WINDOW:
        raise BadInput(f"a first look is for windows of {WINDOW} pixels or more, not of {plan.grid.columns.window}")
    if look.bands != plan.bands or plan.ids[0] != 0:
        raise BadInput(f"the model's first look takes bands {' '.join(look.bands)}, and class 0 for background")
    return look


def find_skipped(plan: Plan, options: Options, work: Path) -> Skipped:
    """Find out which windows need no work.

    Args:
        plan: what is going to be mapped, clouds included.
        options: what may be skipped.
        work: folder for what a run that goes on must know.

    Raises:
        BadInput: the scene cannot be read.
    """
    sea = None
    if not options.all_windows and set(BANDS) <= set(plan.bands) and plan.ids[0] == 0:
        sea = open_sea(plan.scene, plan.grid, plan.clouds)
    look = first_look_of(plan) if options.first_look else None
    shape = (len(plan.grid.rows), len(plan.grid.columns))
    ledger = np.zeros(shape, bool) if sea is None and look is None else _ledger(work / LEDGER, shape)
    return Skipped(Background(plan.grid.columns, sea, look), ledger)


def _ledger(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Open the ledger, or make one in which no window is left out so far."""
    try:
        ledger: NDArray[np.bool_] = np.load(path, mmap_mode="r+")
        if ledger.shape == shape and ledger.dtype == bool:
            return ledger
    except (OSError, ValueError):  # none, or one whose making was cut short, before the first row
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    made: NDArray[np.bool_] = np.lib.format.open_memmap(path, "w+", bool, shape)
    return made
