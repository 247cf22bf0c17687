"""Networks as a graph of OpenVINO, which fuses what PyTorch computes step by step."""

from __future__ import annotations

import warnings
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import openvino
import torch
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import Tensor, nn

from highwall.models.backends import in_torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.models.backends import Compute
    from highwall.models.networks import Networks

SIDE: Final = 64
"""Images whose sides are multiples of this are computed by OpenVINO, which compiles for each shape anew, in seconds;
others, whose shapes are many, by PyTorch in the same precision."""

_SHAPES: Final = 4
"""Most shapes (and numbers of images at once) that are kept compiled."""


class OpenVinoGraph:
    """Networks compiled by OpenVINO for the CPU.

    Each image and each network is computed by itself, on a core of its own where there are several images.
    """

    def __init__(self, networks: Networks, *, bfloat16: bool) -> None:
        self._networks = networks
        self._bfloat16 = bfloat16
        self._queues = lru_cache(_SHAPES)(self._compile)

    def __call__(self, reflectance: Tensor) -> tuple[Tensor, Tensor]:
        """Compute as `highwall.models.backends.Compute` says."""
        height, width = reflectance.shape[-2:]
        if height % SIDE or width % SIDE:
            return self._torch(reflectance)
        images = reflectance.numpy()
        count, threads = len(images), torch.get_num_threads()
        if count == 1:  # its networks side by side
            queues = self._queues((height, width), 1, max(threads // len(self._models), 1))
            answers = [_start(queue, images) for queue in queues]
            _wait(queues)
        else:
            answers = []
            for queue in self._queues((height, width), min(count, threads), threads):
                answers.append(_start(queue, images))
                _wait([queue])
        logits, deepest = (
            [np.concatenate([answer[number] for answer in of_network], axis) for of_network in answers]
            for number, axis in ((0, 1), (1, 0))
        )
        return torch.from_numpy(np.concatenate(logits)), torch.from_numpy(np.concatenate(deepest, -1))

    @cached_property
    def _torch(self) -> Compute:
        return in_torch(self._networks, torch.bfloat16 if self._bfloat16 else torch.float32)

    @cached_property
    def _models(self) -> list[openvino.Model]:
        """Each network as a graph for an image of any shape."""
        return [_convert(one, len(self._networks.mean)) for one in self._networks.alone()]

    def _compile(self, shape: tuple[int, int], streams: int, threads: int) -> list[openvino.AsyncInferQueue]:
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if self._bfloat16 else "f32",
            "NUM_STREAMS": str(streams),
            "INFERENCE_NUM_THREADS": str(threads),
            "ENABLE_CPU_PINNING": "NO",  # networks side by side would be put on the same core
        }
        queues = []
        for model in self._models:
            shaped = model.clone()
            shaped.reshape([1, len(self._networks.mean), *shape])
            compiled = openvino.Core().compile_model(shaped, "CPU", settings)
            queues.append(openvino.AsyncInferQueue(compiled, streams))
        return queues


class _WithEmbedding(nn.Module):
    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.networks = networks

    def forward(self, reflectance: Tensor) -> tuple[Tensor, Tensor]:
        return self.networks.with_embedding(reflectance)


def _convert(networks: Networks, bands: int) -> openvino.Model:
    """Trace networks and make a graph of them, as openvino.convert_model does, which would tell Intel's servers."""
    module = _WithEmbedding(networks).requires_grad_(requires_grad=False)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shapes are traced as they are meant to be
        traced = torch.jit.trace(module, torch.rand(1, bands, 256, 256), check_trace=False)  # type: ignore[no-untyped-call]
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, skip_freeze=True)  # must outlive what is loaded by it
        given = frontend.load(decoder)
        (place,) = given.get_inputs()
        given.set_element_type(place, openvino.Type.f32)
        given.set_partial_shape(place, openvino.PartialShape([1, bands, -1, -1]))
        return frontend.convert(given)


def _start(queue: openvino.AsyncInferQueue, images: NDArray[np.float32]) -> list[Any]:
    """Begin to compute images, each by itself; logits and embedding of each will be in the list that is returned."""
    answers: list[Any] = [None] * len(images)

    def keep(done: openvino.InferRequest, place: int) -> None:
        answers[place] = [done.get_output_tensor(number).data.copy() for number in range(2)]

    queue.set_callback(keep)
    for place in range(len(images)):
        queue.start_async({0: images[place : place + 1]}, place)
    return answers


def _wait(queues: Sequence[openvino.AsyncInferQueue]) -> None:
    for queue in queues:
        queue.wait_all()
