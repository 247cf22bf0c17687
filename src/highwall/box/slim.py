"""Makes a trained model small enough to ship."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.models.short import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from highwall.models.model import Model
    from highwall.models.record import Record

MOST: Final = 20_000_000
"""Most bytes of the folder of a model that ships."""

_NETWORKS: Final = 16_900_000
"""Most bytes of its networks; the rest is for the forest, the record and the card."""

TRIALS: Final = 750
"""Most trials that its record keeps; each takes about 2 kB."""

_DECIMALS: Final = 5
"""Of a degree, in the corners of training tiles: a metre."""


def slim(model: Model) -> Model:
    """Round weights, thin the record's trials, and shorten what its facts tell of single tiles.

    Its answers change by the rounding alone (see `short.rounded`). The judgement of its forecasts stays: it came of
    all trials. What comes out is stored and loaded bit by bit.
    """
    networks = deepcopy(model.networks)
    networks.load_state_dict(rounded(networks.state_dict(), _NETWORKS))
    record = None if model.record is None else thinned(model.record)
    return replace(model, networks=networks, record=record, facts=_shortened(model.facts), backend=None)


def thinned(record: Record, most: int = TRIALS) -> Record:
    """Keep some trials of a record: of each change, and of each degree of kinship, the same share, evenly spread."""
    trials = record.trials
    if len(trials) <= most:
        return record
    order = np.lexsort((np.arange(len(trials)), trials.observations.kinship, trials.change))
    chosen = order[np.linspace(0, len(order) - 1, most).round().astype(np.intp)]
    return replace(record, trials=trials[np.sort(chosen)])


def _shortened(facts: Mapping[str, Any]) -> dict[str, Any]:
    training = dict(facts.get("training", {}))
    if rings := training.get("footprints"):
        training["footprints"] = {
            tile: [[round(degrees, _DECIMALS) for degrees in point] for point in ring] for tile, ring in rings.items()
        }
    return {**facts, **({"training": training} if training else {})}


def size(folder: Path) -> int:
    """Count the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
