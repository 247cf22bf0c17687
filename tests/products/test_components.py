from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox
from scipy import ndimage

from highwall.legend import DEFAULT_LEGEND, Legend
from highwall.products.components import find_components
from highwall.products.labels import Labels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CROSS = ndimage.generate_binary_structure(2, 1)


def as_labels(
    classes: NDArray[np.uint8],
    probabilities: NDArray[np.uint8] | None = None,
    applicability: NDArray[np.uint8] | None = None,
) -> Labels:
    geobox = GeoBox(classes.shape, Affine(10, 0, 500_000, 0, -10, 7_500_000), "EPSG:32723")
    return Labels(classes, probabilities, geobox, DEFAULT_LEGEND, applicability)


def by_scipy(
    classes: NDArray[np.uint8], probabilities: NDArray[np.uint8], applicability: NDArray[np.uint8]
) -> list[tuple[float, ...]]:
    """All that `Components` tells, found by whole-raster operations."""
    width = classes.shape[1]
    padded = np.pad(classes, 1, constant_values=255)
    beside = np.stack([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
    touching = (beside == 255).any(0)
    edge = ((beside != 255) & (beside != classes)).any(0)
    rows = []
    for value in (1, 2, 3):
        numbers, count = ndimage.label(classes == value, CROSS)
        for number in range(1, count + 1):
            y, x = np.nonzero(numbers == number)
            own = probabilities[y, value, x]
            box = (y.min(), y.max(), x.min(), x.max())
            numbers_of = (y[0] * width + x[0], value, len(y), edge[y, x].sum(), touching[y, x].any(), *box)
            rows.append((*numbers_of, own.mean() / 250, own.min() / 250, applicability[y, x].mean() / 250))
    return sorted(rows)


@settings(max_examples=150, deadline=None)
@given(
    arrays(
        np.uint8, st.tuples(st.integers(1, 14), st.integers(1, 12)), elements=st.sampled_from([0, 1, 1, 1, 2, 3, 255])
    ),
    st.integers(0, 2**32 - 1),
    st.data(),
)
def test_components_are_those_of_scipy(classes: NDArray[np.uint8], seed: int, data: st.DataObject) -> None:
    strip = data.draw(st.integers(1, len(classes)))
    planes = np.random.default_rng(seed).integers(0, 251, (len(classes), 5, classes.shape[1]), np.uint8)
    probabilities, applicability = planes[:, :4], planes[:, 4]
    found = find_components(as_labels(classes, probabilities, applicability), strip)
    expected = by_scipy(classes, probabilities, applicability)
    columns = (found.first, found.class_id, found.pixels, found.edge_pixels, found.touches_unknown)
    boxes = (found.top, found.bottom, found.left, found.right)
    np.testing.assert_array_equal(
        np.column_stack([*columns, *boxes]),
        np.array([row[:9] for row in expected]).reshape(-1, 9),
    )
    np.testing.assert_allclose(found.mean_probability, [row[9] for row in expected], rtol=1e-12)
    np.testing.assert_allclose(found.least_probability, [row[10] for row in expected], rtol=1e-12)
    np.testing.assert_allclose(found.applicability, [row[11] for row in expected], rtol=1e-12)


def test_a_spiral_is_one_component() -> None:
    classes = np.zeros((41, 41), np.uint8)
    for ring in range(0, 20, 2):
        classes[ring, ring : 41 - ring] = classes[40 - ring, ring : 41 - ring] = 2
        classes[ring : 41 - ring, ring] = classes[ring : 41 - ring, 40 - ring] = 2
        classes[ring + 1, ring] = 0
        classes[ring + 2, ring + 1] = 2
    found = find_components(as_labels(classes), 3)
    assert len(found) == ndimage.label(classes, CROSS)[1] == 1
    assert found.pixels.tolist() == [(classes == 2).sum()]


def test_probabilities_may_be_unknown() -> None:
    classes = np.array([[1, 1, 0, 2]], np.uint8)
    nothing = find_components(as_labels(classes))
    assert np.isnan([nothing.mean_probability, nothing.applicability]).all()
    probabilities = np.full((1, 4, 4), 255, np.uint8)
    probabilities[0, 1, 0] = 200
    found = find_components(as_labels(classes, probabilities))
    np.testing.assert_allclose(found.mean_probability, [0.8, np.nan])
    np.testing.assert_allclose(found.least_probability, [0.8, np.nan])


def test_arrays_on_disk_give_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    classes = rng.choice(np.array([0, 1, 2, 255], np.uint8), (90, 70))
    planes = rng.integers(0, 251, (90, 5, 70), np.uint8)
    for name, array in (("c", classes), ("p", planes)):
        array.tofile(tmp_path / name)
    there = np.memmap(tmp_path / "p", np.uint8, "r", shape=planes.shape)
    on_disk = as_labels(
        np.memmap(tmp_path / "c", np.uint8, "r", shape=classes.shape),
        there[:, :4],
        there[:, 4],
    )
    one, two = find_components(on_disk, 16), find_components(as_labels(classes, planes[:, :4], planes[:, 4]))
    for name, values in vars(two).items():
        np.testing.assert_array_equal(getattr(one, name), values)


def test_classes_of_any_legend_count_but_id_0() -> None:
    legend = Legend.from_names({3: "a", 200: "b"})
    classes = np.array([[3, 3, 200]], np.uint8)
    geobox = GeoBox((1, 3), Affine.scale(1, -1), None)
    probabilities = np.array([[[250, 200, 0], [0, 50, 250]]], np.uint8)
    found = find_components(Labels(classes, probabilities, geobox, legend))
    assert found.class_id.tolist() == [3, 200]
    np.testing.assert_allclose(found.mean_probability, [0.9, 1])


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="don't fit"):
        as_labels(np.zeros((3, 4), np.uint8), np.zeros((3, 3, 4), np.uint8))
    with pytest.raises(ValueError, match="don't fit"):
        as_labels(np.zeros((3, 4), np.uint8), None, np.zeros((4, 3), np.uint8))
