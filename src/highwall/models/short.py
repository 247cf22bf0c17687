"""Weights in fewer bits: rounded on demand, stored so wherever that loses nothing, loaded into 32 bits again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_STEP: Final = "#step"
"""Follows the name of weights in 8 bits, for what one count of each output channel is worth."""

_LARGE: Final = 100_000
"""Least number of weights worth 8 bits."""

_COUNTS: Final = 127
"""Highest count in 8 bits."""


def rounded(state: Mapping[str, Tensor], most: int) -> dict[str, Tensor]:
    """Round weights to what 16 bits hold, and large ones outside of encoders to 8 where that is still too much.

    Encoders' answers hang on every layer before; decoders take 8 bits well (see docs/training.md). Vectors, which are
    statistics of batches, scales and biases, stay as they are: they take little room, and move whole channels.

    Args:
        state: tensors by name, as of `Networks.state_dict()`.
        most: bytes that the file of them may take.

    Returns:
        The same names, shapes and dtypes.
    """
    short = {name: _in_16_bits(value) for name, value in state.items()}
    if sum(value.nbytes for value in shorten(short).values()) <= most:
        return short
    large = {name for name, value in short.items() if _is_large(value) and ".encoder." not in name}
    return {name: _in_8_bits(state[name]) if name in large else value for name, value in short.items()}


def shorten(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put tensors into the fewest bits that hold them exactly, 8 or 16; others stay."""
    stored: dict[str, Tensor] = {}
    for name, value in state.items():
        if not value.is_floating_point():
            stored[name] = value
        elif _is_large(value) and _same(_in_8_bits(value), value):
            step = _steps(value)
            stored[name] = (value.flatten(1) / step).round().to(torch.int8).view_as(value)
            stored[name + _STEP] = step
        else:
            half = value.half()
            stored[name] = half if _same(half.to(value.dtype), value) else value
    return stored


def lengthen(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo `shorten`, into 32 bits."""
    state = {}
    for name, value in stored.items():
        if name.endswith(_STEP):
            continue
        step = stored.get(name + _STEP)
        if step is not None:
            state[name] = (value.flatten(1).float() * step).view_as(value)
        else:
            state[name] = value.float() if value.dtype == torch.float16 else value
    return state


def _is_large(value: Tensor) -> bool:
    return value.ndim > 1 and value.numel() >= _LARGE


def _in_16_bits(value: Tensor) -> Tensor:
    if value.ndim < 2 or not value.is_floating_point():
        return value
    short = value.half().to(value.dtype)
    return short if bool(short.isfinite().all()) else value


def _in_8_bits(value: Tensor) -> Tensor:
    step = _steps(value)
    counts = (value.flatten(1) / step).round().clamp(-_COUNTS, _COUNTS) + 0.0  # whole numbers know no -0
    return (counts * step).view_as(value)


def _same(a: Tensor, b: Tensor) -> bool:
    """Tell whether two tensors are the same bit by bit, as a fingerprint sees them."""
    return torch.equal(a, b) and torch.equal(a.signbit(), b.signbit())


def _steps(value: Tensor) -> Tensor:
    """Return the step of each output channel, `(channel, 1)`.

    It has 11 bits, so that its products with counts of 7 bits are exact, and the highest gives the step again.
    """
    mantissa, exponent = torch.frexp(value.flatten(1).abs().amax(1, keepdim=True) / _COUNTS)
    step = torch.ldexp((mantissa * 2**11).round() / 2**11, exponent)
    return torch.where((step > 0) & step.isfinite(), step, torch.ones_like(step))
