"""What OpenVINO's graphs leave behind, and what they hand over to PyTorch."""

from __future__ import annotations

import gc
import weakref
from threading import Thread

import numpy as np
import pytest
import torch

from highwall.models.backends import Compute, backends_on, in_torch, make_backend
from highwall.models.config import NetworkConfig
from highwall.models.networks import Networks, Normalisation, build_networks

pytestmark = pytest.mark.skipif(
    "openvino-float32" not in backends_on(torch.device("cpu")), reason="the extra cpu is not installed"
)
NAME = "openvino-float32"


def made(encoder: str, *architectures: str) -> Networks:
    torch.manual_seed(0)
    configs = {name: NetworkConfig(architecture=name, encoder=encoder) for name in architectures}
    return build_networks(configs, ("B02", "B03"), 4, Normalisation(mean=(0.1,) * 2, std=(0.1,) * 2)).eval()


@pytest.fixture(scope="module")
def networks() -> Networks:
    """U-Net and FPN with random weights."""
    return made("tu-test_efficientnet", "unet", "fpn")


@pytest.fixture(scope="module")
def compute(networks: Networks) -> Compute:
    return make_backend(NAME, networks).compute


def ground(n: int, height: int = 64, width: int = 64) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).uniform(0.01, 0.5, (n, 2, height, width)).astype(np.float32))


@torch.inference_mode()
def asked(compute: Compute, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return compute(images)


def test_networks_and_random_numbers_stay_as_they_were(networks: Networks) -> None:
    before, grads = torch.get_rng_state(), [parameter.requires_grad for parameter in networks.parameters()]
    asked(make_backend(NAME, networks).compute, ground(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert [parameter.requires_grad for parameter in networks.parameters()] == grads


def test_compiled_networks_go_with_the_last_who_uses_them(networks: Networks) -> None:
    gc.disable()
    try:
        compute = make_backend(NAME, networks).compute
        asked(compute, ground(2))
        gone = weakref.ref(compute)
        del compute
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("odd", [np.nan, np.inf, -3.4e38])
def test_what_is_no_reflectance_gets_the_answer_of_pytorch(networks: Networks, compute: Compute, odd: float) -> None:
    images = ground(2)
    images[1, 0, 30, 40] = odd
    for found, wanted in zip(asked(compute, images), asked(in_torch(networks, torch.float32), images), strict=True):
        torch.testing.assert_close(found, wanted, equal_nan=True, atol=1e-4, rtol=1e-4)
    assert not asked(compute, images)[0][:, 1].isfinite().all()


def test_no_images_have_no_answers(networks: Networks, compute: Compute) -> None:
    for found, wanted in zip(
        asked(compute, ground(0)), asked(in_torch(networks, torch.float32), ground(0)), strict=True
    ):
        assert found.shape == wanted.shape


def test_an_interrupted_call_leaves_nothing_busy(compute: Compute, monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = pytest.importorskip("openvino")
    wanted = asked(compute, ground(4, 256, 256))[0]
    start, calls = openvino.AsyncInferQueue.start_async, 0

    def interrupted(*given: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        start(*given)

    monkeypatch.setattr(openvino.AsyncInferQueue, "start_async", interrupted)
    with pytest.raises(KeyboardInterrupt):
        asked(compute, ground(4, 256, 256))
    assert torch.equal(asked(compute, ground(4, 256, 256))[0], wanted)


@pytest.mark.parametrize("name", ["torch-float32", NAME])
def test_threads_do_not_get_each_other_s_answers(networks: Networks, name: str) -> None:
    compute = make_backend(name, networks).compute
    images = [ground(3), ground(3) / 2]
    wanted = [asked(compute, given) for given in images]
    found: list[list[tuple[torch.Tensor, torch.Tensor]]] = [[], []]

    def work(number: int) -> None:
        found[number] += [asked(compute, images[number]) for _ in range(10)]

    threads = [Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answers, expected in zip(found, wanted, strict=True):
        assert len(answers) == 10
        for answer in answers:
            torch.testing.assert_close(answer, expected, atol=1e-4, rtol=1e-4)


def test_a_graph_that_holds_for_one_shape_alone_gives_way_to_pytorch() -> None:
    networks = made("tu-mobilevitv2_050", "unet")
    images = ground(2, 64, 128)
    found = asked(make_backend(NAME, networks).compute, images)
    torch.testing.assert_close(found, asked(in_torch(networks, torch.float32), images))


def test_last_batches_of_all_sizes_are_compiled_for_few_times(compute: Compute) -> None:
    """A batch of windows may hold 1 to 8 of them: on 16 cores no more is compiled than is kept."""
    from highwall.models.openvino_graph import _SHAPES, _streams  # noqa: PLC0415 - an extra

    for threads in (1, 2, 3, 4, 6, 8, 12, 16, 64):
        streams = {_streams(count, threads) for count in range(1, 9)}
        assert all(1 <= number <= threads for number in streams)
        assert len(streams) <= _SHAPES
        assert _streams(8, threads) == min(8, threads)
