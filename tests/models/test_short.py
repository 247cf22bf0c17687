"""Weights in 16 and 8 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import load_file

from highwall.models import short
from highwall.models.folder import load_model, save_model
from highwall.models.short import lengthen, rounded, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

ANY = hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=4, max_side=4), elements=st.floats(width=32))


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    """Let small tensors count as large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(short, "_LARGE", 4)
        yield


@settings(deadline=None)
@given(ANY)
def test_what_is_stored_is_loaded_bit_by_bit(values: NDArray[np.float32]) -> None:
    state = {"a.encoder.x": torch.from_numpy(values), "a.y": torch.from_numpy(values), "n": torch.tensor(3)}
    for given_state in (state, rounded(state, 10**9), rounded(state, 0)):
        loaded = lengthen(shorten(given_state))
        assert list(loaded) == list(given_state)
        for name, value in given_state.items():
            assert loaded[name].dtype == value.dtype
            assert loaded[name].numpy().tobytes() == value.contiguous().numpy().tobytes()


@settings(deadline=None)
@given(ANY)
def test_16_bits_hold_what_is_rounded_to_them(values: NDArray[np.float32]) -> None:
    (found,) = rounded({"x": torch.from_numpy(values)}, 10**9).values()
    with np.errstate(over="ignore"):
        half = values.astype(np.float16).astype(np.float32)
    expected = half if values.ndim > 1 and np.isfinite(half).all() else values
    np.testing.assert_array_equal(found.numpy(), expected)


@settings(deadline=None)
@given(
    hnp.arrays(np.float32, (3, 2, 3, 3), elements=st.floats(-8, 8, width=32)),
    hnp.arrays(np.float32, (3, 1, 1, 1), elements=st.floats(0.125, 16, width=32)),
)
def test_8_bits_err_by_about_half_a_step(values: NDArray[np.float32], scale: NDArray[np.float32]) -> None:
    values = values * scale
    values[:, 0, 0, 0] = scale[:, 0, 0, 0]
    (found,) = rounded({"x": torch.from_numpy(values)}, 0).values()
    step = np.abs(values).max((1, 2, 3), keepdims=True) / 127
    assert (np.abs(found.numpy() - values) <= 0.57 * step).all()  # a step in 11 bits may be too small by 2 ** -12 of it
    stored = shorten({"x": found})
    assert stored["x"].dtype == torch.int8
    assert stored["x#step"].shape == (3, 1)


def test_encoders_and_vectors_do_not_go_into_8_bits() -> None:
    rng = np.random.default_rng(0)
    shapes = {"m.encoder.conv": (8, 8, 3, 3), "m.decoder.conv": (8, 8, 3, 3), "m.decoder.mean": (64,)}
    state = {name: torch.from_numpy(rng.normal(size=shape).astype(np.float32)) for name, shape in shapes.items()}
    stored = shorten(rounded(state, 0))
    assert {name: stored[name].dtype for name in shapes} == dict(
        zip(shapes, (torch.float16, torch.int8, torch.float32), strict=True)
    )
    assert torch.equal(stored["m.decoder.mean"], state["m.decoder.mean"])
    assert {value.dtype for value in shorten(rounded(state, 10**9)).values()} == {torch.float16, torch.float32}


@pytest.mark.parametrize("most", [0, 10**9])
def test_a_rounded_model_is_stored_short_and_stays_the_same(trained: Any, tmp_path: Path, most: int) -> None:
    model = load_model(trained.folder)
    model.networks.load_state_dict(rounded(model.networks.state_dict(), most))
    before = model.fingerprint
    save_model(model, tmp_path / "short")
    long, stored = (path / "networks.safetensors" for path in (trained.folder, tmp_path / "short"))
    assert stored.stat().st_size < 0.7 * long.stat().st_size
    loaded = load_model(tmp_path / "short")
    assert loaded.fingerprint == before != trained.model.fingerprint
    assert {p.dtype for p in loaded.networks.parameters()} == {torch.float32}


def test_weights_that_fewer_bits_do_not_hold_stay_as_they_are(trained: Any) -> None:
    stored, own = load_file(trained.folder / "networks.safetensors"), trained.model.networks.state_dict()
    assert set(stored) == set(own)
    for name, value in own.items():
        assert torch.equal(stored[name].to(value.dtype), value.cpu()), name
