"""Networks that start from those of another model, which may know other bands and another legend."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

import torch

from highwall.models.networks import Normalisation, build_networks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from highwall.legend import Legend
    from highwall.models.config import NetworkConfig
    from highwall.models.model import Model
    from highwall.models.networks import Networks

Axis = Literal["plain", "channels", "classes"]
"""What the length of an axis of a layer's weights depends on."""

_MORE_CHANNELS: Final = 1
_MORE_CLASSES: Final = 2


@dataclass(frozen=True)
class Inherited:
    """What a network keeps of the start model's network of the same name."""

    network: str

    kept: int
    """Number of its parameters that are the start's."""

    parameters: int
    """Number of all its parameters."""

    bands: tuple[str, ...] = ()
    """Bands (and indices) whose filters in the first layer are kept."""

    new_bands: tuple[str, ...] = ()
    dropped_bands: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    """Classes whose rows in the head are kept."""

    new_classes: tuple[str, ...] = ()
    dropped_classes: tuple[str, ...] = ()
    why_not: str | None = None
    """Why nothing is kept; None where something is."""

    def __str__(self) -> str:
        """Tell it to a person, in a line."""
        if self.why_not is not None:
            return f"{self.network}: nothing kept ({self.why_not})"
        first = _told(self.bands, self.new_bands, self.dropped_bands, " ")
        head = _told(self.classes, self.new_classes, self.dropped_classes, ", ")
        share = math.floor(1000 * self.kept / self.parameters) / 10  # of what is not whole, never 100
        return f"{self.network}: {share:g} % of the weights kept (first layer: {first}; head: {head})"

    def to_json(self) -> dict[str, Any]:
        """Return all of it, and the line."""
        return {**asdict(self), "told": str(self)}


def why_not(name: str, config: NetworkConfig, start: Model) -> str | None:
    """Say why a network cannot start from a model's network of the same name; None if it can.

    Architecture and encoder have to be the same: features of one encoder mean nothing to a decoder of another.
    """
    theirs = start.configs.get(name)
    if theirs is None:
        return f"the start model has {', '.join(start.configs)} alone"
    if config.weights is not None:
        return f"its encoder is to start from {config.weights}"
    if (theirs.architecture, theirs.encoder) != (config.architecture, config.encoder):
        return f"it is {config.architecture} with {config.encoder}, the start's {theirs.architecture} {theirs.encoder}"
    return None


def inherited_normalisation(normalisation: Normalisation, bands: Sequence[str], start: Model) -> Normalisation:
    """Take the start model's mean and standard deviation for bands that it knows, and those given for the others.

    The start's filters and its batch statistics expect `(reflectance - mean) / std` with the start's own figures. With
    those of new tiles, the same ground would look otherwise to the filters that are kept. One could put the difference
    into the filters (`std_new / std_start` as a factor, the difference of means as a bias), but convolutions have no
    bias before batch normalisation, and at an image's edge zeros are no mean reflectance any more. Kept as it is, the
    network's answer before any learning is the start's, exactly.

    Args:
        normalisation: by the new tiles; its indices stay.
        bands: the new bands, in order.
        start: the model.
    """
    theirs = zip(start.normalisation.mean, start.normalisation.std, strict=True)
    known = dict(zip(start.networks.bands, theirs, strict=True))
    own = zip(normalisation.mean, normalisation.std, strict=True)
    pairs = [known.get(band, pair) for band, pair in zip(bands, own, strict=True)]
    mean, std = zip(*pairs, strict=True)
    return normalisation.model_copy(update={"mean": tuple(mean), "std": tuple(std)})


def inherit(
    networks: Networks, configs: Mapping[str, NetworkConfig], legend: Legend, start: Model
) -> tuple[Inherited, ...]:
    """Give networks the weights of a model's networks, by name and shape; what does not fit stays as it is.

    First layers take the filters of bands that both know by the bands' names, as they are. A band that is dropped is as
    one at its mean reflectance was: its filter met 0. New bands share out the filters of the dropped ones: each gets
    their sum divided by the number of new bands, so that the layer's output keeps its size when all bands change alike.
    So where none is dropped, new bands and indices begin at 0, and the network answers as the start until it learns
    what they tell. (The mean of all filters, with all scaled down, was measured too: after 3 steps at rate 1e-4, from
    three simulated bands to six, 0.1 more validation loss; after 51 steps, or at rate 1e-3, no clear difference.)

    Heads take the rows of classes that both know by the classes' names, and of the background (id 0). The row of a new
    class is the mean of those of the target classes that are dropped, or of all target classes if none is: a union such
    as "mine ground" begins as what it is a union of, and labels pull apart what begins alike.

    Args:
        networks: as they are before training, with the normalisation of `inherited_normalisation`; changed in place.
        configs: what each of them is made of.
        legend: the classes that they are to answer with.
        start: the model.

    Returns:
        What each network keeps, in order.
    """
    channels = _Match.of_channels(networks, start)
    classes = _Match.of_classes(legend, start.legend)
    told = []
    for name, config in configs.items():
        member = networks.members[name]
        reason = why_not(name, config, start)
        total = sum(parameter.numel() for parameter in member.parameters())
        if reason is not None:
            told.append(Inherited(name, 0, total, why_not=reason))
            continue
        kept = _take(member, start.networks.members[name], _axes(config), channels, classes)
        told.append(Inherited(name, kept, total, *channels.names, *classes.names))
    return tuple(told)


