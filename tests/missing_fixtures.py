"""A model that can do without some bands, as its facts say, and files that lack them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import rasterio

from highwall.models.missing import FewerBands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from highwall.models.model import Model

MEASURED = (
    FewerBands(
        ("B02", "B03", "B04"), 0.31, 0.4, (-0.15, -0.02), {"background": 0.9, "waste dump": None}, "held-out sites"
    ),
    FewerBands(("B03", "B04", "B08"), 0.35, 0.4, None, {}, "held-out sites"),
)


def with_dropout(model: Model, *measured: FewerBands, share: float = 0.5) -> Model:
    """Return the model with facts as if it had been trained with band dropout."""
    recipe = model.facts["recipe"]
    augmentation = recipe["augmentation"] | {"band_dropout": share}
    told = {"recipe": recipe | {"augmentation": augmentation}, "missing_bands": [one.to_json() for one in measured]}
    return replace(model, facts=dict(model.facts) | told)


@pytest.fixture(scope="session")
def lenient(trained: Any) -> Model:
    """The trained model, which now can do without some bands; what it costs is made up."""
    return with_dropout(trained.model, *MEASURED)


@pytest.fixture(scope="session")
def keep_bands() -> Callable[..., Path]:
    """Write an image again with some of its bands, named, in this order."""

    def keep(source: Path, target: Path, bands: Sequence[str]) -> Path:
        with rasterio.open(source) as image:
            planes = [image.descriptions.index(band) + 1 for band in bands]
            pixels, profile = image.read(planes), image.profile
        target.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(target, "w", **(profile | {"count": len(bands)})) as image:
            image.write(pixels)
            image.descriptions = tuple(bands)
        return target

    return keep
