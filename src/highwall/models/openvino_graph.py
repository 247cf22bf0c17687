"""Networks as a graph of OpenVINO, which fuses what PyTorch computes step by step."""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import cache, cached_property, lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import openvino
import torch
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from torch import Tensor, nn

from highwall.models.backends import in_torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from highwall.models.backends import Compute
    from highwall.models.networks import Networks

SIDE: Final = 64
"""Images whose sides are multiples of this are computed by OpenVINO, which compiles for each shape anew, in seconds;
others, whose shapes are many, by PyTorch in the same precision."""

_SHAPES: Final = 4
"""Most shapes (and numbers of images at once) that are kept compiled."""

_MOST: Final = 1e4
"""Images with values further from 0, or with NaN, are computed by PyTorch, whose answer shows that they are no
reflectance: it is NaN. OpenVINO would answer with numbers."""


class OpenVinoGraph:
    """Networks compiled by OpenVINO for the CPU.

    Each image and each network is computed by itself, on a core of its own where there are several images. PyTorch
    computes what OpenVINO can't. Calls from several threads wait for each other.
    """

    def __init__(self, networks: Networks, *, bfloat16: bool) -> None:
        self._networks = networks
        self._bfloat16 = bfloat16
        graphs = cache(partial(_graphs, networks))
        self._queues = lru_cache(_SHAPES)(partial(_compile, graphs, "bf16" if bfloat16 else "f32"))
        self._lock = Lock()

    def __call__(self, reflectance: Tensor) -> tuple[Tensor, Tensor]:
        """Compute as `highwall.models.backends.Compute` says."""
        images = reflectance.numpy()
        if not _fits(images):
            return self._torch(reflectance)
        count, threads = len(images), torch.get_num_threads()
        if count == 1:  # its networks side by side
            threads = max(threads // len(self._networks.members), 1)
        with self._lock:
            try:
                queues = self._queues(images.shape[-2:], _streams(count, threads), threads)
            except RuntimeError:  # the graph of some encoders has the shape in it that it was traced with
                return self._torch(reflectance)
            try:
                return _ask(queues, images)
            except BaseException:  # such as Ctrl-C, after which the queues are busy
                self._queues.cache_clear()
                with suppress(Exception):
                    _wait(queues)
                raise

    @cached_property
    def _torch(self) -> Compute:
        return in_torch(self._networks, torch.bfloat16 if self._bfloat16 else torch.float32)


def _fits(images: NDArray[np.float32]) -> bool:
    """Tell whether images are what OpenVINO is asked about."""
    if not len(images) or images.shape[-2] % SIDE or images.shape[-1] % SIDE:
        return False
    return bool(images.min() >= -_MOST and images.max() <= _MOST)  # false where there is NaN


def _streams(count: int, threads: int) -> int:
    """Return how many of some images are computed at once; few numbers, since each means compiling anew."""
    if count == 1 or count >= threads:
        return min(count, threads)
    return 1 << (count.bit_length() - 1)


def _graphs(networks: Networks) -> list[openvino.Model]:
    """Return each network as a graph for an image of any shape."""
    return [_convert(one, len(networks.mean)) for one in networks.alone()]


def _compile(
    graphs: Callable[[], list[openvino.Model]], precision: str, shape: tuple[int, int], streams: int, threads: int
) -> list[openvino.AsyncInferQueue]:
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "NUM_STREAMS": str(streams),
        "INFERENCE_NUM_THREADS": str(threads),
        "ENABLE_CPU_PINNING": "NO",  # networks side by side would be put on the same core
    }
    queues = []
    for graph in graphs():
        shaped = graph.clone()
        shaped.reshape([1, graph.input().partial_shape[1].get_length(), *shape])
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
    module = _WithEmbedding(networks)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shapes are traced as they are meant to be
        traced = torch.jit.trace(module, torch.zeros(1, bands, 256, 256), check_trace=False)  # type: ignore[no-untyped-call]
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, skip_freeze=True)  # must outlive what is loaded by it
        given = frontend.load(decoder)
        (place,) = given.get_inputs()
        given.set_element_type(place, openvino.Type.f32)
        given.set_partial_shape(place, openvino.PartialShape([1, bands, -1, -1]))
        return frontend.convert(given)


def _ask(queues: Sequence[openvino.AsyncInferQueue], images: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
    """Compute images by each network, all networks at once for one image, and one after the other for several."""
    answers = []
    for queue in queues:
        answers.append(_start(queue, images))
        if len(images) > 1:
            queue.wait_all()
    _wait(queues)
    logits, deepest = (
        [np.concatenate([answer[number] for answer in of_network], axis) for of_network in answers]
        for number, axis in ((0, 1), (1, 0))
    )
    return torch.from_numpy(np.concatenate(logits)), torch.from_numpy(np.concatenate(deepest, -1))


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
