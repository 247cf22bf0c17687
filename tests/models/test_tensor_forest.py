"""The forest as tensors, against the one that walks on a CPU."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.models import tensor_forest
from highwall.models.features import features
from highwall.models.forest import fit_forest
from highwall.models.tensor_forest import TensorForest, tensor_features

CPU = torch.device("cpu")


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 6), st.sampled_from([None, 1, 4]), st.integers(1, 300))
def test_the_answers_are_the_same(seed: int, trees: int, depth: int | None, pixels: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 3)).round(1).astype(np.float32)
    forest = fit_forest(x, rng.integers(0, 4, 200).astype(np.uint8), "abc", 4, trees=trees, max_depth=depth)
    asked = rng.normal(size=(pixels, 3)).round(1).astype(np.float32)
    found = TensorForest(forest, CPU).predict_proba(torch.from_numpy(asked))
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), forest.predict_proba(asked), atol=1e-12)


def test_many_pixels_go_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 2)).astype(np.float32)
    forest = fit_forest(x, (x[:, 0] > x[:, 1]).astype(np.uint8), "ab", 2, trees=3)
    monkeypatch.setattr(tensor_forest, "_WALKS", 20)
    found = TensorForest(forest, CPU).predict_proba(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, forest.predict_proba(x), atol=1e-12)


@pytest.mark.parametrize("answers", ["masks", "probabilities"])
def test_features_are_the_same(answers: Literal["masks", "probabilities"]) -> None:
    rng = np.random.default_rng(0)
    reflectance = rng.random((2, 3, 5, 7), np.float32)
    probabilities = rng.random((2, 2, 4, 5, 7), np.float32)
    expected = features(np.moveaxis(reflectance, 1, 0), np.moveaxis(probabilities, 2, 1), answers)
    found = tensor_features(torch.from_numpy(reflectance), torch.from_numpy(probabilities), answers)
    np.testing.assert_array_equal(found.numpy(), expected)
