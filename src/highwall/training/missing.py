"""What networks that were trained with band dropout lose where images lack bands."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from highwall.evaluation.bootstrap import paired_interval
from highwall.evaluation.confusion import confusion
from highwall.evaluation.scores import scores
from highwall.evaluation.summary import by_site
from highwall.models.answers import ask_networks
from highwall.models.backends import in_torch
from highwall.models.missing import FewerBands, fill
from highwall.training.data import read_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from highwall.models.networks import Networks
    from highwall.tiles import Tile
    from highwall.training.stages import OutOfFold, Run

log = logging.getLogger("highwall")

Bands = tuple[str, ...]

VISIBLE: Final = ("B02", "B03", "B04")
"""What a photograph has."""

INFRARED: Final = ("B03", "B04", "B08")
"""What satellites without blue light have, such as SPOT, and colour-infrared photographs."""

SHORT_WAVE: Final = ("B11", "B12")
"""What the sharpest bands of Sentinel-2 (10 m) lack, and most small satellites."""


def band_subsets(bands: Sequence[str]) -> tuple[Bands, ...]:
    """Choose the bands of a model that images may have alone: four subsets at most, in the model's order.

    Visible light; green, red and near infrared; visible light and near infrared; all but the short-wave infrared.
    Only those that are among the bands, and fewer than these.
    """
    wanted = (VISIBLE, INFRARED, (*VISIBLE, "B08"), tuple(band for band in bands if band not in SHORT_WAVE))
    fitting = (set(one) for one in wanted if one and set(one) < set(bands))
    return tuple(dict.fromkeys(tuple(band for band in bands if band in one) for one in fitting))


def measure_missing(run: Run, networks: Networks, judged: OutOfFold | None) -> tuple[FewerBands, ...]:
    """Measure what the networks' average scores with fewer bands, on tiles that it has not learned from.

    Args:
        run: the training.
        networks: those that learned from all training tiles; asked about the validation tiles where there are no folds.
        judged: the folds, whose networks are asked about the tiles that they have not learned from.

    Returns:
        The scores with each of `band_subsets`; none if training had no band dropout, there is nothing to measure on,
        or no target class occurs there.
    """
    roles = run.plan.roles
    subsets = band_subsets(run.dataset.encoding.bands)
    if not run.recipe.augmentation.band_dropout > 0 or not subsets:
        return ()
    if judged is not None:
        asked = [(fold.networks, [roles.train[n] for n in fold.held_out]) for fold in judged.folds]
        sites = [roles.sites[n] for fold in judged.folds for n in fold.held_out]
        told = "held-out sites" if run.recipe.split == "site" else "held-out tiles"
    elif roles.validation:
        asked, sites, told = [(networks, [*roles.validation])], [*roles.validation_sites], "validation tiles"
    else:
        return ()
    log.info("asking with fewer bands: %s", "; ".join(" ".join(subset) for subset in subsets))
    parts = [_matrices(run, one, tiles, subsets) for one, tiles in asked]
    matrices = {subset: np.concatenate([part[subset] for part in parts]) for subset in parts[0]}
    legend, by_place = run.dataset.encoding.legend, {}
    for subset, counts in matrices.items():
        by_place[subset] = np.stack([*by_site(counts, sites).values()])
    whole = by_place.pop(run.dataset.encoding.bands)
    full, found = scores(whole.sum(0), legend), []
    for subset, counts in by_place.items():
        here = scores(counts.sum(0), legend)
        if np.isfinite([here.miou, full.miou]).all():
            interval, iou = paired_interval(whole, counts, legend), here.to_json()["iou"]
            found.append(FewerBands(subset, here.miou, full.miou, interval, iou, told))
    return tuple(found)


def _matrices(
    run: Run, networks: Networks, tiles: Sequence[Tile], subsets: Sequence[Bands]
) -> dict[Bands, NDArray[np.int64]]:
    """Compare the average's answers for tiles with the truth, `(tile, truth, answer)`, for all bands and subsets."""
    encoding, mean, compute = run.dataset.encoding, run.plan.normalisation.mean, in_torch(networks, torch.float32)
    found: dict[Bands, list[NDArray[np.int64]]] = {subset: [] for subset in (encoding.bands, *subsets)}
    for tile in tiles:
        pixels, labels = read_sample(tile, encoding)
        for subset, matrices in found.items():
            there = pixels[None, [encoding.bands.index(band) for band in subset]]
            seen = ask_networks(compute, fill(there, subset, encoding.bands, mean), views=run.recipe.views)
            matrices.append(confusion(labels, seen.labels[0], run.classes))
    return {subset: np.stack(matrices) for subset, matrices in found.items()}
