"""What a training leaves to look at: the answers for tiles that had not been learned from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from highwall.evaluation.examples import Answer, answer_for, choose
from highwall.files import new_file
from highwall.models.model import AVERAGE
from highwall.training.data import read_sample

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.evaluation.summary import Matrices
    from highwall.models.model import Model
    from highwall.training.stages import OutOfFold, Run

FILE: Final = "held_out.npz"
"""Its name in a run."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What became of each held-out tile, and the answers for some of them."""

    kind: str
    """Which score of the training they make up: `out_of_fold` or `validation`."""

    level: str
    """The level that answered."""

    keys: tuple[str, ...]
    """Keys of the tiles."""

    sites: tuple[int, ...]
    """Site of each of them."""

    matrices: NDArray[np.int64]
    """Pixel counts `(tile, truth, answer)`."""

    answers: Mapping[int, Answer]
    """Of the worst, typical and best, by position."""

    def save(self, path: Path) -> None:
        """Write all of it as one NumPy archive, without pickle."""
        arrays: dict[str, Any] = {
            "kind": np.array(self.kind),
            "level": np.array(self.level),
            "keys": np.array(self.keys),
            "sites": np.array(self.sites),
            "matrices": self.matrices,
            **{f"labels {n}": answer.labels for n, answer in self.answers.items()},
            **{f"doubt {n}": answer.doubt for n, answer in self.answers.items()},
        }
        with new_file(path) as part, part.open("wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Undo `save`."""
        with np.load(path, allow_pickle=False) as file:
            shown = [int(name.removeprefix("labels ")) for name in file.files if name.startswith("labels ")]
            return cls(
                str(file["kind"]),
                str(file["level"]),
                tuple(file["keys"].tolist()),
                tuple(file["sites"].tolist()),
                file["matrices"],
                {n: Answer(file[f"labels {n}"], file[f"doubt {n}"]) for n in shown},
            )


def make_held_out(run: Run, model: Model, judged: OutOfFold | None, validation: Matrices | None) -> HeldOut | None:
    """Let models answer for some of the tiles that they have not learned from.

    Args:
        run: the training.
        model: what came of it.
        judged: its folds, whose models answer for the tiles that each holds out.
        validation: confusion matrices `(tile, truth, answer)` of the validation tiles, for which the model itself
            answers where there are no folds.

    Returns:
        The tiles and answers; None where nothing was held out.
    """
    roles, legend = run.plan.roles, model.legend
    if judged is not None:
        level, kind, tiles, sites = model.final, "out_of_fold", roles.train, roles.sites
        matrices = judged.matrices[level]
        fold_of = {n: fold for fold in judged.folds for n in fold.held_out.tolist()}
    elif validation is not None:
        level = model.final if model.final in validation else AVERAGE
        kind, tiles, sites = "validation", roles.validation, roles.validation_sites
        matrices, fold_of = validation[level], {}
    else:
        return None
    answers = {}
    for n in (position for kinds in choose(matrices, sites, legend).values() for position in kinds):
        fold = fold_of.get(n)
        asked = model if fold is None else replace(model, networks=fold.networks, forest=fold.forest, backend=None)
        answers[n] = answer_for(asked, read_sample(tiles[n], run.dataset.encoding)[0], level)
    return HeldOut(kind, level, tuple(tile.key for tile in tiles), tuple(sites), matrices, answers)
