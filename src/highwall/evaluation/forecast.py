"""Forecasts the score of a model on tiles without labels, and says how they differ from its training tiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.errors import BadInput
from highwall.evaluation.kinship import kinship
from highwall.forecasting.examine import examine
from highwall.forecasting.forecast import Forecast, forecast_scores
from highwall.forecasting.looks import look
from highwall.forecasting.shift import Shift, measure_shift, sentence
from highwall.models.observation import Observations
from highwall.tiles import read_image, sites

if TYPE_CHECKING:
    from highwall.models.model import Model
    from highwall.tiles import Dataset, Tile, Track

_PIXELS: Final = 2000
"""Pixels drawn from each tile to estimate class shares from."""


@dataclass(frozen=True, eq=False)
class TilesForecast:
    """What to expect of a model's answer for some tiles."""

    scores: Forecast | None
    """None where training had too few sites to learn to forecast from."""

    shift: Shift
    tiles: tuple[Tile, ...]
    notes: tuple[str, ...] = ()
    """What a person should know of it, a line each."""

    @property
    def sentence(self) -> str:
        """All of it in one plain sentence."""
        return sentence(self.scores, self.shift)

    def to_json(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """Return it by name; `classes` are those of the model."""
        seen = self.shift.observations
        rows = zip(self.tiles, self.shift.outside.tolist(), seen.dissimilarity, seen.strangeness, strict=True)
        nothing = {"accuracy": None, "miou": None, "iou": dict.fromkeys(classes), "interval": {"miou": None}}
        return {
            "sentence": self.sentence,
            **(self.scores.to_json() if self.scores else nothing),
            "shift": self.shift.to_json(classes),
            "tiles": {
                tile.key: {"outside": outside, "dissimilarity": float(unlike), "strangeness": float(strange)}
                for tile, outside, unlike, strange in rows
            },
            "notes": list(self.notes),
        }


def forecast(model: Model, dataset: Dataset, track: Track = iter) -> TilesForecast:
    """Forecast a model's score on tiles, and report how they differ from its training tiles.

    Args:
        model: the model.
        dataset: the tiles; masks that they have are not looked at.
        track: hands the tiles on and tells somebody how far it is.

    Raises:
        BadInput: there are no tiles, or its training left nothing to forecast from, or they lack a band of the model;
            the line says what this costs, if that is known: a forecast compares with training tiles in all bands.
    """
    if model.record is None:
        raise BadInput("the model can't forecast: its training had no folds (--set folds=3), or too few tiles in them")
    if not dataset.tiles:
        raise BadInput(f"{dataset.root}: no tiles to forecast for")
    if (missing := model.for_bands(dataset.encoding.bands).missing) is not None:
        raise BadInput(f"no forecast for these very tiles without all bands: {missing.sentence}")
    record = model.record
    observed, looks, drawn = [], [], []
    for tile in track(dataset.tiles):
        image = read_image(tile.image, dataset.encoding).select(model.bands)
        seen, answer = examine(model, record.experience, record.appearance, image.pixels, image.valid)
        observed.append(seen)
        looks.append(look(image.pixels, image.valid, model.bands))
        given = answer[:, image.valid].T
        drawn.append(given[:: max(len(given) // _PIXELS, 1)])
    table, number = np.stack(looks), sites(dataset)
    near = kinship(model, record, dataset.tiles, table)
    observations = replace(Observations.join(observed), kinship=near)
    shift = measure_shift(
        record,
        model.bands,
        observations,
        table,
        [number[tile.key] for tile in dataset.tiles],
        np.concatenate(drawn),
    )
    scores = forecast_scores(record, observations, model.legend)
    return TilesForecast(scores, shift, dataset.tiles, tuple(_notes(observations, model)))


def _notes(observations: Observations, model: Model) -> list[str]:
    notes = []
    if near := int((observations.kinship > 0).sum()):
        notes.append(
            f"{near} of {len(observations)} tiles lie on or beside ground that was learned from: a score there says "
            "little of other ground"
        )
    if model.record is not None and model.record.judgement is None:
        notes.append("the training had too few sites to learn how scores fall: no score can be forecast")
    return notes