@dataclass(frozen=True)
class _Match:
    """Which of the start's channels, or classes, is which of the new ones."""

    source: tuple[int | None, ...]
    """Position among the start's of each new one; None where it has no such."""

    before: int
    """How many the start has."""

    parts: tuple[tuple[int, ...], ...]
    """The start's positions whose sum makes each new one that it lacks; none for zeros."""

    weight: float
    """Factor on that sum."""

    names: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    """Names of those kept, new and dropped."""

    @classmethod
    def of_channels(cls, networks: Networks, start: Model) -> _Match:
        ours = (*networks.bands, *networks.normalisation.indices)
        theirs = (*start.networks.bands, *start.normalisation.indices)
        dropped = tuple(position for position, band in enumerate(start.networks.bands) if band not in networks.bands)
        parts = tuple(dropped if channel in networks.bands else () for channel in ours)
        new = len(set(networks.bands) - set(start.networks.bands))
        source = tuple(theirs.index(channel) if channel in theirs else None for channel in ours)
        return cls(source, len(theirs), parts, 1 / max(new, 1), _names(ours, theirs, source))

    @classmethod
    def of_classes(cls, ours: Legend, theirs: Legend) -> _Match:
        source = []
        for one in ours.classes:
            same = (o for o, c in enumerate(theirs.classes) if (c.id == one.id == 0) or (one.id and c.name == one.name))
            source.append(next(same, None))
        dropped = tuple(index for index in theirs.targets if index not in source)
        parts = dropped or theirs.targets
        return cls(
            tuple(source), len(theirs), (parts,) * len(ours), 1 / len(parts), _names(ours.names, theirs.names, source)
        )

    def move(self, given: Tensor, axis: int) -> Tensor:
        """Rearrange an axis that begins with the start's channels or classes; what comes after them stays."""
        planes = given.unbind(axis)
        moved = [
            planes[position]
            if position is not None
            else sum((planes[one] for one in some), torch.zeros_like(planes[0])) * self.weight
            for position, some in zip(self.source, self.parts, strict=True)
        ]
        return torch.stack([*moved, *planes[self.before :]], axis)

    @property
    def new(self) -> int:
        """Number of those that the start lacks."""
        return self.source.count(None)


def _take(
    member: nn.Module, theirs: nn.Module, axes: Mapping[str, tuple[Axis, ...]], channels: _Match, classes: _Match
) -> int:
    """Give a network the weights of another, and count the parameters that are kept."""
    # With a stem, a network lies within another module.
    given = {name.removeprefix("base."): value.cpu() for name, value in theirs.state_dict().items()}
    parameters = {name for name, _ in member.named_parameters()}
    state, kept = member.state_dict(), 0
    for name, own in state.items():
        value = given.get(name.removeprefix("base."))
        if value is None or value.ndim != own.ndim:
            continue
        share = 1.0
        for axis, kind in enumerate(axes[name]):
            if kind != "plain":
                match = channels if kind == "channels" else classes
                if value.shape[axis] < match.before:
                    break
                value = match.move(value, axis)
                share *= 1 - match.new / value.shape[axis]
        if value.shape == own.shape:
            state[name] = value.to(own)
            kept += round(share * own.numel()) if name in parameters else 0
    member.load_state_dict(state)
    return kept


@lru_cache(maxsize=16)
def _axes(config: NetworkConfig) -> dict[str, tuple[Axis, ...]]:
    """Find out which axes of a network's weights grow with its channels and which with its classes, by building two."""
    channels, classes = 3, 2
    with torch.random.fork_rng(devices=[]):  # the weights that follow do not depend on this
        one, other = (
            _bare(config, count, number).state_dict()
            for count, number in ((channels, classes), (channels + _MORE_CHANNELS, classes + _MORE_CLASSES))
        )
    kinds: dict[int, Axis] = {0: "plain", _MORE_CHANNELS: "channels", _MORE_CLASSES: "classes"}
    return {
        name: tuple(kinds.get(more - few, "plain") for few, more in zip(one[name].shape, value.shape, strict=True))
        for name, value in other.items()
    }


def _bare(config: NetworkConfig, channels: int, classes: int) -> nn.Module:
    normalisation = Normalisation(mean=(0.0,) * channels, std=(1.0,) * channels)
    bare = config.model_copy(update={"weights": None})
    return build_networks({"one": bare}, ("",) * channels, classes, normalisation).members["one"]


def _names(
    ours: Sequence[str], theirs: Sequence[str], source: Sequence[int | None]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    kept = tuple(name for name, position in zip(ours, source, strict=True) if position is not None)
    new = tuple(name for name, position in zip(ours, source, strict=True) if position is None)
    return kept, new, tuple(name for position, name in enumerate(theirs) if position not in source)


def _told(kept: Sequence[str], new: Sequence[str], dropped: Sequence[str], between: str) -> str:
    parts = ((kept, "kept"), (new, "new"), (dropped, "dropped"))
    return ", ".join(f"{between.join(names)} {what}" for names, what in parts if names)
