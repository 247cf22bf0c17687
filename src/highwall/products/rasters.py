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
from highwall.products.overviews import Raw, mean_overviews, mode_overviews
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
    raw = _raw(work / CLASSES, geobox, 1)
    with writing(path), mode_overviews(raw) as overviews:
        _copy(_vrt([raw, *overviews], geobox, [("class", inside)]), path)


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
    with writing(path), mean_overviews(raw) as overviews:
        vrt = _vrt([raw, *overviews], geobox, [(name, inside) for name in names])
        _copy(vrt, path, level=1, predictor="standard")


def _raw(path: Path, geobox: GeoBox, bands: int) -> Raw:
    height, width = geobox.shape
    return Raw(path, (height, bands, width), len(HEAD))


def _write_header(raw: Raw) -> None:
    """Write the header that makes GDAL read raw bytes, rows of bands of pixels."""
    height, bands, width = raw.shape
    raw.path.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = {width}\nlines = {height}\nbands = {bands}\nheader offset = {raw.head}\n"
        "file type = ENVI Standard\ndata type = 1\ninterleave = bil\nbyte order = 0\n",
        "ascii",
    )


def _vrt(raws: Sequence[Raw], geobox: GeoBox, bands: Sequence[tuple[str, str]]) -> str:
    """Describe raw bytes on a grid, and their overviews, as a virtual dataset.

    Args:
        raws: the raster and its overviews; headers are written beside them.
        geobox: the raster's grid.
        bands: descriptions, and what else a band holds.
    """
    for raw in raws:
        _write_header(raw)
    height, width = geobox.shape
    where = ""
    if geobox.crs is not None:
        transform = ", ".join(repr(value) for value in geobox.affine.to_gdal())
        where = f"<SRS>{escape(geobox.crs.to_wkt())}</SRS><GeoTransform>{transform}</GeoTransform>"
    names = [f'<SourceFilename relativeToVRT="0">{escape(str(raw.path))}</SourceFilename>' for raw in raws]
    parts = []
    for number, (name, inside) in enumerate(bands, 1):
        sources = [f"{file}<SourceBand>{number}</SourceBand>" for file in names]
        overviews = "".join(f"<Overview>{source}</Overview>" for source in sources[1:])
        parts.append(
            f'<VRTRasterBand dataType="Byte" band="{number}"><Description>{escape(name)}</Description>'
            f"<NoDataValue>{UNKNOWN}</NoDataValue>{inside}<SimpleSource>{sources[0]}</SimpleSource>{overviews}"
            "</VRTRasterBand>"
        )
    return f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">{where}{"".join(parts)}</VRTDataset>'


def _copy(vrt: str, path: Path, **options: Any) -> None:
    with rasterio.Env(GDAL_CACHEMAX=256 * 2**20):
        rasterio.shutil.copy(vrt, path, **COG, overviews="FORCE_USE_EXISTING", **options)
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
