"""When a file counts as the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.exporting.agreement import compare, measure
from highwall.exporting.probes import probes
from highwall.exporting.values import Values
from highwall.legend import Legend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.exporting import Exported
    from highwall.models.model import Model


def answers(seed: int, *shape: int) -> np.ndarray:
    """Draw probabilities that add up to one along the second axis."""
    draws = np.random.default_rng(seed).dirichlet(np.ones(4), (shape[0], *shape[1:]))
    return np.moveaxis(draws, -1, 1).astype(np.float32)


@given(st.integers(0, 9), st.lists(st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5)), min_size=1))
def test_it_measures_as_one_would_by_hand(seed: int, shapes: list[tuple[int, int, int]]) -> None:
    pairs = [(answers(seed, *shape), answers(seed + 1, *shape)) for shape in shapes]
    found = measure(pairs, Legend())
    ours, theirs = (np.concatenate([np.moveaxis(p[k], 1, -1).reshape(-1, 4) for p in pairs]) for k in (0, 1))
    assert found.pixels == len(ours)
    assert found.images == sum(shape[0] for shape in shapes)
    assert found.worst == pytest.approx(np.abs(ours - theirs).max())
    assert found.labels == pytest.approx(np.mean(ours.argmax(1) == theirs.argmax(1)))
    assert sum(found.classes.values()) == pytest.approx(1)
    assert found.classes["quarry pit"] == pytest.approx(np.mean(ours.argmax(1) == 2))


def test_it_takes_rounding_and_nothing_more() -> None:
    ours = answers(0, 2, 50, 50)
    assert measure([(ours, ours + np.float32(5e-5))], Legend()).good
    assert not measure([(ours, ours + np.float32(2e-4))], Legend()).good
    hollow = ours.copy()
    hollow[0, 0, 0, 0] = np.nan
    assert not measure([(ours, hollow), (ours, ours)], Legend()).good
    swapped = np.full((1, 4, 50, 50), 0.25, np.float32)
    swapped[:, 1] += 5e-5  # a tie that rounding decides is as good as any, but not everywhere
    assert not measure([(np.full_like(swapped, 0.25), swapped)], Legend()).good
    with pytest.raises(BadInput, match="gives"):
        measure([(ours, ours[..., :10])], Legend())


def test_another_model_is_told_apart(exported: Exported, trained: Any, small: Callable[..., Model]) -> None:
    found = compare(exported.file, small(), Values(trained.model.bands), 64)
    assert not found.good
    assert found.worst > 0.01


def test_what_is_no_onnx_is_told_in_one_line(tmp_path: Path, small: Callable[..., Model]) -> None:
    (tmp_path / "a.onnx").write_bytes(b"nothing of that kind")
    with pytest.raises(BadInput, match="onnxruntime cannot load") as error:
        compare(tmp_path / "a.onnx", small(), Values(small().bands), 64)
    assert "\n" not in str(error.value)


def test_probes_show_classes_bands_and_no_data(small: Callable[..., Model]) -> None:
    model = small()
    images = probes(model, ("B8A", *model.bands), (64, 96))
    assert images.shape == (3, 7, 64, 96)
    assert images.dtype == np.float32
    nothing = (images == 0).all(1)
    assert (nothing.mean((1, 2)) > 0.02).all()
    assert not (images == 0).any(1)[~nothing].any()  # elsewhere every band has data
    assert np.isfinite(images).all()
    assert images.max() < 3
    np.testing.assert_array_equal(images[:2, 0], images[:2, 4])  # B8A looks like B08
    fields = images[2][1:, ~nothing[2]]
    np.testing.assert_allclose(fields.mean(1), model.normalisation.mean, rtol=0.5)
    np.testing.assert_array_equal(images, probes(model, ("B8A", *model.bands), (64, 96)))
