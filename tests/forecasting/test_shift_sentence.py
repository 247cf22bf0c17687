from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from highwall.forecasting.domain import DomainShift, Giveaway
from highwall.forecasting.forecast import Forecast
from highwall.forecasting.priors import PriorShift
from highwall.forecasting.radiometry import RadiometricShift
from highwall.forecasting.shift import OTHER, Shift, sentence
from highwall.legend import Legend
from highwall.models.observation import BINS, Observations

if TYPE_CHECKING:
    from collections.abc import Sequence

BRIGHTER = (Giveaway("B11 p50", 0.9, higher=True, training=0.2, new=0.3),)
LEGEND = Legend()


def shift(
    dissimilarity: Sequence[float] = (0.6, 0.7),
    auc: float | None = 0.5,
    giveaways: tuple[Giveaway, ...] = (),
    outside: Sequence[bool] = (False, False),
    cause: str | None = None,
) -> Shift:
    tiles = len(dissimilarity)
    matrices, nothing = np.ones((tiles, 4, 4)), np.zeros(tiles)
    seen = Observations(matrices, matrices, np.ones((tiles, 4, BINS)), np.array(dissimilarity), nothing, nothing)
    shares = (0.7, 0.1, 0.1, 0.1)
    radiometry = RadiometricShift(("B11",), (0.0,), (0.1,), (float("nan"),), cause)
    priors = PriorShift(shares, shares, shares, None)
    return Shift(seen, np.array(outside), DomainShift(auc, giveaways), radiometry, priors)


def forecast(miou: float) -> Forecast:
    low, high = np.full(6, 0.2), np.full(6, 0.9)
    low[-1], high[-1] = 0.485, 0.702
    return Forecast(LEGEND, np.full(4, miou), 0.9, miou, low, high, "learned", {})


@pytest.mark.parametrize(
    ("found", "ground"),
    [
        (shift(), "ground like that of the training"),
        (shift(auc=OTHER), "ground like that of the training"),
        (shift(auc=0.9), "other ground"),
        (shift(auc=0.9, giveaways=BRIGHTER), "other ground, brighter in B11"),
        (shift(auc=0.9, giveaways=BRIGHTER, cause="haze"), "other ground, haze"),
        (shift(auc=None), ""),
        (shift(auc=None, cause="haze"), "haze"),
        (shift((0.0, 0.1), auc=0.9, giveaways=BRIGHTER, cause="haze"), "ground that was learned from"),
    ],
)
def test_ground_is_named_by_its_looks_and_what_lies_behind_them(found: Shift, ground: str) -> None:
    assert found.ground() == ground


def test_the_sentence_tells_score_interval_ground_and_tiles_outside() -> None:
    found = shift((0.4, 1.2, 1.0), auc=0.9, giveaways=BRIGHTER, outside=(False, True, False))
    assert sentence(forecast(0.6), found) == (
        "Expect a mIoU of about 60 (48 to 70): other ground, brighter in B11; "
        "1 of 3 tiles lie outside the training experience."
    )


def test_where_the_ground_is_not_known_the_sentence_does_not_stumble() -> None:
    assert sentence(forecast(0.6), shift(auc=None)) == (
        "Expect a mIoU of about 60 (48 to 70): 0 of 2 tiles lie outside the training experience."
    )


@pytest.mark.parametrize("nothing", [None, forecast(float("nan"))])
def test_without_a_forecast_the_ground_is_told_all_the_same(nothing: Forecast | None) -> None:
    assert sentence(nothing, shift()) == (
        "Nothing is known of the score to expect: ground like that of the training; "
        "0 of 2 tiles lie outside the training experience."
    )


def test_json_names_classes_and_tells_the_share_outside() -> None:
    found = shift((0.4, 1.2, 1.1, 0.9), auc=0.9, giveaways=BRIGHTER, outside=(False, True, True, False))
    document = found.to_json(LEGEND.names)
    assert document["auc"] == 0.9
    assert document["outside"] == 0.5
    assert [giveaway["name"] for giveaway in document["giveaways"]] == ["B11 p50"]
    assert document["radiometry"]["bright"]["B11"] is None
    assert document["priors"]["answered"] == dict(zip(LEGEND.names, (0.7, 0.1, 0.1, 0.1), strict=True))
    assert document["priors"]["bbse"] is None
