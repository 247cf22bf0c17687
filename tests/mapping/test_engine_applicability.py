"""One more plane beside the classes: blended and stored like them, without a say in the class."""

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


def never(_: Any) -> Any:
    raise AssertionError("the plain predictor was asked, too")


def plan(scene: Scene, predictor: Any, window: int = 64, overlap: int = 16, **more: Any) -> Plan:
    return Plan(scene, scene.bands, predictor, (0, 1, 2, 3), make_grid(scene.shape, window, overlap), **more)


def judged(answer: Any) -> Any:
    """A predictor whose further plane is the mean of each window's patches of 8 pixels, and of nothing else."""

    def ask(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        height, width = reflectance.shape[2:]
        rows, columns = (np.arange(0, side, 8) for side in (height, width))
        total = np.add.reduceat(np.add.reduceat(reflectance[:, :1], rows, axis=2), columns, axis=3)
        plane = (total / 64).repeat(8, axis=2).repeat(8, axis=3)[..., :height, :width]
        return np.concatenate([answer(reflectance), plane.astype(np.float32)], axis=1)

    return ask


def whole(parts: Iterable[Strip]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Put strips together: ids (y, x) and planes (plane, y, x)."""
    parts = list(parts)
    planes = np.concatenate([part.probabilities for part in parts]).transpose(1, 0, 2)
    return np.concatenate([part.classes for part in parts]), planes


@pytest.mark.parametrize("applicability", [0.0, 0.1, 0.37, 0.7, 1.0])
def test_a_constant_stays_constant_and_has_no_say_in_the_class(
    make_scene: Callable[..., Scene], constant: Any, applicability: float
) -> None:
    def ask(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        plane = np.full((len(reflectance), 1, *reflectance.shape[2:]), applicability, np.float32)
        return np.concatenate([constant(reflectance), plane], axis=1)

    scene = make_scene(255, 257, hole=True)
    valid = scene.read().valid
    classes, planes = whole(strips(plan(scene, never, 100, 33, with_applicability=ask)))
    np.testing.assert_array_equal(classes, np.where(valid, 2, 255))
    step = int(np.float64(np.float32(applicability)) * STEPS + 0.5)
    np.testing.assert_array_equal(planes[4], np.where(valid, step, 255))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 90), st.integers(1, 90), st.integers(8, 40), st.data())
def test_the_classes_are_those_without_it_and_the_plane_is_the_weighted_mean(
    make_scene: Callable[..., Scene], local: Any, height: int, width: int, window: int, data: st.DataObject
) -> None:
    scene = make_scene(height, width, hole=data.draw(st.booleans()))
    overlap = data.draw(st.integers(0, window // 2))
    asked = plan(scene, local, window, overlap)
    plain = whole(strips(asked))
    classes, planes = whole(strips(plan(scene, never, window, overlap, with_applicability=judged(local))))
    np.testing.assert_array_equal(classes, plain[0])
    np.testing.assert_array_equal(planes[:4], plain[1])
    image, rows, columns = scene.read(), asked.grid.rows, asked.grid.columns
    spare = [(0, 0), *((0, max(window - side, 0)) for side in (height, width))]
    pixels = np.pad(image.pixels, spare, mode="symmetric")
    expected = np.zeros(pixels.shape[1:])
    for row, down in zip(rows.starts, rows.weights, strict=True):
        for column, along in zip(columns.starts, columns.weights, strict=True):
            where = np.s_[row : row + window, column : column + window]
            plane = judged(local)(pixels[(slice(None), *where)][None])[0, 4]
            expected[where] += plane * down[:, None] * along
    off = planes[4] - expected[:height, :width] * STEPS
    assert np.abs(off[image.valid]).max(initial=0) <= 0.5 + 1e-6
    assert (planes[4] == 255)[~image.valid].all()


def test_a_run_goes_on_after_any_strip(make_scene: Callable[..., Scene], local: Any) -> None:
    scene = make_scene(300, 120, hole=True)
    asked = plan(scene, never, 64, 40, with_applicability=judged(local))
    parts = list(strips(asked))
    for number in range(1, len(parts)):
        for one, other in zip(parts[number:], strips(asked, parts[number].first), strict=True):
            np.testing.assert_array_equal(one.probabilities, other.probabilities)
            np.testing.assert_array_equal(one.classes, other.classes)


@pytest.mark.parametrize(
    ("plane", "says"), [(np.zeros((0, 64, 64)), "the predictor answered"), (np.full((1, 64, 64), np.nan), "no finite")]
)
def test_a_plane_that_is_none_is_refused(
    make_scene: Callable[..., Scene], constant: Any, plane: NDArray[np.float64], says: str
) -> None:
    def ask(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([constant(reflectance), np.stack([plane] * len(reflectance))], axis=1)

    with pytest.raises(ValueError, match=says):
        list(strips(plan(make_scene(50, 50), never, with_applicability=ask)))
