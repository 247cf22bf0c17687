"""A trained model: both levels and what is needed to use them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from highwall.models.experience import PATCH
from highwall.models.features import features
from highwall.models.temperature import temper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from highwall.legend import Legend
    from highwall.models.config import Answers, NetworkConfig
    from highwall.models.forest import Forest
    from highwall.models.networks import Networks, Normalisation
    from highwall.models.record import Record

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

    temperatures: Mapping[str, float] = field(default_factory=dict)
    """By level, what makes its probabilities as sure as they ought to be; 1 where there is none."""

    record: Record | None = None
    """What its training left for judging new ground, or None where there were no folds."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the model card tells beside: training data and its fingerprint, scores, versions, licences."""

    @property
    def id(self) -> str:
        """Name that its card bears: what it was trained on decides it."""
        return str(self.facts.get("id", "highwall-model"))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all that decides its maps: arrays of both levels and the record, and all settings."""
        settings = (
            self.bands,
            self.legend,
            self.answers,
            self.final,
            self.normalisation,
            sorted(self.temperatures.items()),
        )
        digest = hashlib.sha256(repr(settings).encode())
        for name, value in self.networks.state_dict().items():
            digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
        parts = [part.to_arrays() for part in (self.forest, self.record) if part is not None]
        for name, array in (pair for arrays in parts for pair in arrays.items()):
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
            Calibrated class probabilities `(n, class, y, x)` by the level's name.
        """
        seen = ask_networks(self.networks, reflectance)
        levels: Levels = dict(zip(self.networks.names, seen.members, strict=True)) | {AVERAGE: seen.average}
        if self.forest is not None:
            levels[FOREST] = self._ask_forest(self.forest, reflectance, seen.members)
        return {level: temper(answer, self.temperatures.get(level, 1), axis=1) for level, answer in levels.items()}

    def __call__(self, reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the final class probabilities `(n, class, y, x)`, calibrated, for reflectance `(n, band, y, x)`."""
        return self.final_answer(reflectance, self.ask(reflectance))

    def with_applicability(self, reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the final class probabilities and, after the last class, the applicability, `(n, class + 1, y, x)`.

        Raises:
            ValueError: the model has no record of its training.
        """
        if self.record is None:
            raise ValueError("the model has no record of its training, so nothing is known of its applicability")
        seen = self.ask(reflectance)
        experience = self.record.experience
        n, rows, columns, features_ = seen.embedding.shape
        dissimilarity = experience.dissimilarity(seen.embedding.reshape(-1, features_))
        plane = experience.applicability(dissimilarity).reshape(n, 1, rows, columns).astype(np.float32)
        height, width = reflectance.shape[-2:]
        pixels = plane.repeat(PATCH, axis=2).repeat(PATCH, axis=3)[..., :height, :width]
        return np.concatenate([self.final_answer(reflectance, seen), pixels], axis=1)

    def ask(self, reflectance: NDArray[np.float32]) -> NetworkAnswers:
        """Ask level 1, whose average comes at the temperature of that level."""
        return ask_networks(self.networks, reflectance, self.temperatures.get(AVERAGE, 1))

    def final_answer(self, reflectance: NDArray[np.float32], seen: NetworkAnswers) -> NDArray[np.float32]:
        """Return the final class probabilities `(n, class, y, x)`, calibrated, given what level 1 says in `ask`."""
        if self.final == AVERAGE or self.forest is None:
            return seen.average
        answer = self._ask_forest(self.forest, reflectance, seen.members)
        return temper(answer, self.temperatures.get(FOREST, 1), axis=1).astype(np.float32, copy=False)

    def _ask_forest(
        self, forest: Forest, reflectance: NDArray[np.float32], members: NDArray[np.float32]
    ) -> NDArray[np.floating[Any]]:
        rows = features(np.moveaxis(reflectance, 1, 0), np.moveaxis(members, 2, 1), self.answers)
        answer = forest.predict_proba(rows)
        return np.moveaxis(answer.reshape(len(reflectance), *reflectance.shape[2:], -1), -1, 1)


@dataclass(frozen=True, eq=False)
class NetworkAnswers:
    """What level 1 says of some images."""

    members: NDArray[np.float32]
    """Class probabilities of each network as they are, `(member, n, class, y, x)`."""

    average: NDArray[np.float32]
    """Those of their average, which is taken of the logits, as in training: `(n, class, y, x)`."""

    embedding: NDArray[np.float32]
    """What the encoders see in each patch, `(n, patch y, patch x, feature)`."""


@torch.inference_mode()
def ask_networks(networks: Networks, reflectance: NDArray[np.float32], temperature: float = 1) -> NetworkAnswers:
    """Ask level 1 about reflectance `(n, band, y, x)`; the average's logits are divided by the temperature."""
    networks.eval()
    device = next(networks.parameters()).device
    logits, embedding = networks.with_embedding(torch.from_numpy(np.ascontiguousarray(reflectance)).to(device))
    average = (logits.mean(0) / temperature).softmax(1)
    return NetworkAnswers(logits.softmax(2).cpu().numpy(), average.cpu().numpy(), embedding.cpu().numpy())
