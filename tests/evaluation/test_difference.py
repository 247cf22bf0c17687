from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import highwall
from highwall.evaluation.bootstrap import site_intervals
from highwall.evaluation.comparison import compare
from highwall.evaluation.difference import PARTS, Difference, Part, Sample, difference
from highwall.evaluation.metrics import METRICS, measure
from highwall.evaluation.sentence import sentence
from highwall.evaluation.standardisation import FACTORS
from highwall.legend import DEFAULT_LEGEND, Legend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.evaluation.evaluate import Evaluation

TWO = Legend.from_names({0: "background", 1: "mine ground"})
SITES = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 5), st.just(2), st.just(4), st.just(4)), elements=st.sampled_from([0, 1, 30])
)
METRIC = st.sampled_from(METRICS)


def sites(
    rng: np.random.Generator, count: int, *, mines: float = 0.3, edges: float = 0.4, right: tuple[float, float]
) -> np.ndarray:
    """Sites of two classes, each around these shares: mine ground, edges, and right pixels inside and at edges."""
    size = rng.integers(500, 1500, count)
    of_class = rng.multinomial(size, np.stack([1 - (share := rng.beta(9 * mines, 9 * (1 - mines), count)), share], 1))
    at_edges = rng.binomial(of_class, rng.beta(20 * edges, 20 * (1 - edges), (count, 1)))
    counts = np.zeros((count, 2, 2, 2), np.int64)
    for stratum, pixels in enumerate((of_class - at_edges, at_edges)):
        hits = rng.binomial(pixels, rng.beta(20 * right[stratum], 20 * (1 - right[stratum]), (count, 1)))
        for truth in (0, 1):
            counts[:, stratum, truth, truth] = hits[:, truth]
            counts[:, stratum, truth, 1 - truth] = (pixels - hits)[:, truth]
    return counts


@settings(deadline=None, max_examples=60)
@given(a=SITES, b=SITES, metrics=st.tuples(METRIC, METRIC))
def test_parts_add_up_to_the_difference(a: np.ndarray, b: np.ndarray, metrics: Any) -> None:
    found = difference(Sample.draw(a, draws=20), Sample.draw(b, draws=20, seed=1), DEFAULT_LEGEND, *metrics)
    scores = [measure(m, one.sum(axis=(0, 1)), DEFAULT_LEGEND) for m, one in zip(metrics, (a, b), strict=True)]
    other = measure(metrics[1], a.sum(axis=(0, 1)), DEFAULT_LEGEND)
    assert found.whole.value == pytest.approx(scores[1] - scores[0], abs=1e-12, nan_ok=True)
    assert found.parts["metric"].value == pytest.approx(other - scores[0], abs=1e-12, nan_ok=True)
    if np.isfinite([*scores, other]).all():
        assert sum(part.value for part in found.parts.values()) == pytest.approx(found.whole.value, abs=1e-9)


def test_two_identical_sets_differ_in_nothing() -> None:
    one = Sample.draw(sites(np.random.default_rng(0), 12, right=(0.9, 0.6)))
    found = difference(one, one, TWO)
    assert tuple(found.parts) == PARTS == ("metric", *FACTORS)
    for part in (found.whole, *found.parts.values()):
        assert part == Part(0, (0, 0))
        assert part.within_chance
    assert "as much as A" in sentence(found)


def test_another_metric_on_the_same_set_is_the_metric_alone() -> None:
    counts = sites(np.random.default_rng(1), 12, mines=0.1, right=(0.9, 0.6))
    one = Sample.draw(counts)
    found = difference(one, one, TWO, "accuracy", "miou")
    total = counts.sum(axis=(0, 1))
    iou = total[1, 1] / (total[1].sum() + total[:, 1].sum() - total[1, 1])
    assert found.whole.value == found.parts["metric"].value == pytest.approx(iou - np.trace(total) / total.sum())
    assert found.parts["metric"].within_chance is False
    assert all(found.parts[name] == Part(0, (0, 0)) for name in FACTORS)


