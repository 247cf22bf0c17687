"""Which tiles are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.evaluation.examples import SURE, answer_for, choose, ranked
from highwall.evaluation.scores import scores
from highwall.legend import DEFAULT_LEGEND

if TYPE_CHECKING:
    from typing import Any


@settings(deadline=None)  # other processes may be in the way
@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 99))
def test_no_worst_tile_is_better_than_a_typical_or_a_best_one(tiles: int, places: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrices = rng.integers(0, 50, (tiles, 4, 4)) * (rng.random((tiles, 4, 4)) < 0.4)
    sites = rng.integers(0, places, tiles).tolist()
    chosen = choose(matrices, sites, DEFAULT_LEGEND)
    every = [n for kind in chosen.values() for n in kind]
    assert len(every) == len(set(every))
    assert chosen["worst"]
    miou = np.array([scores(matrix, DEFAULT_LEGEND).miou for matrix in matrices])
    if np.isfinite(miou).any():
        assert np.isfinite(miou[every]).all()
    scored = int(np.isfinite(miou).sum()) or tiles
    assert len(every) == min(9, scored)
    for kind in chosen.values():
        assert len(kind) <= 3
    if places == 1 and np.isfinite(miou).any():
        worst, typical, best = (miou[list(chosen[kind])] for kind in ("worst", "typical", "best"))
        assert worst.max() <= min([*typical, *best], default=1)
        assert best.min(initial=1) >= max(typical, default=0)
        assert worst.min() == np.nanmin(miou)


def test_different_sites_go_first_and_wrong_pixels_break_ties() -> None:
    matrices = np.zeros((6, 4, 4), np.int64)
    matrices[:, 1, 0] = [5, 9, 7, 1, 1, 1]
    matrices[3:, 1, 1] = [4, 5, 6]
    assert ranked(matrices, DEFAULT_LEGEND) == [1, 2, 0, 3, 4, 5]
    chosen = choose(matrices, [0, 0, 1, 2, 3, 4], DEFAULT_LEGEND, each=2)
    assert chosen == {"worst": (1, 2), "typical": (0, 3), "best": (5, 4)}


def test_an_answer_is_what_the_model_says(trained: Any) -> None:
    pixels = np.random.default_rng(0).uniform(0.05, 0.3, (6, 48, 32)).astype(np.float32)
    answer = answer_for(trained.model, pixels, "fpn")
    probabilities = trained.model.levels(pixels[None])["fpn"][0]
    assert (answer.labels == probabilities.argmax(0)).all()
    np.testing.assert_allclose(answer.doubt / SURE, 1 - probabilities.max(0), atol=0.5 / SURE + 1e-6)
