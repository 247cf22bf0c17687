"""What is tried, one thing at a time, against the base."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from highwall.training.config import make_recipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from highwall.training.config import Recipe

WEIGHTS: Final = "$WEIGHTS"
"""Stands for the folder of weights in a trial's changes."""

STARTS: Final = "$STARTS"
"""Stands for the folder of what was pre-trained in a trial's changes."""

LITE0: Final = "tu-tf_efficientnet_lite0"


@dataclass(frozen=True)
class Trial:
    """Changes of the base recipe."""

    name: str
    group: str
    tries: str
    """What it tries, in words."""

    changes: tuple[str, ...] = ()
    """As `highwall train --set` has them, on top of the base's."""

    preset: str | None = None
    """A preset to take in place of the base, of which only the folds and the steps are changed."""

    steps: float = 1
    """Length as a multiple of the base's."""

    seed: int = 0
    start: str | None = None
    """Model that it goes on from: `simulated` is made beforehand, `default` is the one in the box."""

    makes: str | None = None
    """Name of encoder weights that are to be made beforehand: `inpainted`."""

    networks_of: str | None = None
    """Name of a trial whose networks it takes as they are."""

    only: str | None = None
    """Name of the one dataset that it makes sense for."""

    heavy: bool = False
    """Whether it runs only where it is named."""


def both(*settings: str) -> tuple[str, ...]:
    """Change both networks alike."""
    return tuple(f"networks.{name}.{setting}" for name in ("unet", "fpn") for setting in settings)


def _encoder(encoder: str, weights: str = "none") -> tuple[str, ...]:
    return both(f"encoder={encoder}", f"weights={weights}")


def _alone(architecture: str) -> tuple[str, ...]:
    network: dict[str, Any] = {"architecture": architecture, "encoder": LITE0, "weights": "package"}
    return (f"networks={json.dumps({architecture: network})}",)


FRAME: Final = (
    "learn_from=out_of_fold",
    "folds=4",
    "compared_folds=0",
    "fold_share=1",
    "batch=8",
    "compact=false",
    "max_pixels=2000",
    "patience=none",
    "keep=last",
    "epochs=1000000",
    "least_steps=1000000",
    "precision=auto",
)
"""What all have in common: four folds by site, networks alone, no validation on the way."""

BASE: Final = (
    *_encoder(LITE0, "package"),
    "normalisation=statistics",
    "augmentation.quarter_turns=true",
    "crop=256",
    "joint_loss=1",
    "member_loss=1",
    "rate=1e-3",
    "schedule=cosine",
)
"""The preset `default` as it was before anything here was tried, written out on top of `0try`, which never changes."""

RADIOMETRY: Final = ("augmentation.brightness=0.1", "augmentation.tint=0.1", "augmentation.offset=0.1")

ENCODER_0TRY: Final = (
    *_encoder("mit_b5"),
    "normalisation=reference",
    "augmentation.quarter_turns=false",
    "member_loss=0",
    "rate=1e-4",
    "schedule=constant",
)

