"""The rasters of a map, as Cloud Optimized GeoTIFFs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

import rasterio
import rasterio.shutil
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.windows import Window

from highwall.errors import BadInput
from highwall.legend import UNKNOWN
from highwall.mapping.engine import STEPS
from highwall.products.scratch import CLASSES, HEAD, PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from odc.geo.geobox import GeoBox

    from highwall.legend import Legend

COG: Final = {"driver": "COG", "compress": "deflate", "num_threads": "ALL_CPUS", "bigtiff": "if_safer"}
"""How GDAL writes COGs: deflate is what every GIS reads."""

APPLICABILITY: Final = "applicability"
"""Name of the band that says how far the training knows the ground."""

_ROWS: Final = 512
_FAILURES: Final = (CPLE_BaseError, RasterioError, DataSourceError, DataLayerError, FeatureError, OSError)


def write_classes(path: Path, work: Path, geobox: GeoBox, legend: Legend) -> None:
    """Write class ids as a COG: uint8, 255 where unknown, with colours and names.

    Args:
        path: the file.
        work: folder of the complete `Scratch`.
        geobox: its grid.
        legend: ids, names and colours.
    """
    colors = {**dict.fromkeys(range(256), (0, 0, 0, 0)), **legend.colormap}
    table = "".join(f'<Entry c1="{r}" c2="{g}" c3="{b}" c4="{a}"/>' for _, (r, g, b, a) in sorted(colors.items()))
    names = dict(zip(legend.ids, legend.names, strict=True))
    categories = "".join(f"<Category>{escape(names.get(n, ''))}</Category>" for n in range(max(names) + 1))
    inside = (
        f"<ColorInterp>Palette</ColorInterp><CategoryNames>{categories}</CategoryNames><ColorTable>{table}</ColorTable>"
    )
    vrt = _vrt(_raw(work / CLASSES, geobox, 1), geobox, [("class", inside)])
    _copy(vrt, path, geobox.shape[1], overview_resampling="mode")


def write_probabilities(path: Path, work: Path, geobox: GeoBox, legend: Legend, *, applicability: bool = False) -> None:
    """Write class probabilities as a COG: a uint8 band for each class, probability = value / 250, 255 no data.

    Args:
        path: the file.
        work: folder of the complete `Scratch`.
        geobox: its grid.
        legend: the classes, in the order of the bands.
        applicability: whether the scratch holds the applicability too: it becomes the last band, on the same scale.
    """
    inside = f"<Offset>0</Offset><Scale>{1 / STEPS!r}</Scale>"
    names = (*legend.names, APPLICABILITY) if applicability else legend.names
    raw = _raw(work / PROBABILITIES, geobox, len(names))
    vrt = _vrt(raw, geobox, [(name, inside) for name in names])
    _copy(vrt, path, geobox.shape[1], overview_resampling="average", level=1, predictor="standard")


def _raw(path: Path, geobox: GeoBox, bands: int) -> Path:
    """Write the header that makes GDAL read raw bytes, rows of bands of pixels."""
    height, width = geobox.shape
    path.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = {width}\nlines = {height}\nbands = {bands}\nheader offset = {len(HEAD)}\n"
        "file type = ENVI Standard\ndata type = 1\ninterleave = bil\nbyte order = 0\n",
        "ascii",
    )
    return path


def _vrt(raw: Path, geobox: GeoBox, bands: Sequence[tuple[str, str]]) -> str:
    """Describe raw bytes on a grid as a virtual dataset; `bands` are descriptions and what else a band holds."""
    height, width = geobox.shape
    where = ""
    if geobox.crs is not None:
        transform = ", ".join(repr(value) for value in geobox.affine.to_gdal())
        where = f"<SRS>{escape(geobox.crs.to_wkt())}</SRS><GeoTransform>{transform}</GeoTransform>"
    parts = [
        f'<VRTRasterBand dataType="Byte" band="{number}"><Description>{escape(name)}</Description>'
        f"<NoDataValue>{UNKNOWN}</NoDataValue>{inside}<SimpleSource>"
        f'<SourceFilename relativeToVRT="0">{escape(str(raw))}</SourceFilename><SourceBand>{number}</SourceBand>'
        "</SimpleSource></VRTRasterBand>"
        for number, (name, inside) in enumerate(bands, 1)
    ]
    return f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">{where}{"".join(parts)}</VRTDataset>'


def _copy(vrt: str, path: Path, width: int, **options: Any) -> None:
    overviews = "NONE" if width == 1 else "AUTO"  # GDAL would halve the height alone, which no validator takes
    with writing(path), rasterio.Env(GDAL_CACHEMAX=256 * 2**20):
        rasterio.shutil.copy(vrt, path, **COG, overviews=overviews, **options)
        _read_back(path)


def _read_back(path: Path) -> None:
    """Read a raster whole: GDAL says nothing where the last blocks found no room on the disk."""
    with rasterio.open(path, num_threads="all_cpus") as file:
        for top in range(0, file.height, _ROWS):
            file.read(window=Window(0, top, file.width, min(_ROWS, file.height - top)))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what GDAL says when it cannot write a file, such as that the disk is full, into `BadInput`."""
    try:
        yield
    except _FAILURES as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise BadInput(f"{path}: cannot be written ({reason}); what is done so far is kept") from None
