"""Bands that a model takes and an image lacks: what stands in for them, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from highwall.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

FACTS: Final = "missing_bands"
"""Name of the measurements among a model's facts."""


@dataclass(frozen=True)
class FewerBands:
    """What the networks' average scores with some of a model's bands alone, where the truth is known."""

    bands: tuple[str, ...]
    """The bands that are there."""

    miou: float
    """Mean IoU of the target classes, 0 to 1."""

    miou_with_all: float
    """The same with all bands, on the same pixels."""

    interval: tuple[float, float] | None
    """Of the difference to all bands, 90 %, by site; None for fewer than two sites."""

    iou: Mapping[str, float | None]
    """By class name; None where undefined."""

    measured_on: str
    """Which tiles, such as `held-out sites`."""

    @property
    def cost(self) -> str:
        """The cost in a few words."""
        return f"mIoU about {100 * self.miou:.0f} instead of {100 * self.miou_with_all:.0f}"

    def to_json(self) -> dict[str, Any]:
        """Return all fields by name."""
        interval = None if self.interval is None else list(self.interval)
        return vars(self) | {"bands": list(self.bands), "iou": dict(self.iou), "interval": interval}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Undo `to_json`.

        Raises:
            BadInput: something is missing, or is no number.
        """
        try:
            interval = document["interval"]
            return cls(
                tuple(map(str, document["bands"])),
                float(document["miou"]),
                float(document["miou_with_all"]),
                None if interval is None else (float(interval[0]), float(interval[1])),
                dict(document["iou"]),
                str(document["measured_on"]),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise BadInput(f"the model's facts of missing bands are damaged: {error!r}") from None


@dataclass(frozen=True)
class MissingBands:
    """Some bands of a model stand for all of them."""

    bands: tuple[str, ...]
    """The bands that its networks take, in order."""

    present: tuple[str, ...]
    """Those that images have, in the same order."""

    mean: tuple[float, ...]
    """Mean reflectance of the normalisation, by band of `bands`."""

    measured: FewerBands
    """What it costs: measured with the bands that are there, or with the most of them that were measured."""

    forest_counted: bool = False
    """Whether the forest's answer counts where all bands are there; it learned from them all, and isn't asked here."""

    @property
    def lacking(self) -> tuple[str, ...]:
        """The bands that images lack."""
        return tuple(band for band in self.bands if band not in self.present)

    @property
    def sentence(self) -> str:
        """Which bands are missing, and how much worse answers are, in one line."""
        are = "are" if len(self.lacking) > 1 else "is"
        alone = "" if self.measured.bands == self.present else f"with {' '.join(self.measured.bands)} alone, "
        forest = "; the networks' average counts, since the forest learned from all bands"
        return (
            f"{', '.join(self.lacking)} {are} missing: expect {self.measured.cost} "
            f"({alone}on {self.measured.measured_on} of the training)" + forest * self.forest_counted
        )

    def fill(self, reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put the mean in the place of missing bands, so that networks see exactly 0 there.

        Args:
            reflectance: `(n, band, y, x)` of the bands that are there; 0 in all of them where there is no data.

        Returns:
            The same of all bands; no data stays no data.
        """
        return fill(reflectance, self.present, self.bands, self.mean)

    def of_present(self, values: Sequence[Any]) -> list[Any]:
        """Take what belongs to the bands that are there out of something that all bands have."""
        return [value for band, value in zip(self.bands, values, strict=True) if band in self.present]

    def to_json(self) -> dict[str, Any]:
        """Return what a person should know: the bands that are missing, what is measured, and the sentence."""
        measured = self.measured.to_json()
        return {
            "bands": list(self.lacking),
            "sentence": self.sentence,
            "measured_with": measured.pop("bands"),
            **measured,
        }


def fill(
    reflectance: NDArray[np.float32], present: Sequence[str], bands: Sequence[str], mean: Sequence[float]
) -> NDArray[np.float32]:
    """Put bands in order, and the mean in the place of missing ones; arguments as for `MissingBands`."""
    count, _, height, width = reflectance.shape
    valid = (reflectance != 0).any(axis=1)
    full = np.empty((count, len(bands), height, width), np.float32)
    for number, (band, value) in enumerate(zip(bands, mean, strict=True)):
        if band in present:
            full[:, number] = reflectance[:, present.index(band)]
        else:
            full[:, number] = np.where(valid, np.float32(value), np.float32(0))
    return full


def find_missing(
    bands: Sequence[str],
    there: Sequence[str],
    mean: Sequence[float],
    facts: Mapping[str, Any],
    *,
    forest_counts: bool = False,
) -> MissingBands:
    """Tell which bands images lack, one or more, and what it costs a model to do without.

    It can do without if it was trained with band dropout, and was measured with some of the bands that are there.

    Args:
        bands: what its networks take, in order.
        there: what the images have, in any order, others included.
        mean: the normalisation's, by band of `bands`.
        facts: the model's.
        forest_counts: whether the forest's answer counts.

    Raises:
        BadInput: it cannot do without the missing bands.
    """
    present = tuple(band for band in bands if band in there)
    lacking = " ".join(band for band in bands if band not in there)
    why = f"band {lacking} is missing (there are {' '.join(there)})"
    dropout = facts.get("recipe", {}).get("augmentation", {}).get("band_dropout", 0)
    if not dropout > 0:
        raise BadInput(f"{why}, and the model was not trained with band dropout")
    known = measurements(facts)
    if not known:
        raise BadInput(f"{why}, and in training nothing told how the model fares without")
    enough = [one for one in known if set(one.bands) <= set(present)]
    if not enough:
        told = " or ".join(" ".join(one.bands) for one in known)
        raise BadInput(f"{why}, and the model needs {told} at least")
    measured = max(enough, key=lambda one: (len(one.bands), one.miou))
    return MissingBands(tuple(bands), present, tuple(mean), measured, forest_counts)


def measurements(facts: Mapping[str, Any]) -> list[FewerBands]:
    """Return what was measured in a model's training with fewer bands; nothing if it has learned from all alone.

    Raises:
        BadInput: the facts are damaged.
    """
    return [FewerBands.from_json(one) for one in facts.get(FACTS) or ()]


def card_text(facts: Mapping[str, Any]) -> str:
    """Return what a model's card says of images that lack bands; empty if it refuses them."""
    known = measurements(facts)
    if not known:
        return ""
    told = "; ".join(f"with {' '.join(one.bands)} alone expect {one.cost}" for one in known)
    return f"Images may lack bands: {told} (on {known[0].measured_on} of the training)."