TRIALS: Final[tuple[Trial, ...]] = (
    Trial("base", "base", "the base itself"),
    Trial("base-again", "base", "the base with another seed: how much is chance", seed=1000),
    Trial("reference", "reference", "the reference recipe, mit_b5 from random numbers, in crops", ENCODER_0TRY),
    Trial("reference-whole", "reference", "the same on whole tiles", (*ENCODER_0TRY, "crop=none"), heavy=True),
    Trial("default", "reference", "the preset `default` as it ships", preset="default"),
    Trial("robust", "radiometry", "normalisation by median and spread", ("normalisation=robust",)),
    Trial("minus-one", "radiometry", "normalisation of the reference, -1 and 2", ("normalisation=reference",)),
    Trial("gain-0.1", "radiometry", "random gain of all bands and of each, 10 %", RADIOMETRY[:2]),
    Trial(
        "gain-0.2",
        "radiometry",
        "the same, 20 %",
        ("augmentation.brightness=0.2", "augmentation.tint=0.2"),
    ),
    Trial("offset", "radiometry", "random offset of reflectance, up to a missing 1,000 counts", RADIOMETRY[2:]),
    Trial("haze", "radiometry", "random haze", ("augmentation.haze=0.3",)),
    Trial(
        "all-radiometry",
        "radiometry",
        "robust normalisation, gain, offset and haze",
        ("normalisation=robust", *RADIOMETRY, "augmentation.haze=0.3"),
    ),
    Trial("band-dropout", "radiometry", "bands left out at random", ("augmentation.band_dropout=0.2",)),
    Trial("indices", "radiometry", "spectral indices as further inputs", ("indices=true",), only="simulated"),
    Trial("stem", "networks", "a stem at full resolution of 16 channels", both("stem=16")),
    Trial("lite0-random", "networks", "EfficientNet-Lite0 from random numbers", _encoder(LITE0)),
    Trial(
        "lite1",
        "networks",
        "EfficientNet-Lite1, pre-trained",
        _encoder("tu-tf_efficientnet_lite1", f"{WEIGHTS}/lite1.pth"),
    ),
    Trial(
        "lite2",
        "networks",
        "EfficientNet-Lite2, pre-trained",
        _encoder("tu-tf_efficientnet_lite2", f"{WEIGHTS}/lite2.pth"),
    ),
    Trial("mit_b0", "networks", "mit_b0 from random numbers", _encoder("mit_b0")),
    Trial("mit_b0-stem", "networks", "the same with the stem", (*_encoder("mit_b0"), *both("stem=16"))),
    Trial("convnext", "networks", "ConvNeXt-Atto from random numbers", _encoder("tu-convnext_atto")),
    Trial("resnet18", "networks", "ResNet-18 from random numbers", _encoder("tu-resnet18")),
    Trial("unet-alone", "networks", "U-Net alone", _alone("unet")),
    Trial("fpn-alone", "networks", "FPN alone", _alone("fpn")),
    Trial("joint-alone", "loss", "loss of the average alone", ("member_loss=0",)),
    Trial("members-alone", "loss", "loss of each network alone: trained apart", ("joint_loss=0", "member_loss=1")),
    Trial("dice", "loss", "Dice", ("loss.cross_entropy=0", "loss.dice=1")),
    Trial("ce-dice", "loss", "cross-entropy and Dice", ("loss.dice=1",)),
    Trial("lovasz", "loss", "Lovász-softmax", ("loss.cross_entropy=0", "loss.lovasz=1")),
    Trial("ce-lovasz", "loss", "cross-entropy and Lovász-softmax", ("loss.lovasz=1",)),
    Trial("smoothing", "loss", "labels smoothed by 0.1", ("loss.smoothing=0.1",)),
    Trial("edges", "loss", "edges weigh more", ("loss.edges=1",)),
    Trial("rare", "sampling", "half of the crops around a pixel of an evenly drawn class", ("rare=0.5",)),
    Trial("paste", "sampling", "half of the crops with mine objects of another site", ("paste=0.5",)),
    Trial("crop-128", "sampling", "crops of 128, 32 a step", ("crop=128", "batch=32")),
    Trial("crop-384", "sampling", "crops of 384, 4 a step", ("crop=384", "batch=4"), only="brazil"),
    Trial("crop-448", "sampling", "crops of 448, 3 a step", ("crop=448", "batch=3"), only="brazil"),
    Trial("ema", "schedule", "moving average of the weights, decay 0.99", ("ema=0.99",)),
    Trial("constant", "schedule", "constant learning rate", ("schedule=constant",)),
    Trial("longer", "schedule", "twice the steps", steps=2),
    Trial("rate-3e-4", "schedule", "learning rate 3e-4", ("rate=3e-4",)),
    Trial("rate-3e-3", "schedule", "learning rate 3e-3", ("rate=3e-3",)),
    Trial("views", "prediction", "the base's networks asked about eight turns", ("views=8",), networks_of="base"),
    Trial(
        "from-simulated",
        "start",
        "pre-trained on simulated tiles of the same bands",
        both("weights=none"),
        start="simulated",
    ),
    Trial("from-default", "start", "goes on from the model in the box", both("weights=none"), start="default"),
    Trial(
        "from-unlabelled",
        "start",
        "encoders pre-trained without labels, on filling in what is masked in real images",
        both(f"weights={STARTS}/inpainted.safetensors"),
        makes="inpainted",
    ),
)
"""In the order in which they run, and stand in the table."""

PAID: Final[tuple[str, ...]] = ()
"""Names of the trials that paid, whose changes are then made all together."""


def together(trials: tuple[Trial, ...], names: tuple[str, ...]) -> Trial:
    """Make all changes of some trials at once."""
    parts = [find(trials, name) for name in names]
    return Trial(
        "all-that-paid",
        "together",
        " + ".join(names),
        tuple(change for part in parts for change in part.changes),
        steps=max(part.steps for part in parts),
        start=next((part.start for part in parts if part.start), None),
        makes=next((part.makes for part in parts if part.makes), None),
    )


def all_trials() -> tuple[Trial, ...]:
    """List the trials, at the end what paid."""
    return (*TRIALS, together(TRIALS, PAID)) if PAID else TRIALS


def find(trials: tuple[Trial, ...], name: str) -> Trial:
    """Find a trial by its name."""
    return next(trial for trial in trials if trial.name == name)


def changes_of(trial: Trial, steps: int, common: Sequence[str] = ()) -> tuple[str, ...]:
    """List all changes of a trial's preset.

    Args:
        trial: what is tried.
        steps: length of the base's training.
        common: changes of all trials alike, which a trial's own win over.
    """
    own = FRAME if trial.preset else (*FRAME, *BASE)
    return (*own, f"max_steps={round(steps * trial.steps)}", *common, *trial.changes)


def recipe_of(trial: Trial, changes: Sequence[str], folders: Mapping[str, str]) -> Recipe:
    """Make a trial's recipe.

    Args:
        trial: what is tried.
        changes: all changes of its preset.
        folders: what stands for `WEIGHTS` and `STARTS`.

    Raises:
        BadInput: there is no such setting.
    """
    for name, folder in folders.items():
        changes = [change.replace(name, folder) for change in changes]
    return make_recipe(trial.preset or "0try", changes)
