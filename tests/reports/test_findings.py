"""What is said of each class, held against pixels counted one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import jaccard_score, precision_score, recall_score

from highwall.legend import DEFAULT_LEGEND
from highwall.reports.findings import class_findings, strength, weakness
from highwall.reports.judged import largest_mistake

MATRICES = arrays(np.int64, (4, 4), elements=st.integers(0, 9))


@given(MATRICES)
def test_findings_are_what_scikit_learn_counts(matrix: np.ndarray) -> None:
    truth, answer = (np.repeat(index.ravel(), matrix.ravel()) for index in np.indices((4, 4)))
    findings = class_findings(matrix, DEFAULT_LEGEND)
    assert [one.iou for one in findings] == sorted(one.iou for one in findings)
    assert {one.name for one in findings} == {DEFAULT_LEGEND.names[n] for n in (1, 2, 3) if (truth == n).any()}
    for one in findings:
        number = DEFAULT_LEGEND.names.index(one.name)
        is_, called = truth == number, answer == number
        assert np.isclose(one.iou, jaccard_score(is_, called))
        assert np.isclose(one.found, recall_score(is_, called))
        assert one.right is None or np.isclose(one.right, precision_score(is_, called))
        assert (one.right is None) == (not called.any())
        for said, rest in ((one.taken_for, answer[is_ & ~called]), (one.mistaken, truth[called & ~is_])):
            counts = np.bincount(rest, minlength=4)
            assert (said is None) == (not len(rest))
            if said is not None:
                whole = is_.sum() if said is one.taken_for else called.sum()
                assert counts[DEFAULT_LEGEND.names.index(said[0])] == counts.max()
                assert np.isclose(said[1], counts.max() / whole)


@given(MATRICES)
def test_the_largest_mistake_is_the_largest_count_beside_the_diagonal(matrix: np.ndarray) -> None:
    wrong = {(i, j): int(matrix[i, j]) for i in range(4) for j in range(4) if i != j}
    found = largest_mistake(matrix)
    assert (found is None) == (max(wrong.values()) == 0)
    if found is not None:
        assert wrong[found[:2]] == found[2] == max(wrong.values())


def test_the_sentence_names_the_class_and_the_graver_mistake_first() -> None:
    matrix = np.array([[90, 0, 10, 0], [60, 40, 0, 0], [0, 0, 90, 10], [0, 0, 0, 50]])
    findings = class_findings(matrix, DEFAULT_LEGEND)
    plain = weakness(findings).replace("\N{NO-BREAK SPACE}", " ")
    assert plain == (
        "Worst at waste dump (IoU 40.0 %): of its pixels, 40 % are found and 60 % taken for background; of what is "
        "called waste dump, 100 % is right."
    )
    assert "tailings pond" in str(strength(findings))
    assert strength(findings[:1]) is None
    assert "No target class" in weakness([])
