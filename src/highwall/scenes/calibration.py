"""What the counts of a band mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from highwall.sentinel2 import QUANTIFICATION

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Calibration:
    """Reflectance is `(count + add) * scale`.

    The sum comes first, since it is exact for whole numbers: a product with all counts raised by 1,000 and
    an offset of -1,000 has the same reflectance as the one without, bit for bit. Source: ESA, Sentinel-2
    Products Specification Document 14.9 (2021), `BOA_ADD_OFFSET` and `RADIO_ADD_OFFSET`.
    """

    scale: float = QUANTIFICATION
    """Reflectance per count."""

    add: float = 0.0
    """Counts added before scaling, such as -1000."""

    @classmethod
    def from_offset(cls, scale: float, offset: float) -> Calibration:
        """Make one from the usual `reflectance = count * scale + offset`."""
        add = offset / scale
        return cls(scale, float(round(add)) if abs(add - round(add)) < 1e-6 else add)

    @property
    def offset(self) -> float:
        """Reflectance at count 0."""
        return self.add * self.scale

    def reflectance(self, counts: NDArray[Any]) -> NDArray[np.float32]:
        """Turn counts of any shape into reflectance."""
        values = counts.astype(np.float32)
        if self.add:
            values += np.float32(self.add)
        values *= np.float32(self.scale)
        return values
