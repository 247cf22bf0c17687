"""The networks of a model with all that is done before and after, as one function of one array."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from highwall.models.model import AVERAGE
from highwall.models.symmetry import turned, turned_back

if TYPE_CHECKING:
    from highwall.exporting.values import Values
    from highwall.models.missing import MissingBands
    from highwall.models.model import Model


class Graph(nn.Module):
    """From reflectance to the class probabilities of the networks' average, calibrated, as `Model.ask` gives them.

    The forest is not in it: its walk through trees is no arithmetic of arrays that other programs do well.
    """

    order: Tensor

    def __init__(self, model: Model, values: Values) -> None:
        """Take the parts of a model that level 1 needs.

        Args:
            model: has no bands but those of the values (see `Model.for_bands`); it is left as it is.
            values: of the rasters that come in.
        """
        super().__init__()
        self.networks = copy.deepcopy(model.networks).cpu().eval()
        self.temperature = model.temperatures.get(AVERAGE, 1)
        self.views = model.views
        self.missing = model.missing
        self.bands = model.bands
        order = [values.bands.index(band) for band in model.bands]
        self.as_is = order == list(range(len(values.bands)))
        self.register_buffer("order", torch.tensor(order), persistent=False)
        self.no_data_below = values.no_data_below if values.offset else None  # else the networks see to it

    def forward(self, reflectance: Tensor) -> Tensor:
        """Return probabilities `(n, class, y, x)` float32 for reflectance `(n, channel, y, x)` float32.

        Args:
            reflectance: bands in the raster's order, `value * scale + offset` everywhere; height and width are
                multiples of 32.
        """
        x = reflectance if self.as_is else reflectance.index_select(1, self.order)
        if self.no_data_below is not None:
            x = torch.where((x > self.no_data_below).any(1, keepdim=True), x, 0)
        if self.missing is not None:
            x = self._fill(x, self.missing)
        logits = self.networks(x)
        for symmetry in range(1, self.views):
            logits = logits + turned_back(self.networks(turned(x, symmetry)), symmetry)
        return torch.softmax(logits.mean(0) / (self.views * self.temperature), 1)

    def _fill(self, x: Tensor, missing: MissingBands) -> Tensor:
        """Do what `MissingBands.fill` does."""
        valid = (x != 0).any(1, keepdim=True)
        planes = [
            x[:, self.bands.index(band)].unsqueeze(1)
            if band in self.bands
            else torch.where(valid, torch.full_like(x[:, :1], mean), 0)
            for band, mean in zip(missing.bands, missing.mean, strict=True)
        ]
        return torch.cat(planes, 1)
