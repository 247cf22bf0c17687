"""What QGIS makes of the styles, asked in a process of the Python that QGIS is installed for."""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from highwall.legend import DEFAULT_LEGEND
from highwall.products.labels import Labels, Provenance
from highwall.products.polygon_layer import write_polygons
from highwall.products.style import classes_qml

if TYPE_CHECKING:
    from pathlib import Path

PYTHON: Final = os.environ.get("HIGHWALL_QGIS_PYTHON", "/usr/bin/python3")
ASK: Final = """
import json, os, sys
from qgis.core import *
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

QgsApplication.setPrefixPath("/usr", True)
application = QgsApplication([], False)
application.initQgis()
layer = QgsVectorLayer(sys.argv[1] + "|layername=polygons", "polygons", "ogr")
raster = QgsRasterLayer(sys.argv[2], "classes")
raster.loadNamedStyle(sys.argv[3])
renderer, palette = layer.renderer(), raster.renderer()
categories = [[c.value(), c.label(), c.symbol().color().getRgb()] for c in renderer.categories()]
classes = [[c.value, c.label, c.color.getRgb()] for c in palette.classes()]
settings = QgsMapSettings()
settings.setLayers([layer])
settings.setExtent(layer.extent())
settings.setOutputSize(QSize(200, 200))
settings.setBackgroundColor(QColor(255, 255, 255))
job = QgsMapRendererParallelJob(settings)
job.start()
job.waitForFinished()
picture = job.renderedImage()
outlines = [
    [min(picture.pixelColor(x + off, y).lightness() for off in range(-3, 4)) for y in range(20, 180)] for x in (80, 120)
]
corners = [picture.pixelColor(*at).getRgb() for at in ((40, 100), (160, 100))]
answer = {"type": renderer.type(), "categories": categories, "palette": palette.type(), "classes": classes}
print(json.dumps(answer | {"crs": layer.crs().authid(), "pixels": corners, "outlines": outlines}))
sys.stdout.flush()
os._exit(0)  # QGIS does not always end well
"""


@cache
def has_qgis() -> bool:
    try:
        return subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


def test_qgis_opens_the_map_in_the_colours_of_the_legend(tmp_path: Path) -> None:
    if not has_qgis():
        pytest.skip(f"{PYTHON} has no QGIS (HIGHWALL_QGIS_PYTHON names another)")
    classes = np.zeros((20, 20), np.uint8)
    classes[:, :8], classes[:, 12:] = 1, 3
    geobox = GeoBox(classes.shape, Affine(10, 0, 500_000, 0, -10, 7_500_000), "EPSG:32723")
    applicability = np.full(classes.shape, 250, np.uint8)
    applicability[:, 12:] = 50
    labels = Labels(classes, None, geobox, DEFAULT_LEGEND, applicability)
    write_polygons(tmp_path / "a.gpkg", labels, Provenance("s", None, "m"))
    (tmp_path / "a.qml").write_text(classes_qml(DEFAULT_LEGEND), "utf-8")
    shape = {"height": 20, "width": 20, "count": 1, "dtype": "uint8", "crs": "EPSG:32723"}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", transform=geobox.affine, **shape) as file:
        file.write(classes, 1)
    paths = [str(tmp_path / name) for name in ("a.gpkg", "a.tif", "a.qml")]
    environment = {"PATH": os.environ["PATH"], "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)}
    done = subprocess.run([PYTHON, "-c", ASK, *paths], capture_output=True, text=True, check=True, env=environment)  # noqa: S603
    answer: dict[str, Any] = json.loads(done.stdout)
    targets = [DEFAULT_LEGEND.classes[index] for index in DEFAULT_LEGEND.targets]
    assert (answer["type"], answer["palette"], answer["crs"]) == ("categorizedSymbol", "paletted", "EPSG:32723")
    assert answer["categories"] == [[c.name, c.name, [*c.color, 128]] for c in targets]
    solid, dashed = (np.array(lightness) for lightness in answer["outlines"])
    assert np.ptp(solid) < 5
    assert np.ptp(dashed) > 50  # outside of the training experience
    assert answer["classes"] == [[c.id, c.name, [*c.color, 255 if c.id else 0]] for c in DEFAULT_LEGEND.classes]
    for pixel, index in zip(answer["pixels"], (1, 3), strict=True):
        half = (np.array(DEFAULT_LEGEND.classes[index].color) + 255) / 2  # half transparent on white
        np.testing.assert_allclose(pixel[:3], half, atol=2)
