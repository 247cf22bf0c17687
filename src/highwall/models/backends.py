"""Ways to compute the networks: PyTorch in float32 or in half precision, or OpenVINO on a CPU."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from highwall.errors import BadInput

if TYPE_CHECKING:
    from highwall.models.networks import Networks

Compute = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From reflectance `(n, band, y, x)` float32 on the CPU to what `Networks.with_embedding` returns, on any device."""

PLAIN: Final = "torch-float32"
"""The backend that all others are held against."""

BACKENDS: Final = (PLAIN, "torch-bfloat16", "torch-float16", "openvino-float32", "openvino-bfloat16")
"""Names of library and number format."""


@dataclass(frozen=True, eq=False)
class Backend:
    """A way to compute the networks of a model."""

    name: str
    """One of `BACKENDS`."""

    compute: Compute

    @property
    def precision(self) -> str:
        """The number format."""
        return self.name.partition("-")[2]


def make_backend(name: str, networks: Networks) -> Backend:
    """Make networks, which are on their device, ready to be computed in one way.

    Raises:
        BadInput: there is no such backend, or not on this machine.
    """
    device = next(networks.parameters()).device
    if name not in BACKENDS:
        raise BadInput(f"no backend {name!r}: there are {', '.join(BACKENDS)}")
    if name not in backends_on(device):
        raise BadInput(f"the backend {name} is not to be had on this machine ({', '.join(backends_on(device))} are)")
    library, _, precision = name.partition("-")
    if library == "openvino":
        from highwall.models.openvino_graph import OpenVinoGraph  # noqa: PLC0415 - an extra

        return Backend(name, OpenVinoGraph(networks, bfloat16=precision == "bfloat16"))
    return Backend(name, in_torch(networks, getattr(torch, precision)))


def backends_on(device: torch.device) -> tuple[str, ...]:
    """Return the names of the backends that a device has instructions for, the plain one first."""
    if device.type == "cuda":
        return (PLAIN, "torch-float16")
    if device.type != "cpu":
        return (PLAIN,)
    library = ("torch", "openvino") if find_spec("openvino") else ("torch",)
    precision = ("float32", "bfloat16") if has_bfloat16() else ("float32",)
    return tuple(f"{one}-{other}" for one in library for other in precision)


def has_bfloat16() -> bool:
    """Tell whether this CPU multiplies bfloat16: elsewhere it is slower than float32."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # newer than torch 2.8
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def in_torch(networks: Networks, precision: torch.dtype) -> Compute:
    """Return networks as PyTorch computes them in a number format; normalisation stays in float32."""
    networks.eval()
    lock = Lock()  # what the encoders see would get mixed up among threads
    device = next(networks.parameters()).device
    if precision != torch.float32:
        networks = copy.deepcopy(networks)
        networks.members.to(precision)

    def compute(reflectance: Tensor) -> tuple[Tensor, Tensor]:
        if device.type == "cuda":  # pinned memory travels while the host goes on
            reflectance = reflectance.pin_memory()
        with lock:
            return networks.with_embedding(reflectance.to(device, non_blocking=True))

    return compute
