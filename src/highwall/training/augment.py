"""Random changes of samples that leave their meaning, many at once, on the device that trains.

What changes a sample is drawn beforehand (`draw.py`); here is no chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional

from highwall.legend import UNKNOWN
from highwall.models.symmetry import turned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from highwall.training.decoded import Coding

Pair = tuple["Tensor", "Tensor"]
"""Reflectance `(n, band, y, x)` float32, 0 in all bands without data, and labels `(n, y, x)` int64, 255 if unknown."""


class Group(NamedTuple):
    """Samples of one size, and what becomes of them."""

    planes: Tensor
    """The samples as tiles are stored, `(n, band + 1, y, x)` uint16 or float32."""

    nodes: Tensor
    """Elastic displacements `(n, 2, row, column)` float32, as in `Draw`."""

    symmetries: tuple[int, ...]
    """Mirroring and turn of each, as in `Draw`; the turned sizes are the same for all."""

    light: Tensor
    """Factors and the like `(n, 3, band)` float32, as in `Draw`."""

    blur: Tensor
    """Shares of a blur `(n,)` float32, as in `Draw`."""


def augment(group: Group, coding: Coding, mean: Tensor) -> Pair:
    """Deform, mirror, turn, blur and light up samples, image and labels alike.

    A band that is not to be seen gets the mean reflectance `(band, 1, 1)`, which is what networks are given for a
    band that an image lacks.

    The elastic transformation is that of Simard, Steinkraus and Platt (2003), with displacements drawn on a coarse
    grid and interpolated by cubic splines instead of being smoothed by a Gaussian. Reflectance is interpolated
    linearly, labels are taken from the nearest pixel. Pixels next to ground without data lose their data and their
    label, so that no reflectance is mixed with nothing.
    """
    pixels, labels = _decode(group.planes, coding)
    if group.nodes.numel():
        pixels, labels = _deform(pixels, labels, turn(_places(group.nodes, labels.shape[-2:]), group.symmetries))
    else:
        pixels, labels = turn(pixels, group.symmetries), turn(labels, group.symmetries)
    if group.blur.any():
        pixels = _blur(pixels, group.blur)
    if group.light.numel():
        factor, addend, seen = group.light[..., None, None].unbind(1)
        valid = (pixels != 0).any(1, keepdim=True)
        pixels = torch.where(seen > 0, pixels * factor + addend, mean).masked_fill(~valid, 0)
    return pixels, labels[:, 0].long()


def assemble(pairs: Sequence[Pair]) -> Pair:
    """Make one batch of groups of any sizes; smaller samples get ground without data, unknown, below and right."""
    if len(pairs) == 1:
        return pairs[0]
    height, width = (max(labels.shape[axis] for _, labels in pairs) for axis in (1, 2))

    def padded(planes: Tensor, value: int) -> Tensor:
        return functional.pad(planes, (0, width - planes.shape[-1], 0, height - planes.shape[-2]), value=value)

    return (
        torch.cat([padded(pixels, 0) for pixels, _ in pairs]),
        torch.cat([padded(labels, UNKNOWN) for _, labels in pairs]),
    )


def turn(planes: Tensor, symmetries: Sequence[int]) -> Tensor:
    """Mirror and turn samples `(n, plane, y, x)`, each by its own symmetry."""
    if not any(symmetries):
        return planes
    return torch.stack([turned(one, symmetry) for one, symmetry in zip(planes, symmetries, strict=True)])


def _decode(planes: Tensor, coding: Coding) -> tuple[Tensor, Tensor]:
    """Return reflectance `(n, band, y, x)` and labels `(n, 1, y, x)`, both float32."""
    values = planes.to(torch.float32)
    bands, labels = values[:, :-1], values[:, -1:]
    if planes.dtype == torch.uint16:
        bands = torch.where(bands == 0, 0, (bands - 1) * coding.scale + coding.offset)
    return bands, labels


def _blur(pixels: Tensor, share: Tensor) -> Tensor:
    """Mix pixels with their mean over three by three, weighted 1 2 1; those beside ground without data stay."""
    bands = pixels.shape[1]
    line = torch.tensor([0.25, 0.5, 0.25], device=pixels.device)
    kernel = (line[:, None] * line).expand(bands, 1, 3, 3)
    smooth = functional.conv2d(functional.pad(pixels, (1, 1, 1, 1), mode="replicate"), kernel, groups=bands)
    holes = functional.max_pool2d((pixels == 0).all(1, keepdim=True).float(), 3, 1, 1) > 0
    return torch.where(holes, pixels, pixels + share[:, None, None, None] * (smooth - pixels))


def _places(nodes: Tensor, shape: Sequence[int]) -> Tensor:
    """Tell where in a sample each pixel of the deformed one comes from, `(n, 2, y, x)`, x before y, from -1 to 1."""
    height, width = shape
    fine = functional.interpolate(nodes, (height, width), mode="bicubic", align_corners=True)
    rows = torch.arange(height, device=nodes.device)[:, None]
    columns = torch.arange(width, device=nodes.device)
    x = 2 * (columns + fine[:, 1]) / max(width - 1, 1) - 1
    y = 2 * (rows + fine[:, 0]) / max(height - 1, 1) - 1
    return torch.stack([x, y], 1)


def _deform(pixels: Tensor, labels: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Take each pixel from its place; beyond the border samples are continued by their mirror image."""
    grid = places.movedim(1, -1)

    def sampled(planes: Tensor, mode: str) -> Tensor:
        return functional.grid_sample(planes, grid, mode, padding_mode="reflection", align_corners=True)

    holes = (pixels == 0).all(1, keepdim=True)
    moved = sampled(torch.cat([pixels, holes], 1), "bilinear")
    lost = moved[:, -1:] > 0
    return moved[:, :-1].masked_fill(lost, 0), sampled(labels, "nearest").masked_fill(lost, UNKNOWN)
