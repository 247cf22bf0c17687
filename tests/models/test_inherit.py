"""A network that starts from another: what is kept answers as it did."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from highwall.legend import Legend
from highwall.models.config import NetworkConfig
from highwall.models.inherit import inherit, inherited_normalisation
from highwall.models.model import Model
from highwall.models.networks import Networks, Normalisation, build_networks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from highwall.models.inherit import Inherited

SIX = ("B02", "B03", "B04", "B08", "B11", "B12")
MEAN = dict(zip(SIX, (0.05, 0.08, 0.1, 0.25, 0.2, 0.15), strict=True))
LEGEND = Legend()
SMALL = {"a": NetworkConfig(architecture="unet", encoder="tu-resnet18")}
KINDS = [
    NetworkConfig(architecture=architecture, encoder=encoder, stem=stem)
    for architecture, encoder, stem in product(
        ("unet", "fpn"), ("tu-tf_efficientnet_lite0", "tu-resnet18", "mit_b0"), (0, 8)
    )
]


def normalisation(bands: Sequence[str], shift: float = 0, indices: tuple[str, ...] = ()) -> Normalisation:
    mean = tuple(MEAN.get(band, 0.3) + shift for band in bands)
    return Normalisation(mean=mean, std=(0.05 + shift,) * len(bands), indices=indices)


def lived_in(networks: Networks) -> Networks:
    """Give every weight and statistic a value of its own, so that nothing is equal by chance."""
    with torch.no_grad():
        for value in networks.state_dict().values():
            if value.is_floating_point():
                value.mul_(1 + 0.2 * torch.rand_like(value))
                value.add_(torch.rand_like(value), alpha=0.01 * max(0.1, float(value.abs().mean())))
    return networks.eval()


def model(
    configs: dict[str, NetworkConfig] = SMALL,
    bands: tuple[str, ...] = SIX,
    legend: Legend = LEGEND,
    indices: tuple[str, ...] = (),
) -> Model:
    torch.manual_seed(1)
    own = normalisation(bands, indices=indices)
    networks = lived_in(build_networks(configs, bands, len(legend), own))
    return Model(networks=networks, configs=configs, normalisation=own, bands=bands, legend=legend)


def heir(
    start: Model,
    bands: Sequence[str] = SIX,
    legend: Legend = LEGEND,
    configs: dict[str, NetworkConfig] | None = None,
    indices: tuple[str, ...] = (),
) -> tuple[Networks, tuple[Inherited, ...]]:
    """Build networks for bands and legend, whose tiles have other statistics, and let them start from a model."""
    torch.manual_seed(2)
    found = inherited_normalisation(normalisation(bands, 0.02, indices), bands, start)
    configs = configs or dict(start.configs)
    networks = build_networks(configs, bands, len(legend), found)
    told = inherit(networks, configs, legend, start)
    return networks.eval(), told


def assert_alike(one: Tensor, other: Tensor) -> None:
    """Compare logits, whose rounding is a matter of their size."""
    torch.testing.assert_close(one, other, rtol=0, atol=1e-4 * float(other.abs().max()))


def reflectance(bands: int = 6) -> Tensor:
    return torch.rand((2, bands, 64, 64), generator=torch.Generator().manual_seed(3)) * 0.4 + 0.01


@torch.inference_mode()
def answer(networks: Networks, pixels: Tensor) -> Tensor:
    return networks(pixels)


@pytest.mark.parametrize("config", KINDS, ids=lambda c: f"{c.architecture}-{c.encoder}-{c.stem}")
def test_answers_stay_what_they_were(config: NetworkConfig) -> None:
    """For the same bands and legend, bands in another order, without bands at their mean, and for classes kept."""
    start = model({"a": config})
    pixels = reflectance()
    before = answer(start.networks, pixels)

    same, (told,) = heir(start)
    assert torch.equal(answer(same, pixels), before)
    assert (told.kept, told.new_bands, told.new_classes) == (told.parameters, (), ())
    assert str(told).startswith("a: 100 % of the weights kept")

    turned, (told,) = heir(start, SIX[::-1])
    assert_alike(answer(turned, pixels.flip(1)), before)
    assert told.kept == told.parameters

    few, (told,) = heir(start, ("B04", "B03", "B02"))
    filled = pixels.clone()
    for band in ("B08", "B11", "B12"):
        filled[:, SIX.index(band)] = MEAN[band]
    rgb = pixels[:, [2, 1, 0]]
    assert float((answer(start.networks, filled) - before).abs().max()) > 0.01 * float(before.abs().max())
    assert_alike(answer(few, rgb), answer(start.networks, filled))
    assert told.kept == told.parameters
    assert told.dropped_bands == ("B08", "B11", "B12")

    other = Legend.from_names({0: "ground", 3: "mine ground", 5: "tailings pond"})
    changed, (told,) = heir(start, legend=other)
    assert (told.classes, told.new_classes) == (("ground", "tailings pond"), ("mine ground",))
    if not config.stem:  # which sees the logits of all classes before it mends them
        after = answer(changed, pixels)
        assert_alike(after[:, :, [0, 2]], before[:, :, [0, 3]])
        union = before[:, :, [1, 2]].mean(2)
        assert_alike(after[:, :, 1], union)
    assert 0.9 * told.parameters < told.kept < told.parameters


def test_the_start_is_left_as_it_was() -> None:
    start = model()
    before = start.fingerprint
    networks, _ = heir(start)
    with torch.no_grad():
        for parameter in networks.parameters():
            parameter.zero_()
    assert before == replace(start).fingerprint  # of a copy, which computes it anew


def test_kept_parameters_are_those_whose_values_are_the_starts() -> None:
    start = model()
    networks, (told,) = heir(
        start, ("B02", "B03", "B04", "B8A", "B11"), Legend.from_names({0: "background", 1: "mine"})
    )
    first = networks.members["a"].get_parameter("encoder.model.conv1.weight")
    theirs = start.networks.members["a"].get_parameter("encoder.model.conv1.weight")
    assert torch.equal(first[:, [0, 1, 2, 4]], theirs[:, [0, 1, 2, 4]])
    torch.testing.assert_close(first[:, 3], theirs[:, 3] + theirs[:, 5])
    head = next(m for m in networks.members["a"].segmentation_head if isinstance(m, nn.Conv2d))
    new = first[:, 3].numel() + head.weight[1].numel() + 1
    assert told.kept == told.parameters - new
    assert (told.bands, told.new_bands, told.dropped_bands) == (("B02", "B03", "B04", "B11"), ("B8A",), ("B08", "B12"))
    assert "B02 B03 B04 B11 kept, B8A new, B08 B12 dropped" in str(told)
    assert "99.9 %" in str(told)
    assert told.to_json()["told"] == str(told)


def test_a_band_that_comes_to_the_others_changes_nothing_until_it_is_learned() -> None:
    start = model(bands=("B02", "B03", "B04"))
    more, (told,) = heir(start, SIX)
    pixels = reflectance()
    assert_alike(answer(more, pixels), answer(start.networks, pixels[:, :3]))
    assert told.new_bands == ("B08", "B11", "B12")
    more.train()(pixels).square().mean().backward()
    first = more.members["a"].get_parameter("encoder.model.conv1.weight")
    assert first.grad is not None
    assert (first.grad[:, 3:].abs().sum((0, 2, 3)) > 0).all()


@pytest.mark.parametrize("bands", [("B02", "B03", "B8A"), ("B05", "B06", "B07", "B01"), ("B04", "B03", "B05", "B06")])
def test_new_bands_take_the_place_of_dropped_ones(bands: tuple[str, ...]) -> None:
    """What all bands do together, when all change alike, stays the same."""
    start = model(bands=("B02", "B03", "B04"))
    networks, _ = heir(start, bands)
    first = "encoder.model.conv1.weight"
    before = start.networks.members["a"].get_parameter(first).sum(1)
    torch.testing.assert_close(networks.members["a"].get_parameter(first).sum(1), before)


def test_normalisation_is_the_starts_for_its_bands_and_the_tiles_for_others() -> None:
    start = model(bands=("B04", "B02"))
    found = inherited_normalisation(normalisation(("B02", "B08", "B04"), 0.02), ("B02", "B08", "B04"), start)
    assert found.mean == (MEAN["B02"], MEAN["B08"] + 0.02, MEAN["B04"])
    assert found.std == (0.05, 0.07, 0.05)


def test_indices_are_inputs_by_name_too() -> None:
    start = model(indices=("NDVI", "clay"))
    pixels = reflectance()
    before = answer(start.networks, pixels)
    same, _ = heir(start, indices=("clay", "NDVI"))
    assert_alike(answer(same, pixels), before)
    more, (told,) = heir(start, indices=("NDVI", "NDWI", "clay"))
    assert_alike(answer(more, pixels), before)  # a new index begins at nothing
    assert told.new_bands == ("NDWI",)


def test_a_stem_can_be_added_to_a_network_without_one() -> None:
    start = model()
    pixels = reflectance()
    mended, (told,) = heir(start, configs={"a": SMALL["a"].model_copy(update={"stem": 8})})
    assert torch.equal(answer(mended, pixels), answer(start.networks, pixels))
    assert 0 < told.kept < told.parameters


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"encoder": "tu-resnet34"}, "tu-resnet34"),
        ({"architecture": "fpn"}, "fpn"),
        ({"weights": "package"}, "package"),
    ],
)
def test_a_network_of_another_kind_keeps_nothing_and_says_why(change: dict[str, str], says: str) -> None:
    start = model()
    configs = {"a": SMALL["a"].model_copy(update=change)}
    bare = {name: config.model_copy(update={"weights": None}) for name, config in configs.items()}
    networks = build_networks(bare, SIX, 4, normalisation(SIX))
    before = {name: value.clone() for name, value in networks.state_dict().items()}
    (told,) = inherit(networks, configs, LEGEND, start)
    assert told.kept == 0
    assert "nothing kept" in str(told)
    assert says in str(told)
    assert all(torch.equal(value, before[name]) for name, value in networks.state_dict().items())


def test_building_to_find_axes_does_not_change_what_is_drawn_after() -> None:
    start = model({"a": NetworkConfig(architecture="linknet", encoder="tu-resnet18")})  # which no test has asked of yet
    torch.manual_seed(5)
    networks = build_networks(start.configs, SIX, 4, normalisation(SIX))
    state = torch.random.get_rng_state()
    inherit(networks, start.configs, LEGEND, start)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_start_that_does_without_bands_still_has_its_filters_for_them() -> None:
    whole = model()
    fewer = replace(whole, bands=SIX[:3])  # as `Model.for_bands` leaves it
    assert inherited_normalisation(normalisation(SIX, 1), SIX, fewer) == whole.normalisation
    networks = build_networks(SMALL, SIX, 4, whole.normalisation).eval()
    inherit(networks, SMALL, LEGEND, fewer)
    assert torch.equal(answer(networks, reflectance()), answer(whole.networks, reflectance()))
