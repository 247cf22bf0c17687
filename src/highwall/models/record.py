"""What a training leaves behind for judging new ground: stored in the model, beside its networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.spatial.distance import cdist

from highwall.errors import BadInput
from highwall.models.experience import Experience
from highwall.models.judgement import Judgement
from highwall.models.observation import Observations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


_ALIKE: Final = 0.05
"""Share of the pairs of training tiles of different sites that look as like each other as neighbours do."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Labelled tiles that networks answered for: what could be told without the labels, and the truth.

    A tile occurs several times: answered for by networks that had not learned from its site, by networks that had
    learned from it, and after changes of its image that leave its labels.
    """

    observations: Observations
    confusion: NDArray[np.float64]
    """The truth, pixel counts `(trial, truth, answer)`."""

    site: NDArray[np.int64]
    """Site of the tile, `(trial,)`."""

    fold: NDArray[np.int64]
    """Which fold's networks answered, `(trial,)`."""

    change: NDArray[np.int64]
    """What was done to the image, a number for each kind, `(trial,)`; 0 for nothing."""

    @property
    def honest(self) -> NDArray[np.bool_]:
        """Which trials are of unchanged tiles whose site was not learned from, `(trial,)`."""
        return np.asarray((self.change == 0) & (self.observations.kinship == 0))

    def __len__(self) -> int:
        """Count the trials."""
        return len(self.site)

    def __getitem__(self, which: Any) -> Trials:
        """Take some of the trials."""
        return Trials(**{name: values[which] for name, values in vars(self).items()})

    @classmethod
    def join(cls, parts: Sequence[Trials]) -> Trials:
        """Put the trials of all parts one after the other."""
        observations = Observations.join([part.observations for part in parts])
        others = [key for key in vars(parts[0]) if key != "observations"]
        return cls(observations, **{key: np.concatenate([getattr(part, key) for part in parts]) for key in others})


@dataclass(frozen=True, eq=False)
class Record:
    """All that a model keeps of its training to judge new ground by."""

    experience: Experience
    """What its training ground looks like to its encoders."""

    appearance: Experience
    """The same of the looks of its training tiles, a patch being a tile."""

    looks: NDArray[np.float32]
    """What its training tiles look like, `(tile, statistic)`, as `looks.look` tells."""

    position: NDArray[np.int64]
    """Position of each of these tiles among all training tiles, as the model's facts list them."""

    sites: NDArray[np.int64]
    """Site of each of these tiles."""

    trials: Trials
    """How networks like its own fared on tiles whose truth was known."""

    judgement: Judgement | None = None
    """How well their scores were forecast; None where there was nothing to forecast from."""

    def outside(self, observations: Observations) -> NDArray[np.bool_]:
        """Tell which tiles lie outside of the training experience, to the encoders or by their looks, `(tile,)`."""
        unlike, strange = observations.dissimilarity > 1, observations.strangeness > self.appearance.threshold
        return np.asarray(unlike | strange)

    def alike(self, looks: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Tell which tiles look as like a training tile as neighbours do, `(tile, training tile)`.

        More like it than 19 of 20 pairs of training tiles of different sites are like each other.

        Args:
            looks: of the tiles, `(tile, statistic)`.
        """
        known = self.appearance.project(self.looks)
        apart = cdist(known, known)[self.sites[:, None] != self.sites]
        limit = np.quantile(apart, _ALIKE) if apart.size else 0
        return np.asarray(cdist(self.appearance.project(looks), known) <= limit)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays by name."""
        trials = {key: value for key, value in vars(self.trials).items() if key != "observations"}
        judgement = {} if self.judgement is None else self.judgement.to_arrays()
        return {
            "looks": self.looks,
            "position": self.position,
            "sites": self.sites,
            **{f"experience.{key}": value for key, value in self.experience.to_arrays().items()},
            **{f"appearance.{key}": value for key, value in self.appearance.to_arrays().items()},
            **{f"observations.{key}": value for key, value in self.trials.observations.to_arrays().items()},
            **{f"trials.{key}": value for key, value in trials.items()},
            **{f"judgement.{key}": value for key, value in judgement.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Record:
        """Make it again from `to_arrays`.

        Raises:
            BadInput: something is missing.
        """

        def part(prefix: str) -> dict[str, NDArray[Any]]:
            return {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}

        try:
            return cls(
                Experience.from_arrays(part("experience.")),
                Experience.from_arrays(part("appearance.")),
                arrays["looks"],
                arrays["position"],
                arrays["sites"],
                Trials(Observations.from_arrays(part("observations.")), **part("trials.")),
                Judgement.from_arrays(judgement) if (judgement := part("judgement.")) else None,
            )
        except (KeyError, TypeError) as error:
            raise BadInput(f"the record of the training is incomplete: {error}") from None
