"""A training that starts from a model: what it keeps of it, and what that does to its scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from highwall.errors import BadInput
from highwall.evaluation.evaluate import on_training_ground
from highwall.models.inherit import Inherited, inherit, inherited_normalisation
from highwall.models.networks import build_networks

if TYPE_CHECKING:
    from highwall.models.model import Model
    from highwall.tiles import Encoding
    from highwall.training.plan import Plan


@dataclass(frozen=True, eq=False)
class StartModel:
    """The model that networks start from."""

    model: Model

    inherited: tuple[Inherited, ...]
    """What each network keeps of it."""

    def to_json(self) -> list[dict[str, Any]]:
        """Tell it to the model card as `Plan.starts` are told, a network each, and then what the model started from."""
        told = [
            {
                "encoder": self.model.configs[one.network].encoder,
                "source": f"the network {one.network} of {self.model.id}",
                "licence": "that of the model",
                "fingerprint": self.model.fingerprint,
                "kept": one.to_json(),
            }
            for one in self.inherited
            if one.kept
        ]
        earlier = self.model.facts.get("starts", [])
        return told + [{key: one[key] for key in ("encoder", "source", "licence")} for one in earlier]


def base_settings(start: Model) -> tuple[str, ...]:
    """Return the changes to a preset that give it the start model's networks and indices, as `key=value`.

    They come before the changes that a person asks for, which win: `--set networks.unet.stem=16` adds a stem to the
    start's network, `--set networks.unet.weights=imagenet` lets that one start from ImageNet instead.
    """
    bare = ", ".join(
        f'"{name}": {config.model_copy(update={"weights": None}).model_dump_json()}'
        for name, config in start.configs.items()
    )
    return (f"networks={{{bare}}}", *(("indices=true",) if start.normalisation.indices else ()))


def from_start(plan: Plan, encoding: Encoding, start: Model) -> tuple[Plan, StartModel]:
    """Let the networks of a plan start from a model.

    Returns:
        The plan with the model's normalisation for the bands that it knows, and with notes of what is kept; and the
        model with what each network keeps.

    Raises:
        BadInput: no network of the plan can start from the model.
    """
    normalisation = inherited_normalisation(plan.normalisation, encoding.bands, start)
    bare = {name: config.model_copy(update={"weights": None}) for name, config in plan.networks.items()}
    networks = build_networks(bare, encoding.bands, len(encoding.legend), normalisation)
    inherited = inherit(networks, plan.networks, encoding.legend, start)
    if not any(one.kept for one in inherited):
        raise BadInput(f"nothing can start from the model {start.id}: {'; '.join(map(str, inherited))}")
    notes = (
        *map(str, inherited),
        f"all else but the normalisation of {start.id} is made anew: forest, first look, record and temperatures",
        *_seen_before(plan, start),
    )
    return replace(plan, normalisation=normalisation, notes=(*plan.notes, *notes)), StartModel(start, inherited)


def _seen_before(plan: Plan, start: Model) -> list[str]:
    """Warn of tiles that the start model has learned from: all scores of this training flatter on them."""
    learned = start.facts.get("training", {})
    tiles = (*plan.roles.train, *plan.roles.validation)
    flatters = "scores out of fold and on validation tiles flatter"
    if learned.get("fingerprint") == plan.statistics.fingerprint:
        return [f"the start model has learned from these very training tiles: {flatters}"]
    if count := on_training_ground(start, tiles):
        return [f"{count} of {len(tiles)} tiles share ground with tiles that the start model learned from: {flatters}"]
    if not learned.get("footprints") and (same := {tile.key for tile in tiles} & set(learned.get("keys", []))):
        return [f"{len(same)} tiles are named as those that the start model learned from; if they are them, {flatters}"]
    return []
