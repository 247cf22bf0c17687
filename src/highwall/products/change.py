"""Two maps of one place: what became what."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from highwall.errors import BadInput
from highwall.files import new_folder, write_json
from highwall.products.change_grid import common_ground
from highwall.products.change_layer import write_change_polygons
from highwall.products.change_raster import compare, write_change
from highwall.products.map_folder import read_map_folder
from highwall.products.polygon_layer import MINIMUM_HA
from highwall.products.style import palette_qml
from highwall.products.transitions import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from highwall.legend import Legend
    from highwall.products.change_grid import CommonGround
    from highwall.products.map_folder import MapFolder
    from highwall.products.transitions import Transitions


@dataclass(frozen=True, eq=False)
class Change:
    """What changed between two maps, on the ground that is known in both."""

    a: MapFolder
    """The first map."""

    b: MapFolder
    """The second map."""

    ground: CommonGround
    """Where both are, and how they were aligned."""

    transitions: Transitions
    """How much of each class became each class."""

    minimum_ha: float
    """Minimum mapping unit in hectares."""

    @property
    def legend(self) -> Legend:
        """The classes of both maps."""
        return self.a.legend

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the comparison."""
        common, known = int(np.prod(self.ground.geobox.shape)), int(self.transitions.pixels.sum())
        if known == common:
            return self.ground.notes
        share = 100 * (common - known) / common
        return *self.ground.notes, f"{share:.1f} % of the common ground is unknown in one of the maps, and left out."

    def to_json(self) -> dict[str, Any]:
        """Return all that `change.json` holds: areas by class, their differences, and what became what.

        All areas are counts of pixels, uncorrected for the errors of the maps; they are NaN where the maps have no
        coordinate reference system.
        """
        pixels, hectares = self.transitions.pixels, self.transitions.hectares
        names = self.legend.names
        return {
            **{key: {"map": m.id, "date": m.date and m.date.isoformat()} for key, m in (("a", self.a), ("b", self.b))},
            "notes": list(self.notes),
            "minimum_ha": self.minimum_ha,
            "areas": "geodesic on WGS 84, on the ground known in both maps; uncorrected for the errors of the maps",
            "pixels": {"common": int(np.prod(self.ground.geobox.shape)), "known": int(pixels.sum())},
            "classes": [
                {
                    "class_id": c.id,
                    "class": c.name,
                    **{f"pixels_{key}": int(pixels.sum(axis)[i]) for key, axis in (("a", 1), ("b", 0))},
                    "uncorrected_area_a_ha": float(hectares[i].sum()),
                    "uncorrected_area_b_ha": float(hectares[:, i].sum()),
                    "uncorrected_difference_ha": float(hectares[:, i].sum() - hectares[i].sum()),
                    "uncorrected_gain_ha": float(hectares[:, i].sum() - hectares[i, i]),
                    "uncorrected_loss_ha": float(hectares[i].sum() - hectares[i, i]),
                }
                for i, c in enumerate(self.legend.classes)
            ],
            "transitions": {
                key: {one: dict(zip(names, row, strict=True)) for one, row in zip(names, matrix.tolist(), strict=True)}
                for key, matrix in (("pixels", pixels), ("uncorrected_area_ha", hectares))
            },
        }


def change(a: Path | str, b: Path | str, out: Path | str, *, minimum_ha: float = MINIMUM_HA) -> Change:
    """Compare two maps of one place, and write what changed.

    The folder `out` gets `change.tif` (`before * 16 + after` of the class ids; a COG with names and colours, and
    `change.qml` beside it), `change.gpkg` (polygons of gain and loss of each target class, styled for QGIS) and
    `change.json` (areas of the classes, and what became what). It appears when all is complete.

    Args:
        a: folder of the first map.
        b: folder of the second map, of the same legend, coordinate reference system and pixel size.
        out: folder to make; if it exists, it is empty.
        minimum_ha: minimum mapping unit in hectares; smaller polygons are flagged.

    Raises:
        BadInput: one is no map, they cannot be compared or do not overlap, `out` holds something, or the disk is full.
    """
    first, second = (read_map_folder(Path(each)) for each in (a, b))
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out} is there already and holds something: choose another folder, or remove it")
    _check_legends(first, second)
    ground = common_ground(first, second)
    with _writing(out), new_folder(out) as folder, tempfile.TemporaryDirectory(prefix=".scratch", dir=folder) as name:
        scratch = Path(name)
        compared = compare(first, second, ground, scratch)
        write_change(folder / "change.tif", scratch, first.legend)
        (folder / "change.qml").write_text(palette_qml(Code(first.legend).entries()), "utf-8")
        write_change_polygons(folder / "change.gpkg", compared, first, second, ground.geobox, minimum_ha=minimum_ha)
        result = Change(first, second, ground, compared.transitions, minimum_ha)
        write_json(folder / "change.json", result.to_json())
    return result


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except (CPLE_BaseError, RasterioError, DataSourceError, DataLayerError, FeatureError, OSError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise BadInput(f"{out}: cannot be written ({reason})") from None


def _check_legends(a: MapFolder, b: MapFolder) -> None:
    one, two = (dict(zip(m.legend.ids, m.legend.names, strict=True)) for m in (a, b))
    if one != two:
        words = (", ".join(f"{i} {name}" for i, name in legend.items()) for legend in (one, two))
        raise BadInput(f"{a.folder} and {b.folder} have different legends ({'; '.join(words)})")
