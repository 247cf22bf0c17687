"""The reference solution, written plainly, as its authors would have: two networks, then a forest, tile by tile."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import rasterio
import segmentation_models_pytorch as smp
import torch
from sklearn.ensemble import RandomForestClassifier

from highwall.models.config import NetworkConfig
from highwall.models.forest import Forest
from highwall.models.model import FOREST, Model
from highwall.models.networks import Normalisation, build_networks
from highwall.models.quickest import choose_backend
from highwall.sentinel2 import DEFAULT_BANDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from highwall.legend import Legend

NORMALISATION = Normalisation(mean=(-1.0,) * 6, std=(2.0,) * 6)
NETWORKS = ("unet", "fpn")


@dataclass
class Reference:
    """Networks with random weights, whose speed is that of trained ones, and a forest that has learned from them."""

    unet: torch.nn.Module
    fpn: torch.nn.Module
    forest: RandomForestClassifier
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("files", "networks", "forest"), 0.0))
    """Taken so far, by stage."""

    def predict(self, images: Sequence[Path], out: Path) -> None:
        """Write the mask of every tile."""
        out.mkdir(parents=True, exist_ok=True)
        for path in images:
            with self._timed("files"):
                image, profile = read(path)
            with self._timed("networks"):
                masks = self.masks(image)
            with self._timed("forest"):
                mask = self.forest.predict(rows(image, masks)).reshape(image.shape[1:])
            with (
                self._timed("files"),
                rasterio.open(out / path.name, "w", **profile | {"count": 1, "dtype": "uint8"}) as f,
            ):
                f.write(mask.astype(np.uint8), 1)

    def masks(self, image: np.ndarray) -> list[np.ndarray]:
        """Return what each network takes every pixel for."""
        x = torch.from_numpy((image + 1) / 2)[None]
        with torch.no_grad():
            return [network(x).argmax(1)[0].numpy() for network in (self.unet, self.fpn)]

    def _timed(self, stage: str) -> _Clock:
        return _Clock(self.seconds, stage)


@dataclass
class _Clock:
    seconds: dict[str, float]
    stage: str

    def __enter__(self) -> None:
        self.begun = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.stage] += time.perf_counter() - self.begun


def read(path: Path) -> tuple[np.ndarray, dict]:
    """Read a tile's reflectance."""
    with rasterio.open(path) as file:
        return file.read().astype(np.float32) * np.float32(1e-4), file.profile


def rows(image: np.ndarray, masks: Sequence[np.ndarray]) -> np.ndarray:
    """Put bands and masks of every pixel in a row."""
    return np.concatenate([image, np.stack(masks)]).reshape(8, -1).T.astype(np.float32)


def make_reference(encoder: str, trees: int, learn_from: Sequence[Path]) -> Reference:
    """Make networks with random weights, and fit a forest on labelled tiles as the preset `0try` does."""
    torch.manual_seed(0)
    networks = [smp.create_model(name, encoder, encoder_weights=None, in_channels=6, classes=4) for name in NETWORKS]
    forest = RandomForestClassifier(trees, class_weight="balanced", random_state=0, n_jobs=-1)
    reference = Reference(*(network.eval() for network in networks), forest)
    tables, truths = [], []
    for path in learn_from:
        image, _ = read(path)
        tables.append(rows(image, reference.masks(image)))
        with rasterio.open(path.parent.parent / "masks" / path.name) as file:
            truths.append(file.read(1).ravel())
    forest.fit(np.concatenate(tables), np.concatenate(truths))
    forest.n_jobs = None
    return reference


def ours(reference: Reference, encoder: str, legend: Legend) -> Model:
    """Return a model of ours with the same networks and the same forest, as `load_model` would make it ready."""
    configs = {name: NetworkConfig(architecture=name, encoder=encoder) for name in NETWORKS}
    networks = build_networks(configs, DEFAULT_BANDS, 4, NORMALISATION)
    for name in NETWORKS:
        networks.members[name].load_state_dict(getattr(reference, name).state_dict())
    networks.eval()
    agreement = {"bfloat16": 1.0}  # random networks' classes nearly tie everywhere: those of trained ones hold
    return Model(
        networks,
        configs,
        NORMALISATION,
        DEFAULT_BANDS,
        legend,
        Forest.from_sklearn(reference.forest, (*DEFAULT_BANDS, *NETWORKS), 4),
        "masks",
        FOREST,
        backend=choose_backend(networks, agreement),
    )
