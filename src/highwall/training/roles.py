"""Which tiles the networks learn from, and which judge them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from highwall.errors import BadInput
from highwall.tiles import sites
from highwall.training.folds import random_folds, site_folds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from highwall.tiles import Dataset, Tile

HELD_OUT: Final = 5
"""Without validation tiles, one of so many parts of the training sites is held out."""


@dataclass(frozen=True)
class Roles:
    """Tiles by what they are for."""

    train: tuple[Tile, ...]
    """Tiles that the networks learn from."""

    sites: tuple[int, ...]
    """Site of each of them."""

    validation: tuple[Tile, ...]
    """Tiles that judge, and perhaps choose the weights; empty where none can honestly."""

    validation_sites: tuple[int, ...]
    """Site of each of them."""

    notes: tuple[str, ...] = ()
    """What a person should know of the choice, a line each."""


def reference_roles(dataset: Dataset) -> Roles:
    """Take the splits as they are, as the reference solution does: all of `val` judges, leaks and all.

    Raises:
        BadInput: there is no labelled `train` or `val` split.
    """
    train, validation = _labelled(dataset, "train"), _labelled(dataset, "val")
    for name, tiles in (("train", train), ("val", validation)):
        if not tiles:
            raise BadInput(f"{dataset.root}: this preset needs a {name} split with masks, and there is none")
    number = sites(replace(dataset, tiles=(*train, *validation)))
    return Roles(train, _of(train, number), validation, _of(validation, number))


def honest_roles(dataset: Dataset, seed: int, split: Literal["site", "random"] = "site") -> Roles:
    """Let only those tiles judge that share no site with a training tile.

    Validation tiles that overlap or touch training tiles are left out. Where none is left, or there is no
    `val` split, a part of the training sites is held out instead. Split at random, all validation tiles judge, or
    a part of the training tiles.

    Raises:
        BadInput: there are no labelled tiles to train on.
    """
    only = dataset.splits[0] if len(dataset.splits) == 1 else "train"
    train, candidates = _labelled(dataset, only), _labelled(dataset, "val") if only != "val" else ()
    if not train:
        raise BadInput(f"{dataset.root}: no labelled training tiles (a train split with images/ and masks/)")
    number = sites(replace(dataset, tiles=(*train, *candidates)))
    train_sites = _of(train, number)
    leaks = split == "random"
    validation = tuple(tile for tile in candidates if leaks or number[tile.key] not in train_sites)
    notes = []
    if len(validation) < len(candidates):
        left_out = len(candidates) - len(validation)
        notes.append(
            f"{left_out} of {len(candidates)} validation tiles share ground with training tiles and don't judge"
        )
    if validation:
        return Roles(train, train_sites, validation, _of(validation, number), tuple(notes))
    fold = random_folds(len(train), HELD_OUT, seed) if leaks else site_folds(train_sites, HELD_OUT, seed)
    if max(fold) == 0:
        notes.append("all tiles are one site: nothing can judge the networks honestly")
        return Roles(train, train_sites, (), (), tuple(notes))
    held_out = sum(part == 0 for part in fold)
    how = "drawn at random" if leaks else "whole sites"
    notes.append(f"{held_out} of {len(train)} training tiles, {how}, are held out to judge the networks")
    learning = tuple(tile for tile, part in zip(train, fold, strict=True) if part > 0)
    judging = tuple(tile for tile, part in zip(train, fold, strict=True) if part == 0)
    return Roles(learning, _of(learning, number), judging, _of(judging, number), tuple(notes))


def _labelled(dataset: Dataset, split: str) -> tuple[Tile, ...]:
    return tuple(tile for tile in dataset.split(split) if tile.mask is not None)


def _of(tiles: Iterable[Tile], number: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(number[tile.key] for tile in tiles)
