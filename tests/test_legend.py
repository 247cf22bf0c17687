from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from highwall.errors import BadInput
from highwall.legend import COLORS, DEFAULT_LEGEND, Legend, LegendClass

legends = st.sets(st.integers(0, 254), min_size=2).map(lambda ids: Legend.from_names({i: f"class {i}" for i in ids}))


def test_the_default_is_the_competitions() -> None:
    expected = {0: "background", 1: "waste dump", 2: "quarry pit", 3: "tailings pond"}
    assert dict(zip(DEFAULT_LEGEND.ids, DEFAULT_LEGEND.names, strict=True)) == expected
    assert DEFAULT_LEGEND.targets == (1, 2, 3)
    assert {c.name: c.color for c in DEFAULT_LEGEND.classes} == COLORS


@given(legends, st.data())
def test_masks_of_ids_and_labels_of_indices_are_each_others_inverse(legend: Legend, data: st.DataObject) -> None:
    values = st.sampled_from([*legend.ids, 255])
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16, np.int32, np.int64]))
    mask = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=3), elements=values))
    labels = legend.indices(mask)
    assert labels.dtype == np.uint8
    assert (legend.mask(labels) == mask).all()
    for value, index in zip(mask.ravel().tolist(), labels.ravel().tolist(), strict=True):
        assert index == 255 if value == 255 else legend.classes[index].id == value


@given(legends, hnp.arrays(np.int64, (4,), elements=st.integers(-1000, 1000)))
def test_ids_that_the_legend_lacks_are_bad_input(legend: Legend, mask: np.ndarray) -> None:
    foreign = sorted(set(mask.tolist()) - {*legend.ids, 255})
    assert legend.foreign_ids(mask.tolist()) == foreign
    if foreign:
        with pytest.raises(BadInput, match=f"legend: {', '.join(map(str, foreign))} "):
            legend.indices(mask)


@given(legends)
def test_background_is_id_0_and_no_target(legend: Legend) -> None:
    assert [legend.ids[index] for index in legend.targets] == [i for i in legend.ids if i != 0]
    assert len(legend) == len(legend.classes)
    assert set(legend.colormap) == {*legend.ids, 255}
    assert legend.colormap[255][3] == 0


def test_known_names_keep_their_colours_under_other_ids() -> None:
    legend = Legend.from_names({0: "background", 5: "tailings pond", 2: "mine ground"})
    assert legend.ids == (0, 2, 5)
    assert legend.classes[2].color == COLORS["tailings pond"]
    assert legend.classes[1].color not in COLORS.values()


@pytest.mark.parametrize(
    "rows", [[(0, "a")], [(1, "a"), (0, "b")], [(0, "a"), (0, "b")], [(0, "a"), (255, "b")], [(0, "a"), (1, "a")]]
)
def test_legends_that_cannot_be_are_bad_input(rows: list[tuple[int, str]]) -> None:
    with pytest.raises(BadInput):
        Legend(tuple(LegendClass(i, name, (0, 0, 0)) for i, name in rows))
