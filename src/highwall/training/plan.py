"""What a training will do, decided before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from highwall.models.indices import indices_of
from highwall.models.networks import Normalisation, build_networks
from highwall.models.weights import HubUnreachable, pretrained
from highwall.training.folds import random_folds, site_folds
from highwall.training.roles import Roles, honest_roles, reference_roles
from highwall.training.statistics import Statistics, statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from highwall.models.config import NetworkConfig
    from highwall.tiles import Dataset
    from highwall.training.config import Recipe


@dataclass(frozen=True)
class Start:
    """Where a network's encoder starts from."""

    encoder: str
    source: str
    licence: str


@dataclass(frozen=True, eq=False)
class Plan:
    """Who learns from what, who judges, and where the networks start."""

    roles: Roles
    statistics: Statistics
    """Of the training tiles."""

    validation: str | None
    """Fingerprint of the validation tiles."""

    folds: tuple[int, ...]
    """Fold of each training tile; all 0 where no folds are wanted or can be cut."""

    compared: tuple[int, ...]
    """The same, cut the other way; all 0 where there is nothing to compare."""

    normalisation: Normalisation
    networks: dict[str, NetworkConfig]
    """The networks, with weights that can be had."""

    starts: tuple[Start, ...]
    notes: tuple[str, ...]
    """What a person should know, a line each."""


def make_plan(dataset: Dataset, recipe: Recipe, seed: int) -> Plan:
    """Read all tiles once and decide.

    Raises:
        BadInput: tiles can't be read, have no labels, or aren't what the recipe needs, or it names networks that
            can't be built.
    """
    networks, starts, warnings = _starts(recipe)
    reference = recipe.learn_from == "val"
    roles = reference_roles(dataset) if reference else honest_roles(dataset, seed, recipe.split)
    facts = statistics(roles.train, dataset.encoding)
    judging = statistics(roles.validation, dataset.encoding).fingerprint if roles.validation else None
    folds, compared = _folds(roles, recipe, seed)
    if recipe.folds and max(folds) == 0:
        warnings.append("fewer than two sites to learn from: no folds, no forest, and no forecast")
    normalisation = _normalisation(recipe, facts, dataset.encoding.bands)
    bare = {name: config.model_copy(update={"weights": None}) for name, config in networks.items()}
    build_networks(bare, dataset.encoding.bands, len(facts.counts), normalisation)  # what cannot be built shows now
    absent = [name for name, count in zip(dataset.encoding.legend.names, facts.counts, strict=True) if not count]
    never = [f"class {name!r} never occurs in the training tiles: it cannot be learned" for name in absent]
    return Plan(
        roles,
        facts,
        judging,
        folds,
        compared,
        normalisation,
        networks,
        starts,
        (*roles.notes, *never, *warnings),
    )


def _folds(roles: Roles, recipe: Recipe, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Cut the folds that the recipe names, and those of the other kind where they differ."""
    none = (0,) * len(roles.train)
    if recipe.folds == 0:
        return none, none
    by_site = tuple(site_folds(roles.sites, recipe.folds, seed))
    if len(set(roles.sites)) == len(roles.train):  # nothing that could leak
        return by_site, none
    at_random = tuple(random_folds(len(roles.train), max(by_site) + 1, seed)) if max(by_site) else none
    folds, compared = (by_site, at_random) if recipe.split == "site" else (at_random, by_site)
    return folds, compared if recipe.compared_folds else none


def _normalisation(recipe: Recipe, facts: Statistics, bands: Sequence[str]) -> Normalisation:
    if recipe.normalisation == "reference":
        mean, std = np.full(len(bands), -1.0), np.full(len(bands), 2.0)
    elif recipe.normalisation == "robust":
        mean, std = facts.median, facts.spread
    else:
        mean, std = facts.mean, facts.std
    indices = indices_of(bands) if recipe.indices else ()
    return Normalisation(mean=tuple(mean.tolist()), std=tuple(std.tolist()), indices=indices)


def _starts(recipe: Recipe) -> tuple[dict[str, NetworkConfig], tuple[Start, ...], list[str]]:
    """Get the pre-trained weights; where the hub is out of reach, encoders start from random numbers, which is said."""
    starts, warnings, unreachable = [], [], set()
    for encoder, weights in dict.fromkeys((config.encoder, config.weights) for config in recipe.networks.values()):
        if weights is None:
            continue
        try:
            found = pretrained(encoder, weights)
            starts.append(Start(encoder, found.source, found.licence))
        except HubUnreachable as error:
            unreachable.add((encoder, weights))
            warnings.append(f"{error}: {encoder} starts from random numbers")
    networks = {
        name: config.model_copy(update={"weights": None}) if (config.encoder, config.weights) in unreachable else config
        for name, config in recipe.networks.items()
    }
    return networks, tuple(starts), warnings
