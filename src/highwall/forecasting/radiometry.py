"""Which way the reflectance of new tiles differs from that of the training tiles, and what may lie behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from highwall.sentinel2 import BANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

OFFSET: Final = 0.1
"""Reflectance of 1,000 counts: the offset of Sentinel-2 products from baseline 04.00 on."""

_ENDS: Final = {"dark": "p01", "median": "p50", "bright": "p99"}
"""Statistic of a tile behind each field of `RadiometricShift`."""

_VISIBLE: Final = 0.7
"""Micrometres, where light ends. Beyond it plants are bright, and differ more than the air does."""

_FAR: Final = 1.0
"""Micrometres, beyond which air scatters next to nothing: short-wave infrared."""

_FEW: Final = 5
"""Training tiles below which nothing is known of how far natural ground spreads."""


@dataclass(frozen=True)
class RadiometricShift:
    """New tiles minus training tiles, in reflectance by band; NaN where a side has no tile with data."""

    bands: tuple[str, ...]
    """Names of the bands."""

    dark: tuple[float, ...]
    """Shift of the dark end: of the median over tiles of their 1st percentiles."""

    median: tuple[float, ...]
    """Shift of the middle: of the median over tiles of their medians."""

    bright: tuple[float, ...]
    """Shift of the bright end: of the median over tiles of their 99th percentiles."""

    cause: str | None
    """What it looks like, in a few words; None where nothing is clear."""

    def to_json(self) -> dict[str, Any]:
        """Return the shifts by end and band, None where undefined, and the cause."""
        shifts = {
            end: {
                band: shift if np.isfinite(shift) else None
                for band, shift in zip(self.bands, getattr(self, end), strict=True)
            }
            for end in _ENDS
        }
        return {**shifts, "cause": self.cause}


def radiometric_shift(
    training: NDArray[np.float32], new: NDArray[np.float32], bands: Sequence[str], names: Sequence[str]
) -> RadiometricShift:
    """Hold the looks of new tiles against those of the training tiles, and name what may lie behind a difference.

    The rules are asked in this order, and the first that holds names the cause. They are made to say nothing rather
    than something wrong: land differs from region to region, and only what land can't do is a fault of the data.

    1. An offset of 1,000 counts, which adds 0.1 to all bands alike. The dark end is shifted by 0.07 to 0.14, by the
       same in all bands to 0.05, with what clear air scatters added or taken away (to 0.02, and no air, without
       short-wave infrared; fewer than three bands tell nothing). "Not applied": one side's dark end is 0.09 or more in
       every band, so that it has neither water nor shade in it. "Applied twice": the new dark end is negative in
       most bands, as no ground is.
    2. Air, whose light falls with wavelength (Chavez 1988, Remote Sensing of Environment 24: with its power -4 in
       very clear air to -0.5 in very hazy air) where soil's rises. The dark end, as in his dark-object subtraction, is
       shifted by 0.02 or more in the shortest band, by less and less towards red, and by less than half in short-wave
       infrared. "Another processing level": one side's dark end is below what clear air alone scatters in the
       shortest band, as no image from above the atmosphere is, the other side's is not, and the shift falls from
       there to red by more than half of what clear air's light does. Else "haze", or "clearer air", where the power
       is within Chavez's. None of them, if a dark end is below -0.03, or more than 0.1 above clear air.
    3. Ground: the largest of the shifts of NDVI (GRVI without near infrared), of NDMI, and of the medians (the median
       over bands), each in standard deviations of the training tiles. It is named from one on, where it is three
       standard errors as well, and 0.05 of an index or 0.02 of reflectance. "Brighter soil" is ground that is
       brighter, more so in the longest band than in the shortest, and not greener.

    Args:
        training: looks of the training tiles `(tile, statistic)`, NaN where unknown.
        new: looks of the new tiles, likewise.
        bands: names of the bands.
        names: names of the statistics, as `look_names` gives them.
    """
    looks = [side[np.isfinite(side).any(axis=1)].astype(float) for side in (training, new)]
    columns = [[names.index(f"{band} {what}") for band in bands] for what in _ENDS.values()]
    if not all(map(len, looks)):
        nothing = (float("nan"),) * len(bands)
        return RadiometricShift(tuple(bands), nothing, nothing, nothing, None)
    before, after = (np.median(side[:, columns], axis=0) for side in looks)
    dark, median, bright = (tuple(shift.tolist()) for shift in after - before)
    wavelengths = np.array([BANDS[band][0] for band in bands])
    order = np.argsort(wavelengths)
    ends = (before[0][order], after[0][order], wavelengths[order])
    rises = bool(median[order[-1]] >= median[order[0]])
    cause = _offset(*ends) or _air(*ends) or _ground(looks[0], looks[1], names, rises)
    return RadiometricShift(tuple(bands), dark, median, bright, cause)


def _offset(before: Floats, after: Floats, wavelengths: Floats) -> str | None:
    """Tell an offset by the dark ends of both sides, in order of wavelength."""
    if len(wavelengths) < 3:
        return None
    far = wavelengths[-1] > _FAR
    levels = (0, 1, -1) if far else (0,)
    shift = min((after - before - level * clear_air(wavelengths) for level in levels), key=np.ptp)
    size = float(np.median(shift)) / OFFSET
    if np.ptp(shift) > (0.05 if far else 0.02) or not 0.7 <= abs(size) <= 1.4:
        return None
    if size > 0 and (after >= 0.9 * OFFSET).all():
        return "an offset of about +1,000 counts (not applied)"
    if size < 0 and (before >= 0.9 * OFFSET).all():
        return "an offset of about +1,000 counts in the training tiles (not applied)"
    if size < 0 and np.median(after) < 0:
        return "an offset of -1,000 counts applied twice"
    return None


def _air(before: Floats, after: Floats, wavelengths: Floats) -> str | None:
    """Tell haze and the processing level by the dark ends of both sides, in order of wavelength."""
    red = int((wavelengths < _VISIBLE).sum()) - 1
    if red < 1:
        return None
    more = after[0] > before[0]
    shift = after - before if more else before - after
    falls = (np.diff(shift[: red + 1]) < 0.005).all() and (shift[wavelengths > _FAR] < shift[0] / 2).all()
    if not (falls and shift[0] >= 0.02 and shift[red] > 0):
        return None
    clear = clear_air(wavelengths)
    below, above = sorted((before[0], after[0]))
    if min(before.min(), after.min()) < -0.03 or above > clear[0] + OFFSET:
        return None
    if below < 0.9 * clear[0] <= above and shift[0] - shift[red] > 0.55 * (clear[0] - clear[red]):
        sides = "top of atmosphere against surface" if more else "surface against top of atmosphere"
        return f"another processing level ({sides})"
    power = np.log(shift[0] / shift[red]) / np.log(wavelengths[red] / wavelengths[0])
    if not 0.5 <= power <= 4.5:
        return None
    return "haze" if more else "clearer air"


def _ground(training: Floats, new: Floats, names: Sequence[str], rises: bool) -> str | None:
    """Tell a difference of the ground; `rises` says that the shift of the medians does, with wavelength."""
    if len(training) < _FEW:
        return None

    def change(name: str) -> tuple[float, float]:
        column = names.index(name)
        return _change(training[:, column], new[:, column])

    index = next((name for name in ("NDVI", "GRVI") if name in names), None)
    green = change(index) if index else (0.0, 0.0)
    moist = change("NDMI") if "NDMI" in names else (0.0, 0.0)
    level = np.median([change(name) for name in names if name.endswith(_ENDS["median"])], axis=0)
    brighter = "brighter soil" if rises and green[0] < 0.05 else "brighter"
    told = [
        (abs(effect), up if shift > 0 else down)
        for (shift, effect), least, up, down in (
            (green, 0.05, "greener", "less green"),
            (moist, 0.05, "moister", "drier"),
            (level, 0.02, brighter, "darker"),
        )
        if abs(shift) >= least
    ]
    error = np.sqrt(np.pi / 2 * (1 / len(training) + 1 / len(new)))  # of a difference of medians of normal values
    return max(((effect, word) for effect, word in told if effect >= max(1, 3 * error)), default=(0, None))[1]


def _change(training: Floats, new: Floats) -> tuple[float, float]:
    """Return the shift of the median, and the same in standard deviations of the training tiles; 0 if unknown."""
    training, new = (side[np.isfinite(side)] for side in (training, new))
    spread = float(training.std()) if len(training) else 0.0
    if not (len(new) and spread > 0):
        return 0.0, 0.0
    shift = float(np.median(new) - np.median(training))
    return shift, shift / spread


def clear_air(wavelengths: Floats) -> Floats:
    """Return what air without dust scatters into the view, in reflectance, at `wavelengths` in micrometres.

    Optical depth at sea level after Hansen & Travis 1974 (Space Science Reviews 16), scattered once by
    Rayleigh's law, the sun at 45 degrees, seen from the zenith: 0.06 in B02, 0.0005 in B11.
    """
    depth = 0.008569 * wavelengths**-4 * (1 + 0.0113 * wavelengths**-2 + 0.00013 * wavelengths**-4)
    cosine = np.cos(np.pi / 4)
    return np.asarray(0.75 * (1 + cosine**2) * depth / (4 * cosine))
