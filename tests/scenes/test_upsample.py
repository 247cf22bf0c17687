from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import Resampling as RioResampling
from rasterio.io import MemoryFile
from rasterio.vrt import WarpedVRT

from highwall.scenes.upsample import MARGIN, upsampled

if TYPE_CHECKING:
    from numpy.typing import NDArray


def bilinear(x: Fraction) -> Fraction:
    return max(1 - abs(x), Fraction(0))


def cubic(x: Fraction) -> Fraction:
    """Catmull-Rom, as in Keys 1981 with a = -1/2."""
    x = abs(x)
    if x <= 1:
        return Fraction(3, 2) * x**3 - Fraction(5, 2) * x**2 + 1
    return -(x**3) / 2 + Fraction(5, 2) * x**2 - 4 * x + 2 if x < 2 else Fraction(0)


KERNELS = {"bilinear": bilinear, "cubic": cubic}


def brute_force(counts: NDArray[Any], has_data: NDArray[np.bool_], factor: int, method: str) -> NDArray[np.float64]:
    """Weigh, for each fine pixel, the coarse pixels around that have data; in fractions."""
    height, width = counts.shape
    result = np.full((height * factor, width * factor), np.nan)
    for row, column in product(range(height * factor), range(width * factor)):
        if not has_data[row // factor, column // factor]:
            continue
        total = weights = Fraction(0)
        for r, c in product(range(height), range(width)):
            weight = Fraction(0)
            if has_data[r, c]:
                weight = KERNELS[method](Fraction(2 * row + 1, 2 * factor) - r - Fraction(1, 2))
                weight *= KERNELS[method](Fraction(2 * column + 1, 2 * factor) - c - Fraction(1, 2))
            total += weight * int(counts[r, c])
            weights += weight
        result[row, column] = (total / weights + Fraction(1, 2)).__floor__()
    return result


def padded(counts: NDArray[Any], has_data: NDArray[np.bool_], factor: int, method: Any) -> NDArray[np.float32]:
    margin = MARGIN[method]
    return upsampled(np.pad(counts, margin), np.pad(has_data, margin), factor, method)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from([2, 3, 6]),
    st.sampled_from(["bilinear", "cubic"]),
)
def test_equals_weights_in_fractions(seed: int, height: int, width: int, factor: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 65536, (height, width)).astype(np.uint16)
    has_data = rng.random((height, width)) < rng.choice([0.5, 1])
    np.testing.assert_array_equal(
        padded(counts, has_data, factor, method), brute_force(counts, has_data, factor, method)
    )


def test_twice_as_fine_weighs_three_quarters_and_one_quarter() -> None:
    counts = np.array([[100, 200, 400]], np.uint16)
    np.testing.assert_array_equal(
        padded(counts, np.ones((1, 3), bool), 2, "bilinear")[0], [100, 125, 175, 250, 350, 400]
    )


def test_nearest_repeats() -> None:
    counts = np.arange(12, dtype=np.uint16).reshape(3, 4)
    np.testing.assert_array_equal(padded(counts, np.ones((3, 4), bool), 3, "nearest"), counts.repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize("method", ["bilinear", "cubic"])
@pytest.mark.parametrize("factor", [2, 6])
def test_counts_raised_by_a_thousand_give_results_raised_by_a_thousand(factor: int, method: str) -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 9000, (150, 150)).astype(np.uint16)
    has_data = rng.random(counts.shape) < 0.9
    raised = padded(counts + np.uint16(1000), has_data, factor, method)
    np.testing.assert_array_equal(raised, padded(counts, has_data, factor, method) + 1000)


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@pytest.mark.parametrize("factor", [2, 6])
def test_agrees_with_gdal_but_for_halves(factor: int, method: str) -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 9000, (100, 90)).astype(np.uint16)
    counts[rng.random(counts.shape) < 0.05] = 0
    height, width = (size * factor for size in counts.shape)
    with MemoryFile() as memory:
        profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "height": 100, "width": 90, "crs": "EPSG:32601"}
        with memory.open(transform=Affine(10 * factor, 0, 3e5, 0, -10 * factor, 6e6), **profile) as file:
            file.write(counts, 1)
        options = {"height": height, "width": width, "transform": Affine(10, 0, 3e5, 0, -10, 6e6), "crs": "EPSG:32601"}
        with (
            rasterio.open(memory.name) as file,
            WarpedVRT(
                file, resampling=RioResampling[method], src_nodata=0, nodata=0, tolerance=1e-6, **options
            ) as warped,
        ):
            gdal = warped.read(1)
    ours = padded(counts, counts != 0, factor, method)
    np.testing.assert_array_equal(np.isnan(ours), gdal == 0)
    apart = np.abs(np.nan_to_num(ours) - gdal)
    assert apart.max() <= (0 if method == "nearest" or factor == 2 else 1)
    assert (apart > 0).mean() < 0.02
