"""A trained model: both levels and what is needed to use them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from highwall.models.answers import ask_networks
from highwall.models.backends import PLAIN, backends_on, make_backend
from highwall.models.experience import PATCH
from highwall.models.features import features
from highwall.models.missing import find_missing
from highwall.models.temperature import temper
from highwall.models.tensor_forest import TensorForest, tensor_features

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from highwall.legend import Legend
    from highwall.models.answers import NetworkAnswers
    from highwall.models.backends import Backend
    from highwall.models.config import Answers, NetworkConfig
    from highwall.models.first_look import FirstLook
    from highwall.models.forest import Forest
    from highwall.models.missing import MissingBands
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

    first_look: FirstLook | None = None
    """Tells windows without mines cheaply, or None where there were too few sites to learn it honestly."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the model card tells beside: training data and its fingerprint, scores, versions, licences."""

    backend: Backend | None = None
    """How its networks are computed; by PyTorch in float32 if None. It changes probabilities by rounding alone."""

    missing: MissingBands | None = None
    """What stands in for bands that its networks take beside `bands`; None where these are all (see `for_bands`)."""

    def __getstate__(self) -> dict[str, Any]:
        """Give all that another process or a copy needs; of the backend the name, since it is tied to its networks."""
        return {part.name: getattr(self, part.name) for part in fields(self)} | {"backend": self.computed_with}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take it, with the same backend for the networks where this machine has it, else PyTorch in float32."""
        self.__dict__.update(state)
        name = state["backend"] if state["backend"] in backends_on(self.device) else PLAIN
        self.__dict__["backend"] = make_backend(name, self.networks)

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
            *((self.views,) if self.views > 1 else ()),
        )
        digest = hashlib.sha256(repr(settings).encode())
        for name, value in self.networks.state_dict().items():
            digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
        parts = [part.to_arrays() for part in (self.forest, self.record, self.first_look) if part is not None]
        for name, array in (pair for arrays in parts for pair in arrays.items()):
            digest.update(name.encode() + array.tobytes())
        return digest.hexdigest()

    @property
    def views(self) -> int:
        """How many of the square's symmetries the networks look at, as when the forest learned from their answers."""
        return int(self.facts.get("recipe", {}).get("views", 1))

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
        seen = self.ask(reflectance)
        levels: Levels = {
            name: temper(answer, self.temperatures.get(name, 1), axis=1)
            for name, answer in zip(self.networks.names, seen.members, strict=True)
        } | {AVERAGE: seen.average}
        if self.forest is not None:
            answer = self._ask_forest(self.forest, reflectance, seen)
            levels[FOREST] = temper(answer, self.temperatures.get(FOREST, 1), axis=1)
        return levels

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
        if self.missing is not None:
            reflectance = self.missing.fill(reflectance)
        return ask_networks(self._backend.compute, reflectance, self.temperatures.get(AVERAGE, 1), self.views)

    @property
    def computed_with(self) -> str:
        """Name of the backend that computes its networks."""
        return self._backend.name

    @cached_property
    def _backend(self) -> Backend:
        return self.backend or make_backend(PLAIN, self.networks)

    def computed_by(self, backend: str) -> Model:
        """Return the same model with its networks computed in another way.

        Raises:
            BadInput: there is no such backend on this machine.
        """
        if backend == self._backend.name:
            return self
        return replace(self, backend=make_backend(backend, self.networks))

    def for_bands(self, there: Iterable[str]) -> Model:
        """Return the model for images that have these bands: itself if they have all of its own.

        Where bands are missing, it takes those that are there, in its own order, and their mean stands in for the
        others, as in training with band dropout. Forest, first look and record, which know ground in all bands, are
        left out: the networks' average counts, and nothing is told of the applicability.

        Args:
            there: names of the bands, in any order, others included.

        Raises:
            BadInput: it cannot do without one that is missing.
        """
        there = tuple(there)
        if set(self.bands) <= set(there):
            return self
        bands, forest = self.bands, self.final == FOREST
        if self.missing is not None:
            bands, forest = self.missing.bands, self.missing.forest_counted
        found = find_missing(bands, there, self.normalisation.mean, self.facts, forest_counts=forest)
        return replace(
            self,
            bands=found.present,
            missing=found,
            forest=None,
            final=AVERAGE,
            record=None,
            first_look=None,
        )

    def final_answer(self, reflectance: NDArray[np.float32], seen: NetworkAnswers) -> NDArray[np.float32]:
        """Return the final class probabilities `(n, class, y, x)`, calibrated, given what level 1 says in `ask`."""
        if self.final == AVERAGE or self.forest is None:
            return seen.average
        answer = self._ask_forest(self.forest, reflectance, seen)
        return temper(answer, self.temperatures.get(FOREST, 1), axis=1).astype(np.float32, copy=False)

    def labels(self, reflectance: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the class index `(n, y, x)` of the final answer for reflectance `(n, band, y, x)`.

        Of classes that tie, the first wins. It is faster than asking for probabilities.
        """
        seen = self.ask(reflectance)
        if self.final == AVERAGE or self.forest is None:
            return seen.labels
        if self.device.type != "cpu":
            probabilities = self._ask_forest(self.forest, reflectance, seen)
            return np.asarray(probabilities.argmax(1), np.uint8)
        labels = self.forest.predict(self._rows(reflectance, seen))
        return np.reshape(labels, (len(reflectance), *reflectance.shape[2:]))

    def _ask_forest(
        self, forest: Forest, reflectance: NDArray[np.float32], seen: NetworkAnswers
    ) -> NDArray[np.floating[Any]]:
        if self.device.type == "cpu":
            answer = forest.predict_proba(self._rows(reflectance, seen))
        else:  # pixels stay where the networks are
            pixels = torch.from_numpy(reflectance).to(self.device)
            rows = tensor_features(pixels, seen.member_probabilities, self.answers)
            answer = self._tensor_forest.predict_proba(rows).cpu().numpy()
        return np.moveaxis(answer.reshape(len(reflectance), *reflectance.shape[2:], -1), -1, 1)

    @cached_property
    def _tensor_forest(self) -> TensorForest:
        if self.forest is None:
            raise ValueError("the model has no forest")
        return TensorForest(self.forest, self.device)

    def _rows(self, reflectance: NDArray[np.float32], seen: NetworkAnswers) -> NDArray[np.float32]:
        return features(np.moveaxis(reflectance, 1, 0), np.moveaxis(seen.members, 2, 1), self.answers)
