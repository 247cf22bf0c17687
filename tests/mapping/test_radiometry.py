from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.mapping.radiometry import check_values, shift_note

if TYPE_CHECKING:
    from numpy.typing import NDArray

BANDS = ("B02", "B04", "B11")
LOW = [0.03, 0.04, 0.01]


def ground(seed: int = 0, pixels: int = 5000) -> NDArray[np.float32]:
    """Draw reflectance whose darkest hundredth lies at `LOW` in each band, and the rest anywhere above."""
    values = np.random.default_rng(seed).gamma(2, 0.08, (len(BANDS), pixels))
    values += np.array(LOW)[:, None] - np.percentile(values, 1, axis=1)[:, None]
    return values.astype(np.float32)


def note(sample: NDArray[Any], low: Any = LOW) -> str | None:
    return shift_note(sample, BANDS, {"low": low})


def test_ground_like_that_of_the_training_is_no_news() -> None:
    assert note(ground()) is None


def test_a_missing_offset_is_told_with_its_remedy_and_gone_with_it() -> None:
    shifted = ground() + np.float32(0.1)
    told = note(shifted)
    assert told is not None
    assert "B02 +0.10, B04 +0.10, B11 +0.10" in told
    assert "missing (--offset -0.1 would apply it)" in told
    assert note(shifted - np.float32(0.1)) is None


def test_an_offset_applied_twice_is_told() -> None:
    told = note(ground() - np.float32(0.1))
    assert told is not None
    assert "B02 -0.10, B04 -0.10, B11 -0.10" in told
    assert "applied twice" in told


@given(shift=st.floats(-0.4, 0.4), seed=st.integers(0, 100))
def test_shifts_near_a_thousand_counts_are_told_and_others_not(shift: float, seed: int) -> None:
    told = note(ground(seed, 500) + np.float32(shift))
    if 0.065 < abs(shift) < 0.155:
        assert told is not None
        assert ("missing" in told) == (shift > 0)
    elif not 0.055 < abs(shift) < 0.165:
        assert told is None


def test_one_band_that_does_not_follow_tells_of_other_ground() -> None:
    sample = ground()
    sample[:2] += 0.1
    assert note(sample) is None  # such as fog or sand, bright in the visible alone


def test_bright_ground_alone_is_no_shift() -> None:
    sample = ground()
    sample[:, 500:] += 0.3
    assert note(sample) is None


@pytest.mark.parametrize("training", [{}, {"high": LOW}])
def test_nothing_known_nothing_said(training: dict[str, Any]) -> None:
    assert shift_note(ground() + np.float32(0.1), BANDS, training) is None


@pytest.mark.parametrize("pixels", [0, 1, 99])
def test_too_few_pixels_tell_nothing(pixels: int) -> None:
    assert note(ground(pixels=5000)[:, :pixels] + np.float32(0.1)) is None


def test_reflectance_is_let_through() -> None:
    check_values("scene", ground())
    check_values("scene", np.zeros((3, 0), np.float32))
    snow = ground()
    snow[:, :20] = 7  # fewer than one value in a hundred: glint
    check_values("scene", snow)


@pytest.mark.parametrize("change", [lambda x: x * 1e4, lambda x: x - 1, lambda x: x * np.inf, lambda x: x * np.nan])
def test_what_is_no_reflectance_is_refused_by_name(change: Any) -> None:
    with pytest.raises(BadInput, match=r"^some scene: reflectance from .* is impossible; say --scale and --offset$"):
        check_values("some scene", change(ground()))
