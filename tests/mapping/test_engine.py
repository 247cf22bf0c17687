from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from highwall.mapping.engine import STEPS, Plan, Strip, strips
from highwall.mapping.windows import make_grid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from highwall.scenes import Scene

IDS = (0, 1, 2, 3)
CONSTANT = np.array([0.1, 0.2, 0.37, 0.33], np.float32)


def plan(scene: Scene, predictor: Any, window: int = 64, overlap: int = 16, **more: Any) -> Plan:
    return Plan(scene, scene.bands, predictor, IDS, make_grid(scene.shape, window, overlap), **more)


def whole(parts: Iterable[Strip]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Put strips together: ids (y, x) and probabilities (class, y, x)."""
    parts = list(parts)
    assert [part.first for part in parts] == np.cumsum([0, *(len(part.classes) for part in parts[:-1])]).tolist()
    probabilities = np.concatenate([part.probabilities for part in parts])
    return np.concatenate([part.classes for part in parts]), probabilities.transpose(1, 0, 2)


def steps(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    return np.floor(probabilities.astype(np.float64) * STEPS + 0.5).astype(np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (255, 257), (600, 600), (1000, 300)])
@pytest.mark.parametrize("windows", [(256, 64), (100, 33), (301, 150), (64, 0), (96, 95)])
@pytest.mark.parametrize("hole", [False, True])
def test_a_constant_predictor_gives_the_constant(
    make_scene: Callable[..., Scene], constant: Any, shape: tuple[int, int], windows: tuple[int, int], hole: bool
) -> None:
    if windows[1] == 95 and max(shape) > 300:
        shape = (min(shape[0], 300) // 2, min(shape[1], 300) // 2)  # every pixel in thousands of windows
    scene = make_scene(*shape, hole=hole)
    classes, probabilities = whole(strips(plan(scene, constant, *windows)))
    valid = scene.read().valid
    assert classes.shape == shape
    np.testing.assert_array_equal(classes, np.where(valid, 2, 255))
    np.testing.assert_array_equal(probabilities, np.where(valid, steps(CONSTANT)[:, None, None], 255))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.data())
def test_a_local_predictor_gives_the_same_on_every_grid(
    make_scene: Callable[..., Scene], local: Any, height: int, width: int, window: int, data: st.DataObject
) -> None:
    scene = make_scene(height, width, hole=data.draw(st.booleans()), seed=data.draw(st.integers(0, 9)))
    overlap = data.draw(st.integers(0, window - 1).filter(lambda n: n <= 30 or height * width < 900))
    batch = data.draw(st.integers(1, 9))
    image = scene.read()
    answer = local(image.pixels[None])[0]
    classes, probabilities = whole(strips(plan(scene, local, window, overlap, batch=batch)))
    np.testing.assert_array_equal(probabilities, np.where(image.valid, steps(answer), 255))
    np.testing.assert_array_equal(classes, np.where(image.valid, answer.argmax(0), 255))


def test_blending_is_the_weighted_mean_of_the_windows(make_scene: Callable[..., Scene]) -> None:
    def window_mean(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        share = np.clip(reflectance.mean((1, 2, 3)) * 2, 0, 1)
        answer = np.stack([share, 1 - share, 0 * share, 0 * share], 1)
        return np.broadcast_to(answer[:, :, None, None], (*answer.shape, *reflectance.shape[2:]))

    scene = make_scene(150, 130)
    pixels = scene.read().pixels
    asked = plan(scene, window_mean, 64, 24)
    expected = np.zeros((4, 150, 130))
    for row, weights_y in zip(asked.grid.rows.starts, asked.grid.rows.weights, strict=True):
        for column, weights_x in zip(asked.grid.columns.starts, asked.grid.columns.weights, strict=True):
            where = np.s_[:, row : row + 64, column : column + 64]
            expected[where] += window_mean(pixels[where][None])[0] * weights_y[:, None] * weights_x
    _, probabilities = whole(strips(asked))
    assert np.abs(probabilities - expected * STEPS).max() <= 0.5 + 1e-6


def test_windows_without_data_are_never_computed(make_scene: Callable[..., Scene], constant: Any) -> None:
    scene = make_scene(400, 400, hole=True)
    valid = scene.read().valid
    asked: list[NDArray[np.float32]] = []

    def spy(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        asked.extend(reflectance)
        return constant(reflectance)

    made = plan(scene, spy, 32, 8)
    ticks: list[int] = []
    list(strips(made, tick=ticks.append))
    holds = sum(
        valid[row : row + 32, column : column + 32].any()
        for row in made.grid.rows.starts
        for column in made.grid.columns.starts
    )
    assert len(asked) == holds < len(made.grid)
    assert all((window != 0).any() for window in asked)
    assert ticks == sorted(ticks)
    assert ticks[-1] == len(made.grid)


def test_a_run_goes_on_after_any_strip(make_scene: Callable[..., Scene], local: Any) -> None:
    scene = make_scene(230, 90, hole=True)
    asked = plan(scene, local, 40, 30)
    parts = list(strips(asked))
    for number in range(1, len(parts)):
        again = list(strips(asked, first_row=parts[number].first))
        assert len(again) == len(parts) - number
        for one, other in zip(again, parts[number:], strict=True):
            assert (one.first, one.windows) == (other.first, other.windows)
            np.testing.assert_array_equal(one.probabilities, other.probabilities)
            np.testing.assert_array_equal(one.classes, other.classes)


def test_ground_under_clouds_is_unknown_and_windows_of_it_are_never_computed(
    make_scene: Callable[..., Scene], constant: Any
) -> None:
    scene = make_scene(100, 120, hole=True)
    clouds = np.zeros((100, 120), np.uint8)
    clouds[:, :70], clouds[80:, 90:] = 2, 255
    asked: list[NDArray[np.float32]] = []

    def spy(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        asked.extend(reflectance)
        return constant(reflectance)

    made = plan(scene, spy, 32, 0, clouds=clouds)
    classes, probabilities = whole(strips(made))
    known = scene.read().valid & (clouds == 0)
    np.testing.assert_array_equal(classes, np.where(known, 2, 255))
    np.testing.assert_array_equal(probabilities == 255, np.broadcast_to(~known, probabilities.shape))
    starts = [(row, column) for row in made.grid.rows.starts for column in made.grid.columns.starts]
    assert len(asked) == sum(known[row : row + 32, column : column + 32].any() for row, column in starts) < len(starts)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda x: np.zeros((len(x), 3, *x.shape[2:]), np.float32), "classes are the legend's"),
        (lambda x: np.zeros((len(x), 4, 5, 5), np.float32), "the predictor answered"),
        (lambda x: np.full((len(x), 4, *x.shape[2:]), np.nan, np.float32), "no finite answer"),
    ],
)
def test_answers_that_are_no_probabilities_are_refused(
    make_scene: Callable[..., Scene], answer: Any, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        list(strips(plan(make_scene(50, 50), answer)))


def test_what_the_predictor_raises_is_raised(make_scene: Callable[..., Scene]) -> None:
    def fail(_: Any) -> Any:
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        list(strips(plan(make_scene(50, 50), fail)))
