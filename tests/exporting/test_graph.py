"""The graph against the model, both in PyTorch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from missing_fixtures import MEASURED, with_dropout

from highwall.exporting import Values
from highwall.exporting.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Callable

    from highwall.models.model import Model

CHANNELS = ("B12", "B05", "B02", "B04", "B03", "B08", "B11")


def raster(seed: int, count: int, shape: tuple[int, int], bands: int, offset: float) -> np.ndarray:
    """Draw counts of reflectance, with a hole of no data."""
    rng = np.random.default_rng(seed)
    counts = np.maximum(rng.uniform(0, 0.5, (count, bands, *shape)) * 1e4, 1) - offset * 1e4
    counts[..., :9, :7] = 0
    return np.rint(counts).astype(np.uint16)


@hypothesis_settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 99),
    count=st.integers(1, 3),
    shape=st.tuples(st.sampled_from([32, 64, 96]), st.sampled_from([32, 64])),
    bands=st.sampled_from([CHANNELS, CHANNELS[2:5], CHANNELS[2:6], ("B02", "B03", "B04", "B08", "B11", "B12")]),
    offset=st.sampled_from([0.0, -0.1]),
    views=st.sampled_from([1, 2, 8]),
    indices=st.sampled_from([(), ("NDVI", "BSI")]),
    temperature=st.sampled_from([0.5, 1.0, 2.5]),
)
def test_it_answers_as_the_model(
    small: Callable[..., Model],
    seed: int,
    count: int,
    shape: tuple[int, int],
    bands: tuple[str, ...],
    offset: float,
    views: int,
    indices: tuple[str, ...],
    temperature: float,
) -> None:
    facts = {"recipe": {"views": views, "augmentation": {}}}
    model = small(indices, facts=facts, temperatures={"networks": temperature})
    model = with_dropout(model, *MEASURED).for_bands(bands)
    values = Values(bands, offset=offset)
    counts = raster(seed, count, shape, len(bands), offset)
    order = [bands.index(band) for band in model.bands]
    expected = model.ask(values.reflectance(counts)[:, order]).average
    everywhere = counts.astype(np.float32) * np.float32(values.scale) + np.float32(offset)
    with torch.inference_mode():
        answer = Graph(model, values)(torch.from_numpy(everywhere)).numpy()
    assert answer.shape == (count, 4, *shape)
    np.testing.assert_allclose(answer, expected, atol=2e-6)


def test_it_leaves_the_model_alone(trained: Any) -> None:
    model = replace(trained.model)
    before = {name: value.clone() for name, value in model.networks.state_dict().items()}
    graph = Graph(model, Values(model.bands))
    with torch.no_grad():
        for value in graph.parameters():
            value.zero_()
    assert all(torch.equal(value, before[name]) for name, value in model.networks.state_dict().items())


def test_probabilities_add_up(small: Callable[..., Model]) -> None:
    model = small()
    with torch.inference_mode():
        answer = Graph(model, Values(model.bands))(torch.rand(2, 6, 32, 64))
    assert answer.dtype == torch.float32
    assert answer.sum(1).numpy() == pytest.approx(1, abs=1e-6)
