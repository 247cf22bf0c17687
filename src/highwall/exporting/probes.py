"""Images that a file is tried on: simulated mines, and ground as the model's statistics have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from highwall.exporting.values import LEAST
from highwall.sentinel2 import BANDS, DEFAULT_BANDS
from highwall.simulation import AWAY, HOME, draw_site, render_site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.models.model import Model


def probes(model: Model, bands: Sequence[str], shape: tuple[int, int], seed: int = 0) -> NDArray[np.float32]:
    """Make images whose classes differ, and that reach further than most ground does.

    Args:
        model: whose statistics of reflectance count.
        bands: the bands wanted, in order; those that the simulation lacks look like their neighbours in wavelength.
        shape: height and width.
        seed: decides every pixel.

    Returns:
        Reflectance `(3, band, y, x)`: two sites with a mine, at home and far away, and fields of random values
        with the normalisation's mean and standard deviation; a corner of each is no data, 0 in all bands.
    """
    rng = np.random.default_rng(seed)
    nearest = [min(DEFAULT_BANDS, key=lambda one: abs(BANDS[one][0] - BANDS[band][0])) for band in bands]
    places = [DEFAULT_BANDS.index(band) for band in nearest]
    images = [render_site(draw_site(rng, region, ((0.5, 0.5),)), shape)[0].pixels[places] for region in (HOME, AWAY)]
    images.append(_fields(rng, *_statistics(model, bands), shape))
    pixels = np.stack(images).astype(np.float32)
    pixels[:, :, : shape[0] // 4, : shape[1] // 6] = 0
    return pixels


def _statistics(model: Model, bands: Sequence[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return mean and standard deviation by band; of bands that the networks don't take, the mean over all bands."""
    known = dict(
        zip(model.networks.bands, zip(model.normalisation.mean, model.normalisation.std, strict=True), strict=True)
    )
    others = tuple(np.mean(list(known.values()), axis=0))
    mean, std = np.array([known.get(band, others) for band in bands]).T[..., None, None]
    return mean, std


def _fields(
    rng: np.random.Generator, mean: NDArray[Any], std: NDArray[Any], shape: tuple[int, int]
) -> NDArray[np.floating[Any]]:
    """Draw smooth fields, most of which the bands share, with patches of sharp edges on them."""
    smooth = ndimage.gaussian_filter(rng.standard_normal((len(mean) + 1, *shape)), (0, 4, 4))
    smooth /= smooth.std(axis=(1, 2), keepdims=True)
    patches = np.round(1.5 * smooth[-1])
    fields: NDArray[np.floating[Any]] = np.maximum(mean + std * (0.5 * smooth[:-1] + patches), LEAST)
    return fields
