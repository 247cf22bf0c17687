from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import confusion_matrix
from torchmetrics.functional import classification as oracle

from highwall.evaluation.confusion import confusion
from highwall.evaluation.scores import scores
from highwall.legend import DEFAULT_LEGEND, Legend

LABELS = st.sampled_from([0, 1, 2, 3, 255])
SHAPES = hnp.array_shapes(max_dims=3, max_side=12)


@st.composite
def cases(draw: st.DrawFn, answers: st.SearchStrategy[int] = LABELS) -> tuple[Any, Any]:
    shape = draw(SHAPES)
    return draw(hnp.arrays(np.uint8, shape, elements=LABELS)), draw(hnp.arrays(np.uint8, shape, elements=answers))


@given(case=cases())
def test_confusion_is_scikit_learns(case: tuple[Any, Any]) -> None:
    labels, answer = case
    counted = (labels < 255) & (answer < 255)
    assume(counted.any())
    expected = confusion_matrix(labels[counted], answer[counted], labels=range(4))
    matrix = confusion(labels, answer, 4)
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(matrix, expected)


@given(case=cases())
def test_confusion_of_parts_adds_up(case: tuple[Any, Any]) -> None:
    labels, answer = case
    parts = sum(confusion(a, b, 4) for a, b in zip(labels, answer, strict=True))
    np.testing.assert_array_equal(confusion(labels, answer, 4), parts)


@pytest.mark.parametrize(
    ("labels", "answer", "reason"), [([0, 4], [0, 0], "beyond 3"), ([0, 0], [0, 4], "beyond 3"), ([0], [0, 0], "fit")]
)
def test_confusion_refuses(labels: list[int], answer: list[int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        confusion(np.array(labels, np.uint8), np.array(answer, np.uint8), 4)


@settings(deadline=None)
@given(case=cases(answers=st.integers(0, 3)))
def test_scores_are_torchmetrics(case: tuple[Any, Any]) -> None:
    labels, answer = case
    assume((labels < 255).any())
    found = scores(confusion(labels, answer, 4), DEFAULT_LEGEND)
    args = (torch.from_numpy(answer.ravel()).int(), torch.from_numpy(labels.ravel()).int(), 4)
    assert found.accuracy == pytest.approx(
        float(oracle.multiclass_accuracy(*args, average="micro", ignore_index=255)), abs=1e-6
    )
    assert found.miou_all == pytest.approx(
        float(oracle.multiclass_jaccard_index(*args, average="macro", ignore_index=255)), abs=1e-6
    )
    for ours, theirs in (
        (found.iou, oracle.multiclass_jaccard_index),
        (found.precision, oracle.multiclass_precision),
        (found.recall, oracle.multiclass_recall),
        (found.f1, oracle.multiclass_f1_score),
    ):
        expected = theirs(*args, average="none", ignore_index=255).numpy()  # 0 where we say undefined
        np.testing.assert_allclose(np.nan_to_num(list(ours.values())), expected, atol=1e-6)
    targets = [value for name, value in found.iou.items() if name != "background" and not math.isnan(value)]
    assert found.miou == pytest.approx(np.mean(targets), nan_ok=True) if targets else math.isnan(found.miou)


def test_undefined_scores_are_null_and_left_out_of_means() -> None:
    matrix = np.zeros((4, 4), np.int64)
    matrix[0, 0], matrix[1, 1], matrix[1, 0], matrix[0, 2] = 6, 3, 1, 2  # no quarry in truth, no pond at all
    found = json.loads(json.dumps(scores(matrix, DEFAULT_LEGEND).to_json(), allow_nan=False))
    assert found["iou"] == {"background": 6 / 9, "waste dump": 3 / 4, "quarry pit": 0, "tailings pond": None}
    assert found["recall"]["quarry pit"] is None
    assert found["precision"]["tailings pond"] is None
    assert found["f1"]["tailings pond"] is None
    assert found["miou"] == pytest.approx((3 / 4 + 0) / 2)
    assert found["miou_all"] == pytest.approx((6 / 9 + 3 / 4 + 0) / 3)
    assert found["accuracy"] == 9 / 12


def test_no_pixels_no_score() -> None:
    found = scores(np.zeros((4, 4), np.int64), DEFAULT_LEGEND).to_json()
    assert found["accuracy"] is found["miou"] is found["miou_all"] is None


def test_targets_are_found_by_id() -> None:
    legend = Legend.from_names({1: "mine ground", 3: "tailings pond"})  # no background: all are targets
    found = scores(np.array([[3, 1], [2, 4]]), legend)
    assert found.miou == found.miou_all == pytest.approx((3 / 6 + 4 / 7) / 2)
    assert found.iou == pytest.approx({"mine ground": 3 / 6, "tailings pond": 4 / 7})
