"""Real texture on what was rendered, and decoys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.image import Image
from highwall.sentinel2 import DEFAULT_BANDS
from highwall.simulation.texture import lay_decoys, texture_of, textured

seeds = st.integers(0, 10_000)


def ground(seed: int, size: int = 48) -> np.ndarray:
    """Rough ground of six bands, with a corner without data."""
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(0.05, 0.3, (6, 1, 1)) * rng.lognormal(0, 0.3, (6, size, size))
    pixels[:, :6, :9] = 0
    return pixels.astype(np.float32)


@settings(deadline=None)
@given(seeds, st.floats(1, 8), st.floats(0.2, 3))
def test_texture_is_of_no_brightness_and_even_ground_has_none(seed: int, width: float, factor: float) -> None:
    donor = ground(seed)
    found = texture_of(donor, width)
    assert found.min() >= -0.6
    assert found.max() <= 1
    assert (found[:, :6, :9] == 0).all()
    np.testing.assert_allclose(texture_of(donor * np.float32(factor), width), found, atol=1e-3)
    even = np.full((6, 20, 20), 0.1 * factor, np.float32)
    np.testing.assert_allclose(texture_of(even, width), 0, atol=1e-5)


@settings(deadline=None)
@given(seeds)
def test_only_what_is_covered_gets_texture_and_all_bands_the_donors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels, donor = np.full((6, 48, 48), 0.2, np.float32), ground(seed)
    covered = np.zeros((48, 48), np.float32)
    covered[10:30, 12:40] = 1
    found = textured(rng, pixels, donor, covered)
    assert np.array_equal(found[:, covered == 0], pixels[:, covered == 0])
    change = (found / pixels - 1)[:, covered == 1]
    assert change.std() > 0.01
    # One strength for all: the donor's own texture, of some width, scaled.
    best = max(np.corrcoef(change.ravel(), texture_of(donor, w)[:, covered == 1].ravel())[0, 1] for w in (1.5, 3, 6))
    assert best > 0.9


@pytest.mark.parametrize("seed", range(6))
def test_decoys_leave_what_is_taken_and_what_has_no_data(seed: int) -> None:
    pixels = ground(seed, 64)
    valid = (pixels != 0).all(0)
    taken = np.zeros((64, 64), bool)
    taken[40:, :20] = True
    image = Image(pixels, valid, DEFAULT_BANDS, None)
    one, again = (lay_decoys(np.random.default_rng(seed), image, taken, ground(seed + 1, 64)) for _ in range(2))
    assert np.array_equal(one.pixels, again.pixels)
    kept = taken | ~valid
    assert np.array_equal(one.pixels[:, kept], pixels[:, kept])
    changed = (one.pixels != pixels).any(0)
    assert changed.any()
    assert 0 < one.pixels[:, changed].min() <= one.pixels[:, changed].max() <= 1.5
    assert np.array_equal(image.pixels, ground(seed, 64))


def test_nothing_is_laid_where_nothing_is_free() -> None:
    image = Image(ground(0), np.ones((48, 48), bool), DEFAULT_BANDS, None)
    same = lay_decoys(np.random.default_rng(0), image, np.ones((48, 48), bool), ground(1))
    assert same is image
