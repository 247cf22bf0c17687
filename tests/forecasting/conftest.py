"""Trials made up, so that what there is to learn from them is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from highwall.models.observation import BINS, Observations
from highwall.models.record import Trials

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

CLASSES = 4


def blend(answered: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make counts `(tile, truth, answer)`: a share of each answer is right, the rest is of all other classes alike."""
    same = np.eye(CLASSES)
    shares = right[:, None, None] * same + (1 - right)[:, None, None] / (CLASSES - 1) * (1 - same)
    return np.asarray(shares * answered[:, None, :])


@pytest.fixture(scope="session")
def make_trials() -> Callable[..., Trials]:
    """Make trials of tiles: how sure the answers are, how far the networks agree, and how often they are right."""

    def make(
        sure: Any,
        agree: Any,
        right: Any,
        *,
        answered: Any = (400, 300, 200, 100),
        strangeness: Any = 0.5,
        kinship: Any = 0.0,
        site: Any = None,
        fold: Any = 0,
        change: Any = 0,
    ) -> Trials:
        count = np.broadcast(sure, agree, right, strangeness, kinship, 0 if site is None else site, fold, change).size

        def column(values: Any, kind: type) -> NDArray[Any]:
            return np.broadcast_to(np.asarray(values, kind), (count,)).copy()

        answers = np.broadcast_to(np.asarray(answered, np.float64), (count, CLASSES))
        agreed = blend(answers, column(agree, float))
        confidence = np.zeros((count, CLASSES, BINS))
        confidence[np.arange(count), :, (column(sure, float) * BINS).astype(int).clip(max=BINS - 1)] = answers
        observations = Observations(
            expected=blend(answers, column(sure, float)),
            agreement=(agreed + agreed.transpose(0, 2, 1)) / 2,
            confidence=confidence,
            dissimilarity=column(0.3, float),
            strangeness=column(strangeness, float),
            kinship=column(kinship, float),
        )
        return Trials(
            observations,
            confusion=blend(answers, column(right, float)),
            site=np.arange(count) if site is None else column(site, int),
            fold=column(fold, int),
            change=column(change, int),
        )

    return make
