"""How a model is trained, as typed configuration, and the presets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from highwall.errors import BadInput
from highwall.models.config import Config, ForestConfig, NetworkConfig
from highwall.models.networks import STRIDE

if TYPE_CHECKING:
    from collections.abc import Sequence


class AugmentationConfig(Config):
    """What is done to a tile, anew each epoch, the same to image and labels."""

    flips: bool = True
    """Mirror left-right and up-down, each with probability one half."""

    quarter_turns: bool = False
    """Turn by 0, 90, 180 or 270 degrees, with equal probability."""

    elastic: float = Field(default=4, ge=0)
    """Standard deviation in pixels of the displacements of the elastic transformation; 0 for none."""

    elastic_scale: float = Field(default=32, gt=0)
    """About the distance in pixels over which the displacements change."""

    brightness: float = Field(default=0, ge=0)
    """Standard deviation of the logarithm of a factor on all bands: illumination, season."""

    tint: float = Field(default=0, ge=0)
    """Standard deviation of the logarithm of a factor on each band: soil, haze, calibration."""

    offset: float = Field(default=0, ge=0)
    """Most reflectance that is added to all bands of every second sample, or taken away: 0.1 for the 1,000 counts
    of a product whose offset was not applied."""

    haze: float = Field(default=0, ge=0, lt=1)
    """Most light in B02 that haze may take from the ground; longer waves are scattered less."""

    sharpness: float = Field(default=0, ge=0, le=1)
    """Most that a sample is blurred or sharpened: 1 is a binomial blur over three pixels, -1 as much the other way."""

    band_dropout: float = Field(default=0, ge=0, le=1)
    """Probability that a sample loses bands, as images do that lack them: all but red, green and blue, or any."""


class LossConfig(Config):
    """Weights of the losses; unknown pixels never count."""

    cross_entropy: float = Field(default=1, ge=0)

    dice: float = Field(default=0, ge=0)
    """Of one less the target classes' soft Dice coefficient over the batch (Milletari et al. 2016)."""

    lovasz: float = Field(default=0, ge=0)
    """Of the Lovasz extension of the Jaccard loss over the batch (Berman et al. 2018)."""

    smoothing: float = Field(default=0, ge=0, lt=1)
    """Share of each label that cross-entropy spreads over all classes."""

    edges: float = Field(default=0, ge=0)
    """How much more a pixel beside another class counts in cross-entropy."""

    @model_validator(mode="after")
    def _some(self) -> LossConfig:
        if not self.cross_entropy + self.dice + self.lovasz:
            raise ValueError("all weights of the loss are 0")
        return self


class Recipe(Config):
    """Everything that training does; a preset is one of these."""

    networks: dict[str, NetworkConfig] = Field(min_length=1)
    """Level 1, by name."""

    forest: ForestConfig = ForestConfig()
    """Level 2; of a compact one, the most that is tried."""

    compact: bool = False
    """Whether to look for the cheapest forest, of fewer trees, less depth or larger leaves, that scores within 0.2
    points of the best on sites that neither level has learned from."""

    learn_from: Literal["out_of_fold", "val"] = "out_of_fold"
    """The networks' answers that the forest is fitted on: those for tiles that they haven't seen, by
    cross-fitting over sites, or those for the validation tiles (as the reference solution does)."""

    split: Literal["site", "random"] = "site"
    """How tiles are shared out to folds (and held out for validation where there is no `val` split): whole sites, or
    tile by tile, which leaks where tiles of a site touch."""

    folds: int = Field(default=3, ge=0)
    """Number of folds for out-of-fold answers, which also calibrate, and teach to forecast; 0 for none."""

    compared_folds: int = Field(default=1, ge=0)
    """Of as many folds cut the other way, how many to train for, to tell how much a score by random folds flatters."""

    fold_share: float = Field(default=1, gt=0, le=1)
    """Length of a fold's training as a share of the main one's."""

    max_pixels: int | None = Field(default=None, ge=1)
    """Most pixels that the forest is fitted on, drawn evenly; all if None."""

    normalisation: Literal["statistics", "robust", "reference"] = "statistics"
    """Mean and standard deviation of the training tiles' reflectance, per band; its median and what is a standard
    deviation's worth of its quartiles' distance, which outliers don't move; or the reference's -1 and 2."""

    indices: bool = False
    """Whether networks see spectral indices beside the bands, as many as the bands make up."""

    augmentation: AugmentationConfig = AugmentationConfig()

    views: int = Field(default=1, ge=1, le=8)
    """How many of the square's eight symmetries networks look at when they answer; each costs as much as the first."""

    crop: int | None = Field(default=None, ge=STRIDE)
    """Side in pixels of the square cut at random out of a tile; whole tiles if None."""

    rare: float = Field(default=0, ge=0, le=1)
    """Share of the samples that are cut out around a pixel of a target class, each class equally often."""

    paste: float = Field(default=0, ge=0, le=1)
    """Share of the samples that a whole object of another tile is copied into."""

    loss: LossConfig = LossConfig()

    joint_loss: float = Field(default=1, ge=0)
    """Weight of the loss of the networks' average."""

    member_loss: float = Field(default=0, ge=0)
    """Weight of the mean of the networks' own losses."""

    ema: float = Field(default=0, ge=0, lt=1)
    """Decay by step of a moving average of the weights, which is what is validated and kept; 0 for none."""

    batch: Annotated[int, Field(ge=1)] | Literal["auto"] = 8
    """Tiles (or crops) in a step, on each device; `auto` is what keeps the device busy, found out by trying, which
    may end otherwise another time: only a run that goes on is sure of the same number."""

    rate: float = Field(default=1e-4, gt=0)
    """Highest learning rate of AdamW."""

    weight_decay: float = Field(default=1e-2, ge=0)

    schedule: Literal["constant", "cosine"] = "constant"
    """Course of the learning rate; cosine warms up over the first twentieth of the steps."""

    epochs: int = Field(default=100, ge=1)
    """Most epochs. In an epoch each tile is seen whole once, or as crops that add up to its area."""

    max_steps: int | None = Field(default=None, ge=1)
    """Most steps, counted over all epochs; as many as the epochs have if None."""

    least_steps: int = Field(default=1, ge=1)
    """Fewest steps between two validations (and checkpoints), which come at the end of an epoch."""

    patience: int | None = Field(default=10, ge=1)
    """Validations without a better loss after which training stops; None to go on to the end."""

    keep: Literal["best", "last"] = "best"
    """Which weights to keep: those with the best validation score, or the last ones of a schedule that has run out."""

    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    """Lightning's name for the number format; `auto` is bfloat16 where the machine computes in it, else float32."""

    accelerator: str = "auto"
    """Lightning's name for the kind of device."""

    devices: int | Literal["auto"] = "auto"
    """Number of devices or processes."""

    strategy: str = "auto"
    """Lightning's name for how devices share the work, such as `ddp`."""

    @model_validator(mode="after")
    def _names(self) -> Recipe:
        if reserved := {"networks", "forest"} & set(self.networks):
            raise ValueError(f"a network cannot be named {min(reserved)!r}")
        if self.folds == 1:
            raise ValueError("folds are two or more, or 0 for none")
        if not self.joint_loss + self.member_loss:
            raise ValueError("joint_loss and member_loss are both 0: nothing is learned")
        if self.rare and self.crop is None:
            raise ValueError("rare cuts samples out of tiles, and there is no crop")
        if self.compact and not self.folds:
            raise ValueError("a compact forest is chosen out of fold, and folds are 0")
        if self.compact and self.learn_from == "val":
            raise ValueError("a compact forest is chosen out of fold, and it is to learn from val")
        if self.crop is not None and self.crop % STRIDE:
            raise ValueError(f"crop must be a multiple of {STRIDE}")
        return self


