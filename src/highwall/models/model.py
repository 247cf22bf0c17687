"""A trained model: both levels and what is needed to use them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from highwall.models.features import features

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from highwall.legend import Legend
    from highwall.models.config import Answers, NetworkConfig
    from highwall.models.forest import Forest
    from highwall.models.networks import Networks, Normalisation

AVERAGE: Final = "networks"
"""Name of the networks' average among the levels of a model."""

FOREST: Final = "forest"
"""Name of level 2 among the levels of a model."""

Levels = dict[str, "NDArray[np.floating[Any]]"]
"""Class probabilities by level: each network's, their average's and the forest's (float64, as the votes add up)."""


@dataclass(frozen=True, eq=False)
class Model:
    """Networks, forest and all that belongs to them. Called with reflectance it is a predictor."""

    networks: Networks
    """Level 1, in evaluation mode."""

    configs: Mapping[str, NetworkConfig]
    """What each network is made of."""

    normalisation: Normalisation

    bands: tuple[str, ...]
    """The bands that it takes, in order."""

    legend: Legend
    """The classes that it answers with."""

    forest: Forest | None = None
    """Level 2, or None where there were too few sites to fit one honestly."""

    answers: Answers = "probabilities"
    """What the forest sees of the networks."""

    final: str = AVERAGE
    """The level whose answer counts: `forest` or `networks`."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the model card tells beside: training data and its fingerprint, scores, versions, licences."""

    @property
    def id(self) -> str:
        """Name that its card bears: what it was trained on decides it."""
        return str(self.facts.get("id", "highwall-model"))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all that decides its answers: both levels' arrays, bands, classes and the final level."""
        digest = hashlib.sha256(repr((self.bands, self.legend, self.answers, self.final, self.normalisation)).encode())
        for name, value in self.networks.state_dict().items():
            digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
        for name, array in (self.forest.to_arrays() if self.forest else {}).items():
            digest.update(name.encode() + array.tobytes())
        return digest.hexdigest()

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.networks.parameters()).device

    def levels(self, reflectance: NDArray[np.float32]) -> Levels:
        """Ask every level: each network, their average, and the forest if there is one.

        Args:
            reflectance: `(n, band, y, x)`, bands as in `bands`, any size; 0 in all bands where there is no data.

        Returns:
            Class probabilities `(n, class, y, x)` by the level's name.
        """
        members, average = network_answers(self.networks, reflectance)
        levels: Levels = dict(zip(self.networks.names, members, strict=True)) | {AVERAGE: average}
        if self.forest is not None:
            rows = features(np.moveaxis(reflectance, 1, 0), np.moveaxis(members, 2, 1), self.answers)
            answer = self.forest.predict_proba(rows)
            levels[FOREST] = np.moveaxis(answer.reshape(len(reflectance), *reflectance.shape[2:], -1), -1, 1)
        return levels

    def __call__(self, reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the final class probabilities `(n, class, y, x)` for reflectance `(n, band, y, x)`."""
        return self.levels(reflectance)[self.final].astype(np.float32, copy=False)


@torch.inference_mode()
def network_answers(
    networks: Networks, reflectance: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return class probabilities of each network `(member, n, class, y, x)` and of their average `(n, class, y, x)`.

    The average is taken of the logits, as in training.
    """
    networks.eval()
    device = next(networks.parameters()).device
    logits = networks(torch.from_numpy(np.ascontiguousarray(reflectance)).to(device))
    return logits.softmax(2).cpu().numpy(), logits.mean(0).softmax(1).cpu().numpy()
