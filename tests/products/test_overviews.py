from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rio_cogeo.cogeo import cog_validate

from highwall.legend import DEFAULT_LEGEND
from highwall.products.overviews import BLOCK, Raw, mean_overviews, mode_overviews
from highwall.products.rasters import write_classes, write_probabilities
from highwall.products.scratch import CLASSES, HEAD, PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.scenes import Scene

SMALL = arrays(
    np.uint8,
    st.tuples(st.integers(1, 7), st.integers(1, 3), st.integers(1, 7)),
    elements=st.sampled_from([0, 1, 9, 255]),
)


def mean(known: list[int]) -> int:
    return int(np.floor(np.mean(known) + 0.5)) if known else 255


def mode(known: list[int]) -> int:
    return Counter(known).most_common(1)[0][0] if known else 255  # of equals, what came first


def halved(fine: NDArray[np.uint8], merge: Callable[[list[int]], int]) -> NDArray[np.uint8]:
    """Merge each square of pixels, one by one."""
    height, count, width = fine.shape
    coarse = np.empty((-(-height // 2), count, -(-width // 2)), np.uint8)
    for y, plane, x in np.ndindex(coarse.shape):
        square = fine[2 * y : 2 * y + 2, plane, 2 * x : 2 * x + 2].ravel().tolist()
        coarse[y, plane, x] = merge([value for value in square if value != 255])
    return coarse


def raw(folder: Path, planes: NDArray[np.uint8]) -> Raw:
    (folder / "planes.raw").write_bytes(HEAD + planes.tobytes())
    return Raw(folder / "planes.raw", planes.shape, len(HEAD))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SMALL, st.sampled_from([(mean_overviews, mean), (mode_overviews, mode)]))
def test_two_by_two_known_pixels_become_one(tmp_path: Path, planes: NDArray[np.uint8], how: tuple[Any, Any]) -> None:
    overviews, merge = how
    rows, columns = -(-600 // planes.shape[0]), -(-520 // planes.shape[2])
    many = np.tile(planes, (2 * rows, 1, 2 * columns))[:601, :, :521]  # what repeats is merged alike, but for the ends
    with overviews(raw(tmp_path, many)) as (made,):
        found, size = made.rows(0, 301), made.shape
    period = np.s_[: 2 * planes.shape[0], :, : 2 * planes.shape[2]]
    expected = halved(many[period], merge)
    assert found.shape == size == (301, many.shape[1], 261)
    np.testing.assert_array_equal(found[: planes.shape[0], :, : planes.shape[2]], expected)
    np.testing.assert_array_equal(found[-1:], halved(many[-1:], merge))
    np.testing.assert_array_equal(found[:, :, -1:], halved(many[:, :, -1:], merge))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((BLOCK, 1, BLOCK), []),
        ((BLOCK + 1, 2, 1), []),
        ((1, 2, BLOCK + 1), []),
        ((BLOCK + 1, 1, 2), [(BLOCK // 2 + 1, 1, 1)]),
        ((2049, 1, 700), [(1025, 1, 350), (513, 1, 175), (257, 1, 88)]),
    ],
)
def test_overviews_end_with_one_that_fits_into_a_block(
    tmp_path: Path, shape: tuple[int, int, int], expected: list[tuple[int, int, int]]
) -> None:
    with mean_overviews(raw(tmp_path, np.full(shape, 77, np.uint8))) as made:
        assert [each.shape for each in made] == expected
        assert all((each.rows(0, each.shape[0]) == 77).all() for each in made)
    assert [path.name for path in tmp_path.iterdir()] == ["planes.raw"]


@pytest.mark.parametrize("shape", [(1301, 1100), (513, 2), (2, 1025), (1, 1500), (1500, 1)])
def test_the_rasters_hold_the_pixels_and_the_overviews(
    make_scene: Callable[..., Scene], tmp_path: Path, shape: tuple[int, int]
) -> None:
    height, width = shape
    random = np.random.default_rng(0)
    planes = random.integers(0, 251, (height, 4, width), np.uint8)
    planes[: height // 3] = 255
    classes = random.choice(np.array([0, 1, 2, 3, 255], np.uint8), shape)
    (tmp_path / PROBABILITIES).write_bytes(HEAD + planes.tobytes())
    (tmp_path / CLASSES).write_bytes(HEAD + classes.tobytes())
    geobox = make_scene(height, width).geobox
    write_classes(tmp_path / "classes.tif", tmp_path, geobox, DEFAULT_LEGEND)
    write_probabilities(tmp_path / "probabilities.tif", tmp_path, geobox, DEFAULT_LEGEND)
    for name, pixels, overviews in (
        ("classes", classes[:, None], mode_overviews),
        ("probabilities", planes, mean_overviews),
    ):
        path = tmp_path / f"{name}.tif"
        assert cog_validate(path, quiet=True)[1] == []
        with overviews(raw(tmp_path, pixels)) as made:
            expected = [pixels, *(each.rows(0, each.shape[0]) for each in made)]
        with rasterio.open(path) as file:
            levels = len(file.overviews(1))
        assert levels == len(expected) - 1
        for level, whole in enumerate(expected):
            with rasterio.open(path, **({"overview_level": level - 1} if level else {})) as file:
                np.testing.assert_array_equal(file.read().transpose(1, 0, 2), whole)
