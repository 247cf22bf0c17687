"""One training of the networks: on which tiles, checked on which, with which seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from highwall.training.data import visits

if TYPE_CHECKING:
    from highwall.tiles import Encoding, Tile
    from highwall.training.config import Recipe


@dataclass(frozen=True)
class Task:
    """What one training of the networks is given."""

    name: str
    """`networks` for the main training, `fold-0`, `fold-1`, ... for the others."""

    tiles: tuple[Tile, ...]
    """Tiles learned from."""

    shapes: tuple[tuple[int, int], ...]
    """Height and width of each of them."""

    validation: tuple[Tile, ...]
    """Tiles that judge, and perhaps choose the weights; none for a fold."""

    encoding: Encoding
    recipe: Recipe
    seed: int

    @property
    def batch(self) -> int:
        """Samples in a step.

        Raises:
            ValueError: the recipe leaves it open still.
        """
        if self.recipe.batch == "auto":
            raise ValueError("the batch size is not settled")
        return self.recipe.batch

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in an epoch."""
        whole = math.ceil(sum(visits(shape, self.recipe.crop) for shape in self.shapes) / self.batch)
        return min(whole, self.recipe.max_steps or whole)

    @property
    def epochs(self) -> int:
        """Most epochs: whole ones, within the steps allowed; the last is validated where validation chooses."""
        most = self._allowed_epochs
        return most // self.pace * self.pace if self.keeps_best else most

    @property
    def keeps_best(self) -> bool:
        """Whether validation chooses the weights; without validation the last ones are kept."""
        return self.recipe.keep == "best" and bool(self.validation)

    @property
    def pace(self) -> int:
        """Epochs from one validation to the next."""
        return min(math.ceil(self.recipe.least_steps / self.steps_per_epoch), self._allowed_epochs)

    @property
    def _allowed_epochs(self) -> int:
        allowed = self.recipe.max_steps
        return self.recipe.epochs if allowed is None else min(self.recipe.epochs, allowed // self.steps_per_epoch)

    @property
    def steps(self) -> int:
        """Most steps that the training takes."""
        return self.epochs * self.steps_per_epoch