def test_a_set_without_spread_leaves_the_interval_of_the_other() -> None:
    counts = sites(np.random.default_rng(2), 12, right=(0.9, 0.6))
    flat = np.repeat(counts[:1], 5, axis=0)
    score = float(measure("miou", counts[0].sum(axis=0), TWO))
    interval = site_intervals(counts.sum(axis=1), TWO).miou
    assert interval is not None
    found = difference(Sample.draw(flat), Sample.draw(counts), TWO).whole.interval
    assert found == pytest.approx([bound - score for bound in interval])


@pytest.mark.parametrize("shift", [{}, {"mines": 0.5}, {"edges": 0.7}, {"right": (0.8, 0.5)}])
def test_ninety_percent_of_intervals_hold_the_truth(shift: dict[str, Any]) -> None:
    """Truth comes from so many sites that chance is gone; a part without a cause is within chance."""
    rng = np.random.default_rng(3)
    kinds = {"right": (0.9, 0.6)}, {"right": (0.9, 0.6)} | shift
    many = [Sample.draw(sites(rng, 100_000, **kind), draws=1) for kind in kinds]
    truth = difference(*many, TWO)
    hits = dict.fromkeys(("whole", *FACTORS), 0)
    for _ in range(200):
        found = difference(
            *(Sample.draw(sites(rng, 30, **kind), draws=200, seed=n) for n, kind in enumerate(kinds)), TWO
        )
        for name in hits:
            part, true = (one.whole if name == "whole" else one.parts[name] for one in (found, truth))
            assert part.interval is not None
            hits[name] += part.interval[0] <= true.value <= part.interval[1]
    cause = {"mines": "class_mixture", "edges": "edges", "right": "appearance"}.get(next(iter(shift), ""), "")
    for name in FACTORS:
        assert (abs(truth.parts[name].value) > 0.02) == (name == cause)
    for count in hits.values():
        assert (
            0.82 < count / 200 < 0.96
        )  # the standard error of the share is 0.021; the percentile method is a bit narrow


@pytest.mark.parametrize("side", [0, 1])
def test_one_site_leaves_chance_open(side: int) -> None:
    rng = np.random.default_rng(4)
    samples = [Sample.draw(sites(rng, 1 if n == side else 8, right=(0.9, 0.6))) for n in (0, 1)]
    found = difference(*samples, TWO)
    assert np.isfinite(found.whole.value)
    assert found.whole.interval is found.whole.within_chance is found.parts["edges"].interval is None
    assert "two sites in each set" in sentence(found)


def test_no_score_no_difference() -> None:
    some = sites(np.random.default_rng(5), 4, right=(0.9, 0.6))
    none = np.zeros_like(some)
    none[:, :, 0, 0] = 50  # background alone, and no alarm: no target class to score
    document = json.loads(json.dumps(difference(Sample.draw(some), Sample.draw(none), TWO).to_json(), allow_nan=False))
    assert document["value"] is document["interval"] is document["within_chance"] is None
    assert document["parts"]["edges"] == {"value": None, "interval": None, "within_chance": None}
    assert "undefined" in document["sentence"]


def test_a_metric_that_is_undefined_on_a_explains_nothing() -> None:
    some = sites(np.random.default_rng(6), 4, right=(0.9, 0.6))
    plain = np.zeros_like(some)
    plain[:, :, 0, 0] = 50
    found = difference(Sample.draw(plain), Sample.draw(some), TWO, "accuracy", "miou")
    assert found.whole == Part(float(measure("miou", some.sum(axis=(0, 1)), TWO)) - 1, None)
    assert np.isnan(found.parts["metric"].value)
    assert sentence(found).endswith("in mIoU than A in accuracy, which cannot be explained: mIoU is undefined on A.")


