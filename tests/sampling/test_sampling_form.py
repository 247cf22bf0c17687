"""What QGIS makes of a sample, asked in a process of the Python that QGIS is installed for."""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from highwall.legend import DEFAULT_LEGEND
from highwall.sampling.draw import draw_sample

if TYPE_CHECKING:
    from collections.abc import Callable
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
layer = QgsVectorLayer(sys.argv[1] + "|layername=samples", "samples", "ogr")
fields = layer.fields()
setup = {f.name(): layer.editorWidgetSetup(fields.indexOf(f.name())) for f in fields}
settings = QgsMapSettings()
settings.setLayers([layer])
settings.setOutputSize(QSize(101, 101))
settings.setBackgroundColor(QColor(255, 255, 255))


def looks():
    settings.setExtent(next(layer.getFeatures()).geometry().buffer(4, 8).boundingBox())
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    picture = job.renderedImage()
    seen = {picture.pixelColor(x, y).name() for x in range(101) for y in range(101)}
    return [sorted(seen & {"#ff00c8", "#00823c"}), picture.pixelColor(50, 50).name()]


before = looks()
layer.startEditing()
edited = layer.changeAttributeValue(next(layer.getFeatures()).id(), fields.indexOf("reference"), "quarry pit")
saved = layer.commitChanges()
widgets = {name: s.type() for name, s in setup.items()}
choices = setup["reference"].config()["map"]
print(json.dumps({"widgets": widgets, "choices": choices, "saved": edited and saved, "looks": [before, looks()]}))
sys.stdout.flush()
os._exit(0)  # QGIS does not always end well
"""


@cache
def has_qgis() -> bool:
    try:
        return subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


def test_qgis_offers_the_classes_and_hides_what_the_map_says(make_map: Callable[..., Path], tmp_path: Path) -> None:
    if not has_qgis():
        pytest.skip(f"{PYTHON} has no QGIS (HIGHWALL_QGIS_PYTHON names another)")
    draw_sample(make_map(np.arange(400).reshape(20, 20) % 4), tmp_path / "a.gpkg", 20, spacing=0)
    environment = {"PATH": os.environ["PATH"], "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)}
    done = subprocess.run(  # noqa: S603
        [PYTHON, "-c", ASK, str(tmp_path / "a.gpkg")], capture_output=True, text=True, check=True, env=environment
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["widgets"] == {
        "fid": "Hidden", "id": "TextEdit", "stratum": "Hidden", "reference": "ValueMap", "note": "TextEdit"
    }  # fmt: skip
    values = [value for choice in answer["choices"] for value in choice.values()]
    assert values[1:] == [*DEFAULT_LEGEND.names, "unknown"]
    assert answer["saved"] is True
    ring, dot = ["#ff00c8"], ["#00823c"]
    assert answer["looks"] == [[ring, "#ffffff"], [dot, *dot]]
