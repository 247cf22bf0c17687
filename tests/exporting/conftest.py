"""Small models to export: a trained one, and one of a few weights that is exported in no time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from highwall.exporting import Exported, export_onnx
from highwall.legend import Legend
from highwall.models.model import Model
from highwall.models.networks import Networks, Normalisation

if TYPE_CHECKING:
    from collections.abc import Callable

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")


class Small(nn.Module):
    """A network of two convolutions, one of them its encoder, that looks around."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.encoder = Halving(channels)
        self.head = nn.Conv2d(8, classes, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.head(nn.functional.interpolate(self.encoder(x)[-1], scale_factor=2.0, mode="bilinear"))


class Halving(nn.Module):
    """An encoder of one stage."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stage = nn.Sequential(nn.Conv2d(channels, 8, 5, stride=2, padding=2), nn.ReLU())

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps of all stages."""
        return [x, self.stage(x)]


@pytest.fixture(scope="session")
def small() -> Callable[..., Model]:
    """Make a model of two small networks with random weights."""

    def make(indices: tuple[str, ...] = (), legend: Legend | None = None, **others: Any) -> Model:
        legend = legend or Legend()
        torch.manual_seed(0)
        mean, std = (0.12, 0.11, 0.1, 0.17, 0.16, 0.11), (0.04, 0.05, 0.06, 0.11, 0.12, 0.09)
        normalisation = Normalisation(mean=mean, std=std, indices=indices)
        members = {name: Small(len(BANDS) + len(indices), len(legend)) for name in ("one", "other")}
        networks = Networks(members, BANDS, normalisation).eval()
        return Model(networks, {}, normalisation, BANDS, legend, **others)

    return make


@pytest.fixture(scope="session")
def exported(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The trained model as ONNX: two networks, whose average has a temperature, and a forest whose answer counts."""
    model = replace(trained.model, temperatures={"networks": 1.7}, final="forest")
    return export_onnx(model, tmp_path_factory.mktemp("onnx") / "trained.onnx", size=64)
