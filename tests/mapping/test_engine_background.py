"""Windows that are background without being asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from highwall.mapping.background import Background
from highwall.mapping.engine import STEPS, Plan, strips
from highwall.mapping.windows import make_grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from highwall.scenes import Scene

IDS = (0, 1, 2, 3)


class Counting:
    """Another predictor, whose windows are counted."""

    def __init__(self, predictor: Any) -> None:
        self.predictor = predictor
        self.windows = 0

    def __call__(self, reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        self.windows += len(reflectance)
        answer: NDArray[np.float32] = self.predictor(reflectance)
        return answer


def mapped(plan: Plan, first_row: int = 0, ticks: list[int] | None = None) -> tuple[NDArray[Any], ...]:
    """Return classes `(y, x)`, probabilities `(plane, y, x)` and skipped windows `(row, column)`."""
    parts = list(strips(plan, first_row, None if ticks is None else ticks.append))
    classes, planes = (np.concatenate([getattr(part, name) for part in parts]) for name in ("classes", "probabilities"))
    return classes, planes.transpose(1, 0, 2), np.stack([part.skipped for part in parts])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 24), st.floats(0, 1), st.booleans(), st.integers(0, 99))
def test_skipped_windows_are_background_and_the_others_as_ever(
    make_scene: Callable[..., Scene],
    local: Any,
    height: int,
    width: int,
    overlap: int,
    share: float,
    judged: bool,
    seed: int,
) -> None:
    scene = make_scene(height, width, hole=True, seed=seed % 3)
    grid = make_grid(scene.shape, 48, overlap)
    sea = np.random.default_rng(seed).uniform(size=(len(grid.rows), len(grid.columns))) < share

    def with_applicability(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([local(reflectance), np.full_like(reflectance[:, :1], 0.25)], axis=1)

    predictor = Counting(with_applicability if judged else local)
    further = {"with_applicability": predictor} if judged else {}
    plan = Plan(scene, scene.bands, predictor, IDS, grid, background=Background(grid.columns, sea), **further)
    ticks: list[int] = []
    classes, planes, skipped = mapped(plan, ticks=ticks)
    image = scene.read()
    answer = local(image.pixels[None])[0]
    weight, held = np.zeros(scene.shape), np.zeros_like(sea)
    for row, top in enumerate(grid.rows.starts):
        for column, left in enumerate(grid.columns.starts):
            where = np.s_[top : top + 48, left : left + 48]
            held[row, column] = image.valid[where].any()
            weights = np.outer(grid.rows.weights[row], grid.columns.weights[column])
            weight[where] += sea[row, column] * weights[: height - top, : width - left]
    np.testing.assert_array_equal(skipped, sea & held)
    assert predictor.windows == (held & ~sea).sum()
    assert ticks == sorted(ticks)
    if held.any() and held[-1, -1]:
        assert ticks[-1] == len(grid)
    expected = answer * (1 - weight)
    expected[0] += weight
    known = image.valid
    np.testing.assert_allclose(planes[:4, known], expected[:, known] * STEPS, atol=0.501)
    if judged:
        np.testing.assert_allclose(planes[4, known], (0.25 + 0.75 * weight)[known] * STEPS, atol=0.501)
    assert (classes[known & (weight == 1)] == 0).all()
    untouched = known & (weight == 0)
    np.testing.assert_array_equal(planes[:4, untouched], np.floor(answer[:, untouched].astype(float) * STEPS + 0.5))
    assert (classes[~known] == 255).all()


def test_a_run_that_goes_on_skips_the_same(make_scene: Callable[..., Scene], local: Any) -> None:
    scene = make_scene(300, 200)
    grid = make_grid(scene.shape, 64, 24)
    sea = np.random.default_rng(0).uniform(size=(len(grid.rows), len(grid.columns))) < 0.5
    plan = Plan(scene, scene.bands, local, IDS, grid, background=Background(grid.columns, sea))
    classes, planes, skipped = mapped(plan)
    for number in range(len(grid.rows) - 1):
        row = grid.rows.settled(number)
        again = mapped(plan, row)
        np.testing.assert_array_equal(again[0], classes[row:])
        np.testing.assert_array_equal(again[1], planes[:, row:])
        np.testing.assert_array_equal(again[2], skipped[number + 1 :])
