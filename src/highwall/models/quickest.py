"""Chooses how to compute networks: by a short measurement on the machine that is to do it."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from highwall.models.backends import PLAIN, Backend, Compute, backends_on, in_torch, make_backend

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from highwall.models.networks import Networks

VARIABLE: Final = "HIGHWALL_BACKEND"
"""Environment variable that names the backend to use instead of the fastest."""

HOLD: Final = 0.99
"""The labels of a number format hold if at least this share of all pixels gets the same as in float32."""

_WINDOWS: Final = 2
"""Windows of 256 x 256 pixels that each backend is timed on."""

_WORTH: Final = 0.005
"""Seconds that PyTorch takes for a window from which on it pays to compile the networks, which takes seconds."""

log = logging.getLogger("highwall")


@dataclass(frozen=True)
class Timing:
    """How fast a backend is, and how far its labels can be trusted."""

    backend: Backend

    seconds: float
    """That a window takes."""

    agreement: float
    """Share of pixels with the label that float32 gives, on the training's tiles where the model knows it."""

    @property
    def holds(self) -> bool:
        """Whether its labels are as good as those of float32."""
        return self.agreement >= HOLD

    def __str__(self) -> str:
        """Tell it to a person."""
        flaw = "" if self.holds else ", too few"
        return f"{self.backend.name} {1000 * self.seconds:.1f} ms a window (labels agree on {self.agreement:.2%}{flaw})"


def choose_backend(networks: Networks, agreement: Mapping[str, float]) -> Backend:
    """Return the fastest backend whose labels hold, or the one that `HIGHWALL_BACKEND` names.

    Args:
        networks: in evaluation mode, on their device.
        agreement: by number format, the share of pixels that get the label of float32, where that is known; what is
            not known is measured on artificial windows.

    Raises:
        BadInput: the variable names no backend of this machine.
    """
    if (name := os.environ.get(VARIABLE)) is not None:
        return make_backend(name, networks)
    timings = measure(networks, agreement)
    if not timings:
        return make_backend(PLAIN, networks)
    best = min((timing for timing in timings if timing.holds), key=lambda timing: timing.seconds)
    log.debug("networks: %s; %s", best.backend.name, ", ".join(map(str, timings)))
    return best.backend


def measure(networks: Networks, agreement: Mapping[str, float]) -> list[Timing]:
    """Time the backends of the networks' device that may win, the plain one first.

    OpenVINO is left out where PyTorch is quick already, and in float32 where the labels of bfloat16 hold; so is what
    can't compute these networks. There is none if they take no windows of 256 x 256 pixels.

    Args:
        networks: as for `choose_backend`.
        agreement: likewise.
    """
    windows = _artificial_windows(len(networks.mean))
    timings: list[Timing] = []
    for name in backends_on(next(networks.parameters()).device):
        if name.startswith("openvino") and min(timing.seconds for timing in timings) < _WORTH:
            break
        if name == "openvino-float32" and any(timing.holds for timing in timings[1:]):
            continue
        backend = make_backend(name, networks)
        try:
            labels = _labels(backend.compute, windows)  # compiles where something has to be compiled
        except Exception as error:  # noqa: BLE001 - encoders and libraries raise all sorts of things
            log.debug("networks: %s can't: %s", name, next(iter(str(error).splitlines()), type(error).__name__))
            if not timings:
                break
            continue
        if not timings:
            plain = labels
        same = agreement.get(backend.precision, share_alike(labels, plain))
        timings.append(Timing(backend, _seconds(backend.compute, windows), 1.0 if name == PLAIN else same))
    return timings


@torch.inference_mode()
def agreement_of(networks: Networks, images: Iterable[Tensor], precision: torch.dtype) -> float:
    """Return the share of pixels that get the same label in a number format as in float32.

    Args:
        networks: in evaluation mode, on their device.
        images: reflectance `(band, y, x)` float32 each, of any sizes; pixels without data do not count.
        precision: the number format.
    """
    plain, other = in_torch(networks, torch.float32), in_torch(networks, precision)
    alike = total = 0
    for image in images:
        valid = (image != 0).any(0)
        same = (_labels(plain, image[None]) == _labels(other, image[None]))[0].cpu() & valid
        alike, total = alike + int(same.sum()), total + int(valid.sum())
    return alike / total if total else 1.0


def share_alike(labels: Tensor, others: Tensor) -> float:
    """Return the share of pixels that two arrays of labels agree on."""
    return float((labels == others).double().mean())


@torch.inference_mode()
def _labels(compute: Compute, windows: Tensor) -> Tensor:
    return compute(windows)[0].mean(0).argmax(1)


@torch.inference_mode()
def _seconds(compute: Compute, windows: Tensor) -> float:
    """Return the seconds that a window takes: the better of two tries."""

    def run() -> float:
        begun = time.perf_counter()
        compute(windows)[0].cpu()
        return (time.perf_counter() - begun) / len(windows)

    return min(run(), run())


def _artificial_windows(bands: int) -> Tensor:
    """Make windows of ground that changes over some pixels, with noise; always the same."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(_WINDOWS, bands, 18, 18, generator=generator)
    smooth: Any = torch.nn.functional.interpolate(coarse, (256, 256), mode="bicubic")
    noise = torch.randn(smooth.shape, generator=generator)
    windows: Tensor = (0.05 + 0.3 * smooth + 0.01 * noise).clamp(min=1e-3)
    return windows
