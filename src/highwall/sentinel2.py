"""What is known of Sentinel-2 bands, whatever file they come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from highwall.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

BANDS: Final[dict[str, tuple[float, int]]] = {
    "B01": (0.443, 60),
    "B02": (0.490, 10),
    "B03": (0.560, 10),
    "B04": (0.665, 10),
    "B05": (0.705, 20),
    "B06": (0.740, 20),
    "B07": (0.783, 20),
    "B08": (0.842, 10),
    "B8A": (0.865, 20),
    "B09": (0.945, 60),
    "B10": (1.375, 60),
    "B11": (1.610, 20),
    "B12": (2.190, 20),
}
"""Band name to (central wavelength in micrometres, ground sampling distance in metres).

Source: ESA, Sentinel-2 User Handbook, issue 1.2 (2015), table 1.
"""

DEFAULT_BANDS: Final = ("B02", "B03", "B04", "B08", "B11", "B12")
"""The six bands of the competition."""

RGB: Final = ("B04", "B03", "B02")
"""Red, green, blue: the bands that the filters of an ImageNet encoder were made for."""

QUANTIFICATION: Final = 1e-4
"""Reflectance per count in integer products (`QUANTIFICATION_VALUE` 10000)."""

SCL_CLOUDS: Final = frozenset({1, 3, 8, 9, 10})
"""Classes of L2A's scene classification that hide the ground: saturated or defective, cloud shadow, cloud of medium
and of high probability, thin cirrus. Source: ESA, Sentinel-2 Products Specification Document 14.9 (2021).
"""

ERA: Final = {"start_datetime": "2015-06-23T00:00:00Z", "end_datetime": "9999-12-31T23:59:59Z"}
"""From the launch of Sentinel-2A on, as STAC writes it where no date is known."""

REFLECTANCE_RANGE: Final = (-0.2, 2.0)
"""What a reflectance can be: aerosol correction undershoots zero, and snow, cloud tops and sun glint exceed one."""


def band_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return band names in their canonical spelling (`b2`, `B2` and `B02` are `B02`).

    Raises:
        BadInput: a name is no Sentinel-2 band, or occurs twice.
    """
    result = []
    for name in names:
        upper = name.strip().upper()
        canonical = f"B{upper[1:]:0>2}" if upper.startswith("B") else upper
        if canonical not in BANDS:
            raise BadInput(f"{name!r} is no Sentinel-2 band (bands are {' '.join(BANDS)})")
        result.append(canonical)
    if len(set(result)) < len(result):
        raise BadInput(f"a band is named twice: {' '.join(result)}")
    return tuple(result)
