"""Windows that overlap by nearly all of their pixels, and values that no network can take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

from highwall.errors import BadInput
from highwall.mapping.engine import Plan, strips
from highwall.mapping.windows import make_axis, make_grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from highwall.scenes import Scene


@pytest.mark.parametrize(("length", "window", "overlap"), [(1000, 256, 255), (1000, 96, 95), (3000, 256, 200)])
def test_no_window_weighs_more_at_its_edge_than_in_its_middle(length: int, window: int, overlap: int) -> None:
    axis = make_axis(length, window, overlap)
    among_others = axis.weights[window // (window - overlap) : -window // (window - overlap)]
    edges = np.maximum(among_others[:, 0], among_others[:, -1])
    assert len(among_others) > 10
    assert (edges <= among_others[:, window // 2]).all()
    assert edges.max() < 0.01


def test_a_fill_value_that_nothing_names_is_said_with_its_rows(make_scene: Callable[..., Scene], local: Any) -> None:
    scene = make_scene(100, 60, dtype="float32")
    with rasterio.open(scene.planes["B02"].path, "r+") as file:
        values = file.read() / 1e4
        values[:, 90:92, 5:7] = -3.4e38
        file.write(values.astype(np.float32))
    plan = Plan(scene, scene.bands, local, (0, 1, 2, 3), make_grid(scene.shape, 40, 0))
    with np.errstate(all="ignore"), pytest.raises(BadInput, match=r"scene: no finite answer .* rows 60 to 99"):
        list(strips(plan))