def _pair(encoder: str, weights: str) -> dict[str, NetworkConfig]:
    return {name: NetworkConfig(architecture=name, encoder=encoder, weights=weights) for name in ("unet", "fpn")}


PRESETS: Final[dict[str, Recipe]] = {
    "0try": Recipe(
        networks=_pair("mit_b5", "imagenet"),
        forest=ForestConfig(answers="masks"),
        learn_from="val",
        folds=0,
        normalisation="reference",
        precision="32-true",
    ),
    "default": Recipe(
        networks=_pair("tu-tf_efficientnet_lite0", "package"),
        forest=ForestConfig(max_depth=16, min_leaf=50, balanced=False),
        compact=True,
        folds=5,
        compared_folds=5,
        max_pixels=2_000_000,
        augmentation=AugmentationConfig(quarter_turns=True),
        crop=256,
        loss=LossConfig(dice=1),
        member_loss=1,
        rate=1e-3,
        schedule="cosine",
        epochs=60,
        patience=None,
        keep="last",
    ),
    "quick": Recipe(
        networks=_pair("tu-tf_efficientnet_lite0", "package"),
        forest=ForestConfig(trees=40, max_depth=10, min_leaf=100, balanced=False),
        folds=4,
        fold_share=0.5,
        max_pixels=150_000,
        augmentation=AugmentationConfig(quarter_turns=True),
        crop=256,
        loss=LossConfig(dice=1),
        member_loss=1,
        rate=1e-3,
        schedule="cosine",
        max_steps=204,
        least_steps=30,
        patience=None,
        keep="last",
    ),
}
"""`0try` is the reference solution; `default` and `quick` are ours, for hours and for minutes."""


def make_recipe(preset: str, changes: Sequence[str] = ()) -> Recipe:
    """Take a preset and change single settings.

    Args:
        preset: name of a preset.
        changes: `key=value` with dots for what lies deeper (`networks.unet.encoder=mit_b0`); values are
            JSON, or plain text where they are no JSON.

    Raises:
        BadInput: no such preset or key, or a value that can't be.
    """
    if preset not in PRESETS:
        raise BadInput(f"no preset {preset!r}: there are {', '.join(PRESETS)}")
    document = PRESETS[preset].model_dump(mode="json")
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise BadInput(f"--set {change}: write key=value")
        _put(document, key.strip(), _value(text.strip()))
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "settings"
        raise BadInput(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None


def _put(document: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    place: Any = document
    for part in path:
        place = place.setdefault(part, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        raise BadInput(f"no setting {key!r}")
    place[last] = value


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None if text.lower() == "none" else text
