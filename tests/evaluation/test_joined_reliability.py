"""Reliability tables that are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import highwall
from highwall.evaluation.calibration import Reliability, reliability
from highwall.legend import UNKNOWN
from highwall.tiles import open_dataset, read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Sequence


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(0, 99))
def test_parts_make_up_the_whole(sizes: Sequence[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    given_ = [rng.dirichlet(np.ones(3), size) for size in sizes]
    labels = [rng.integers(0, 3, size).astype(np.uint8) for size in sizes]
    joined = Reliability.joined([reliability(p, truth) for p, truth in zip(given_, labels, strict=True)])
    whole = reliability(np.concatenate(given_), np.concatenate(labels))
    assert (joined.count == whole.count).all()
    np.testing.assert_allclose(joined.stated, whole.stated)
    np.testing.assert_allclose(joined.observed, whole.observed)


def test_an_evaluation_tells_it_of_the_answer_that_counts(trained: Any) -> None:
    found = highwall.evaluate(trained.model, trained.dataset, split="train").to_json()["reliability"]
    dataset = open_dataset(trained.dataset)
    given_, truth = [], []
    for tile in dataset.split("train"):
        image = read_image(tile.image, dataset.encoding)
        labels = read_labels(tile, dataset.encoding)
        known = image.valid & (labels != UNKNOWN)
        given_.append(trained.model(image.pixels[None])[0][:, known].T)
        truth.append(labels[known])
    whole = reliability(np.concatenate(given_), np.concatenate(truth)).to_json(dataset.encoding.legend.names)
    assert found.keys() == whole.keys()
    for name, one in whole.items():
        assert sum(found[name]["count"]) == sum(one["count"])
        np.testing.assert_allclose(found[name]["error"], one["error"], atol=1e-3)
