from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_calibration_error

from highwall.evaluation.calibration import fit_temperature, reliability
from highwall.models.temperature import temper


def drawn(seed: int, pixels: int, classes: int = 4, sharpness: float = 2) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels that follow them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, sharpness, (pixels, classes))
    probabilities = torch.from_numpy(logits).softmax(1).numpy()
    labels = (probabilities.cumsum(1) < rng.random((pixels, 1))).sum(1).clip(max=classes - 1)
    return probabilities, labels.astype(np.uint8)


@given(st.integers(0, 1000), st.integers(1, 300), st.integers(1, 20))
def test_calibration_error_is_torchmetrics_of_each_class_against_the_rest(seed: int, pixels: int, bins: int) -> None:
    probabilities, labels = drawn(seed, pixels)
    ours = reliability(probabilities, labels, bins).error
    for index in range(4):
        theirs = binary_calibration_error(
            torch.from_numpy(probabilities[:, index]), torch.from_numpy((labels == index).astype(int)), n_bins=bins
        )
        assert ours[index] == pytest.approx(float(theirs), abs=1e-6)


def test_every_pixel_is_in_one_bin_of_each_class() -> None:
    probabilities = np.array([[0.0, 1.0], [0.05, 0.95], [1.0, 0.0]])
    table = reliability(probabilities, np.array([1, 0, 0], np.uint8))
    assert table.count.sum(1).tolist() == [3, 3]
    assert table.count[0, 0] == 2
    assert table.stated[0, 0] == pytest.approx(0.025)
    assert table.observed[0, 0] == pytest.approx(0.5)
    assert np.isnan(table.stated[0, 4])


@given(st.floats(0.3, 4), st.integers(0, 100))
def test_the_temperature_that_made_probabilities_too_sure_is_found(temperature: float, seed: int) -> None:
    honest, labels = drawn(seed, 20_000)
    found = fit_temperature(temper(honest, 1 / temperature, axis=1), labels)
    assert found == pytest.approx(temperature, rel=0.1)


@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_a_temperature_is_that_of_logits_and_leaves_labels(seed: int, temperature: float) -> None:
    logits = np.random.default_rng(seed).normal(0, 2, (3, 5, 7))
    given_ = torch.from_numpy(logits).softmax(1).numpy()
    tempered = temper(given_, temperature, axis=1)
    expected = (torch.from_numpy(logits) / temperature).softmax(1).numpy()
    assert np.allclose(tempered, expected, atol=1e-4)
    assert (tempered.argmax(1) == given_.argmax(1)).all()


def test_a_temperature_of_one_changes_no_bit() -> None:
    probabilities, _ = drawn(0, 10)
    assert temper(probabilities, 1, axis=1) is probabilities


def test_without_pixels_nothing_is_tempered() -> None:
    assert fit_temperature(np.empty((0, 3)), np.empty(0, np.uint8)) == 1
