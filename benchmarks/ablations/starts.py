"""What some trials start from, made beforehand: on simulated tiles, or on real ones without labels."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import numpy as np
import segmentation_models_pytorch as smp
import torch
from ablations.ground import ELSEWHERE, in_likeness, open_ground, simulated
from ablations.trials import LITE0, TRIALS, find, recipe_of
from safetensors.torch import save_file
from torch.nn import functional

from highwall.files import new_file, new_folder
from highwall.models.folder import save_model
from highwall.models.model import Model
from highwall.models.networks import default_device
from highwall.models.weights import load_pretrained, pretrained
from highwall.sentinel2 import RGB
from highwall.tiles import open_dataset, read_image
from highwall.training.facts import named
from highwall.training.stages import fit_networks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ablations.ground import Ground
    from numpy.typing import NDArray
    from torch import Tensor

CROP: Final = 256
BATCH: Final = 8
BLOCK: Final = 16
"""Side in pixels of the squares that are masked."""

MASKED: Final = 0.5
"""Share of the squares that are masked."""

log = logging.getLogger("highwall")


def learn_simulated(ground: Ground, changes: tuple[str, ...], tiles: int, out: Path) -> None:
    """Train the base's networks on simulated tiles with the bands and legend of a dataset, and save the model.

    Args:
        ground: what the tiles are to be like.
        changes: the base's.
        tiles: number of simulated tiles.
        out: folder for the model, `out/model`, and the tiles.
    """
    torch.set_num_threads(1)
    plain = simulated(out / "as-simulated", tiles, ELSEWHERE)
    alike = out / "tiles"
    if not alike.exists():
        with new_folder(alike) as part:
            in_likeness(plain, ground.dataset, part)
    recipe = recipe_of(find(TRIALS, "base"), (*changes, "folds=0"), {})
    run = open_ground(alike, out / "decoded").run(recipe, out / "run", 0)
    networks = fit_networks(run)
    encoding, plan = run.dataset.encoding, run.plan
    facts = {"id": "simulated", "weights": [vars(start) for start in plan.starts]}
    model = Model(networks, named(plan.networks), plan.normalisation, encoding.bands, encoding.legend, facts=facts)
    save_model(model, out / "model")


def learn_unlabelled(ground: Ground, scenes: Path | None, steps: int, out: Path) -> None:
    """Teach a U-Net to fill in what is masked in images without labels, and save its encoder's weights.

    The images are all of the dataset's, but those of `val`, and some scenes; of the tiles that a fold holds out,
    images are looked at, labels never. The loss is the mean absolute error of normalised reflectance where it was
    masked (He et al. 2022, Masked autoencoders are scalable vision learners; Xie et al. 2022, SimMIM). Weights of the
    first layer are saved for red, green and blue, as pre-trained weights come.

    Args:
        ground: the tiles.
        scenes: folder of GeoTIFFs with at least the dataset's bands.
        steps: number of steps.
        out: a safetensors file.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    bands = ground.dataset.encoding.bands
    images = _images(ground, scenes)
    device = default_device()
    network = smp.create_model("unet", LITE0, encoder_weights=None, in_channels=len(bands), classes=len(bands))
    load_pretrained(network.encoder, pretrained(LITE0, "package"), bands)
    network = network.to(device).train()
    mean, std = (torch.tensor(v, dtype=torch.float32)[:, None, None] for v in (ground.facts.mean, ground.facts.std))
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    for step in range(steps):
        raw = torch.from_numpy(np.stack([_crop(images, rng) for _ in range(BATCH)]))
        x = ((raw - mean) / std).clamp(-10, 10).where((raw != 0).any(1, keepdim=True), 0).to(device)
        hidden = _masks(rng).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            filled = network(x * ~hidden)
        loss = functional.l1_loss(filled.float()[hidden.expand_as(x)], x[hidden.expand_as(x)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step}: {float(loss.detach()):.3f}", flush=True)
    state = {name: value.cpu().contiguous() for name, value in network.encoder.state_dict().items()}
    first = next(name for name, value in state.items() if value.ndim == 4)
    state[first] = rgb_filters(state[first], bands)
    with new_file(out) as part:
        save_file(state, part)


def rgb_filters(filters: Tensor, bands: Sequence[str]) -> Tensor:
    """Take the filters of red, green and blue out of a first layer, so that `band_aware_filters` gives them back.

    Args:
        filters: `(out, band, y, x)`.
        bands: names of the bands.

    Returns:
        Filters `(out, 3, y, x)`.
    """
    return (filters[:, [bands.index(band) for band in RGB]] * (len(bands) / 3)).contiguous()


def _images(ground: Ground, scenes: Path | None) -> list[NDArray[np.float32]]:
    """Read all images, `(band, y, x)`, with the dataset's bands."""
    bands = ground.dataset.encoding.bands
    datasets = [open_dataset(ground.dataset.root)] + ([open_dataset(scenes)] if scenes else [])
    return [
        read_image(tile.image, dataset.encoding).select(bands).pixels
        for dataset in datasets
        for tile in dataset.tiles
        if tile.split not in {"val", "closed"}
    ]


def _crop(images: list[NDArray[np.float32]], rng: np.random.Generator) -> NDArray[np.float32]:
    """Cut a square out of an image, large ones more often, turned at random; what lies beyond is 0."""
    areas = np.array([image.shape[1] * image.shape[2] for image in images])
    image = images[rng.choice(len(images), p=areas / areas.sum())]
    y, x = (int(rng.integers(max(length - CROP, 0) + 1)) for length in image.shape[1:])
    inside = image[:, y : y + CROP, x : x + CROP]
    whole = np.zeros((len(image), CROP, CROP), np.float32)
    whole[:, : inside.shape[1], : inside.shape[2]] = inside
    turned = np.rot90(whole, int(rng.integers(4)), (1, 2))
    return np.ascontiguousarray(turned[:, ::-1] if rng.random() < 0.5 else turned)


def _masks(rng: np.random.Generator) -> Tensor:
    """Draw the squares that are masked, `(n, 1, y, x)`."""
    coarse = rng.random((BATCH, 1, CROP // BLOCK, CROP // BLOCK)) < MASKED
    return torch.from_numpy(coarse.repeat(BLOCK, 2).repeat(BLOCK, 3))