PLAIN = Difference(
    "miou",
    "miou",
    Part(-0.24, (-0.35, -0.11)),
    {
        "metric": Part(0, (0, 0)),
        "class_mixture": Part(-0.04, (-0.09, 0.02)),
        "edges": Part(-0.01, (-0.02, -0.001)),
        "appearance": Part(-0.19, (-0.29, -0.1)),
    },
)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            PLAIN,
            (
                "B scores 24.0 points less than A in mIoU (interval -35.0 to -11.0): appearance -19.0, "
                "class mixture -4.0, edges -1.0; more than chance, as are appearance and edges by themselves."
            ),
        ),
        (
            replace(PLAIN, whole=Part(0.03, (-0.01, 0.06)), parts={"edges": Part(0.03, (-0.01, 0.06))}),
            (
                "B scores 3.0 points more than A in mIoU (interval -1.0 to +6.0): edges +3.0; "
                "within what other sites of the same kind would give."
            ),
        ),
        (
            replace(PLAIN, whole=Part(0.0001, (-0.1, 0.1)), parts={"edges": Part(0.0001, (0.00005, 0.1))}),
            (
                "B scores as much as A in mIoU (interval -10.0 to +10.0): edges +0.0; "
                "within what other sites of the same kind would give, but edges by itself is more."
            ),
        ),
        (
            replace(PLAIN, metric_a="accuracy", parts={"metric": Part(-0.24, (-0.35, 0.01))}),
            (
                "B scores 24.0 points less in mIoU than A in accuracy (interval -35.0 to -11.0): metric -24.0; "
                "more than chance, though no part is by itself."
            ),
        ),
    ],
)
def test_the_sentence(found: Difference, text: str) -> None:
    assert sentence(found) == text


@pytest.fixture(scope="module")
def pair(
    trained: Any, make_tiles: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Evaluation, Evaluation]:
    """Evaluate a model on tiles of all classes, and on tiles without ponds."""
    root = tmp_path_factory.mktemp("pair")
    folders = [
        make_tiles(root / "a", {"val": 2}, seed=50),
        make_tiles(root / "b", {"val": 3}, seed=60, classes=(0, 1, 2)),
    ]
    a, b = (highwall.evaluate(trained.model, folder) for folder in folders)
    return a, b


def test_the_comparison_holds_both_evaluations_and_every_level(pair: tuple[Evaluation, Evaluation]) -> None:
    a, b = pair
    document = json.loads(json.dumps(compare(a, b, "miou", "accuracy").to_json(), allow_nan=False))
    assert document["a"] == json.loads(json.dumps(a.to_json()))
    assert document["b"] == json.loads(json.dumps(b.to_json()))
    found = document["difference"]
    assert found["metric"] == {"a": "miou", "b": "accuracy"}
    assert list(found["by_level"]) == ["unet", "fpn", "networks", "forest"]
    for level, one in found["by_level"].items():
        scores_a, scores_b = (document[side]["scores"][level] for side in "ab")
        assert one["value"] == pytest.approx(scores_b["accuracy"] - scores_a["miou"], abs=1e-9)
        assert sum(part["value"] for part in one["parts"].values()) == pytest.approx(one["value"], abs=1e-9)
    assert found["level"] == a.final
    assert found["parts"] == found["by_level"][a.final]["parts"]
    for side in "ab":
        score = document[side]["scores"][a.final]
        assert found["metrics"]["miou_all"][side] == pytest.approx(score["miou_all"])
        for name, facts in found["classes"].items():
            assert facts["recall"][side] == pytest.approx(score["recall"][name])
        assert sum(facts["share"][side] for facts in found["classes"].values()) == pytest.approx(1)
    pond = found["classes"]["tailings pond"]
    assert (pond["share"]["b"], pond["edge_share"]["b"], pond["recall_edges"]["b"]) == (0, None, None)
    assert pond["edge_share"]["a"] > 0.2
    assert found["notes"] == [
        f"{s} sites: with fewer than 10, intervals are too narrow" for s in ("A has 2", "B has 3")
    ]


def test_the_same_tiles_are_drawn_together(pair: tuple[Evaluation, Evaluation]) -> None:
    a, b = pair
    assert compare(b, b).difference.whole == Part(0, (0, 0))
    part = replace(b, tiles=b.tiles[1:], sites=b.sites[1:], counts={k: v[1:] for k, v in b.counts.items()})
    assert "2 tiles are in both sets: intervals are too wide" in compare(b, part).notes
    assert not any("both sets" in note for note in (*compare(a, b).notes, *compare(b, b).notes))
