"""What the QGIS plugin Deepness reads in a file, and how it hands pixels over.

Looked up in its code (PUTvision/qgis-plugin-deepness 0.6.5, commit f450c63: `processing/models/model_base.py`,
`preprocessing_utils.py`, `deepness_dockwidget.py`) and run with it in QGIS 3.22 and onnxruntime 1.17: labels are ours.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.exporting.values import Values
    from highwall.legend import Legend

DIVISOR: Final = 255.0
"""The plugin divides every value by this, of whatever type it is."""

RESOLUTION: Final = 1000
"""Ground sampling distance that the networks know, in centimetres."""

OVERLAP: Final = 25
"""How much of a tile its neighbours show as well, in per cent: 64 of 256 pixels, as in `map_scene`."""


@dataclass(frozen=True)
class Standardisation:
    """`(value / 255 - mean) / std`, which the plugin does to each channel, with numbers that the file tells."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def to_reflectance(cls, values: Values) -> Self:
        """Choose the numbers that make reflectance of a raster's values: the division by 255 is undone here."""
        count = len(values.bands)
        return cls(
            (0.0 - values.offset / values.scale / DIVISOR,) * count,
            (1 / values.scale / DIVISOR,) * count,
        )

    def prepare(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Do to values `(n, channel, y, x)` what the plugin does, number by number."""
        shares = np.float32(values * 1.0 / DIVISOR)
        mean, std = (np.array(numbers, np.float32)[:, None, None] for numbers in (self.mean, self.std))
        prepared: NDArray[np.float32] = (shares - mean) / std
        return prepared


def settings(values: Values, legend: Legend, size: int) -> dict[str, str]:
    """Return what the plugin reads in a file's metadata, each value as JSON.

    Class names go by index, since it takes gaps in their numbers for an error. There is no threshold, below which it
    would take pixels for the first class, and no filter over its answers, so that labels are those of the highest
    probability, as ours.

    Args:
        values: of the rasters that it will be shown.
        legend: classes of the probabilities.
        size: height and width of a tile in pixels.
    """
    standardisation = Standardisation.to_reflectance(values)
    table = {
        "model_type": "Segmentor",
        "class_names": {str(index): name for index, name in enumerate(legend.names)},
        "resolution": RESOLUTION,
        "tile_size": size,
        "tiles_size": size,  # the name in its documentation; its code reads the other
        "tiles_overlap": OVERLAP,
        "standardization_mean": standardisation.mean,
        "standardization_std": standardisation.std,
        "seg_thresh": 0.0,
        "seg_small_segment": 0,
    }
    return {key: json.dumps(value) for key, value in table.items()}
