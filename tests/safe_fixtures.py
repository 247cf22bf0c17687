"""Small SAFE products with true files in them."""

from __future__ import annotations

import io
import os
import re
import threading
import zipfile
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

RESOLUTIONS = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B01": 60, "B09": 60, "B10": 60}
"""Pixel size in metres of the bands that don't have 20."""

BAND_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")

CORNER = (300000, 6700020)
"""Upper left corner in EPSG:32601."""

PRODUCT = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{level}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{level}.xsd">
  <n1:General_Info>
    <Product_Info>
      <PRODUCT_START_TIME>2020-09-14T23:15:59.024Z</PRODUCT_START_TIME>
      <PRODUCT_URI>{name}.SAFE</PRODUCT_URI>
      <PROCESSING_LEVEL>Level-{level}</PROCESSING_LEVEL>
      <PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
      <Datatake datatakeIdentifier="GS2B"><SPACECRAFT_NAME>Sentinel-2B</SPACECRAFT_NAME></Datatake>
      <Product_Organisation><Granule_List><Granule granuleIdentifier="A" imageFormat="JPEG2000">
        {images}
      </Granule></Granule_List></Product_Organisation>
    </Product_Info>
    <Product_Image_Characteristics>
      <Special_Values>
        <SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
      </Special_Values>
      <Special_Values>
        <SPECIAL_VALUE_TEXT>SATURATED</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>65535</SPECIAL_VALUE_INDEX>
      </Special_Values>
      {quantification}
      {offsets}
      <Spectral_Information_List>
        {spectral}
      </Spectral_Information_List>
    </Product_Image_Characteristics>
  </n1:General_Info>
</n1:Level-{level}_User_Product>
"""

TILE = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{level}_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-{level}_Tile_Metadata.xsd">
  <n1:General_Info>
    <TILE_ID>S2B_OPER_MSI_L{level}_TL_A018417_T01VCG_N{baseline}</TILE_ID>
    <SENSING_TIME>2020-09-14T23:19:31.559091Z</SENSING_TIME>
  </n1:General_Info>
  <n1:Geometric_Info>
    <Tile_Geocoding>
      <HORIZONTAL_CS_CODE>EPSG:32601</HORIZONTAL_CS_CODE>
      {grids}
    </Tile_Geocoding>
  </n1:Geometric_Info>
  <n1:Quality_Indicators_Info><Pixel_Level_QI>
    {masks}
  </Pixel_Level_QI></n1:Quality_Indicators_Info>
</n1:Level-{level}_Tile_ID>
"""


def write_jp2_file(
    path: Path, values: NDArray[Any], resolution: int, corner: tuple[float, float] | None = CORNER
) -> None:
    """Write a raster as JPEG 2000 without loss, `(y, x)` or `(layer, y, x)`."""
    layers = values if values.ndim == 3 else values[None]
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {}
    if corner is not None:
        place = {"crs": "EPSG:32601", "transform": Affine(resolution, 0, corner[0], 0, -resolution, corner[1])}
    count, height, width = layers.shape
    options = {"QUALITY": "100", "REVERSIBLE": "YES", "YCBCR420": "NO"}
    with rasterio.open(
        path,
        "w",
        driver="JP2OpenJPEG",
        count=count,
        height=height,
        width=width,
        dtype=layers.dtype,
        **place,
        **options,
    ) as file:
        file.write(layers)


def build_safe(
    root: Path,
    level: str,
    baseline: str,
    offset: int | None,
    counts: Mapping[str, NDArray[np.uint16]],
    *,
    scl: NDArray[np.uint8] | None = None,
    masks: Mapping[str, NDArray[np.uint8]] | None = None,
    name: str | None = None,
    zipped: bool = False,
) -> Path:
    """Write a SAFE product.

    Args:
        root: the folder to put it in.
        level: `L1C` or `L2A`.
        baseline: such as `05.09`.
        offset: what the metadata says of all bands, such as -1000, or None where it says nothing.
        counts: band name to counts `(y, x)` at the band's own resolution.
        scl: the scene classification at 20 m; L2A only.
        masks: such as `DETFOO_B02` to `(y, x)` or `QUALIT_B11` to `(8, y, x)`, at the band's own resolution.
        name: of the product, without suffix.
        zipped: make a zip of it and leave no folder.

    Returns:
        The folder or zip.
    """
    name = name or f"S2B_MSI{level}_20200914T231559_N{baseline.replace('.', '')}_R087_T01VCG_20230315T224658"
    folder = root / f"{name}.SAFE"
    granule = f"GRANULE/{level}_T01VCG_A018417_20200914T231554"
    listed, shapes = [], {}
    layers = {band: (RESOLUTIONS.get(band, 20), values) for band, values in counts.items()}
    if scl is not None:
        layers["SCL"] = (20, scl)
    for band, (resolution, values) in layers.items():
        inner = f"R{resolution}m/T01VCG_20200914T231559_{band}_{resolution}m"
        image = f"{granule}/IMG_DATA/{inner if level == 'L2A' else f'T01VCG_20200914T231559_{band}'}"
        listed.append(f"<IMAGE_FILE>{image}</IMAGE_FILE>")
        write_jp2_file(folder / f"{image}.jp2", values, resolution)
        shapes[resolution] = values.shape
    mask_lines = []
    for mask, values in (masks or {}).items():
        band = mask.rpartition("_")[2]
        file = f"{granule}/QI_DATA/MSK_{mask}.jp2"
        write_jp2_file(folder / file, values, RESOLUTIONS.get(band, 20))
        kind, number = mask.rpartition("_")[0], BAND_IDS.index(band)
        mask_lines.append(f'<MASK_FILENAME bandId="{number}" type="MSK_{kind}">{file}</MASK_FILENAME>')
    short = level.removeprefix("L")
    (folder / f"MTD_MSI{level}.xml").write_text(
        PRODUCT.format(
            level=short, baseline=baseline, name=name, images="\n".join(listed), **_radiometry(level, offset)
        ),
        "utf-8",
    )
    (folder / granule / "MTD_TL.xml").write_text(
        TILE.format(level=short, baseline=baseline, grids=_grids(shapes), masks="\n".join(mask_lines)), "utf-8"
    )
    return zip_folder(folder) if zipped else folder


def _radiometry(level: str, offset: int | None) -> dict[str, str]:
    kind, scale = ("BOA", "BOA_QUANTIFICATION_VALUE") if level == "L2A" else ("RADIO", "QUANTIFICATION_VALUE")
    told = [f'<{kind}_ADD_OFFSET band_id="{n}">{offset}</{kind}_ADD_OFFSET>' for n in range(13) if offset is not None]
    bands = [
        f'<Spectral_Information bandId="{n}" physicalBand="{band.replace("B0", "B")}"/>'
        for n, band in enumerate(BAND_IDS)
    ]
    return {
        "quantification": f'<{scale} unit="none">10000</{scale}>',
        "offsets": "\n".join(told),
        "spectral": "\n".join(bands),
    }


def _grids(shapes: Mapping[int, tuple[int, ...]]) -> str:
    sizes = [
        f'<Size resolution="{r}"><NROWS>{rows}</NROWS><NCOLS>{columns}</NCOLS></Size>'
        for r, (rows, columns) in shapes.items()
    ]
    places = [
        f'<Geoposition resolution="{r}"><ULX>{CORNER[0]}</ULX><ULY>{CORNER[1]}</ULY><XDIM>{r}</XDIM><YDIM>-{r}</YDIM>'
        "</Geoposition>"
        for r in shapes
    ]
    return "\n".join(sizes + places)


def zip_folder(folder: Path) -> Path:
    """Move a folder into a zip beside it, as the archive does: the folder is the only thing at its top."""
    path = folder.with_name(folder.name.removesuffix(".SAFE") + ".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
    for file in sorted(folder.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    folder.rmdir()
    return path


def ground(
    seed: int = 0, size: int = 120, bands: Sequence[str] = ("B02", "B04", "B8A", "B11", "B12", "B01")
) -> dict[str, NDArray[np.uint16]]:
    """Draw counts of some land, baseline before 04.00, with a corner outside of the swath (count 0 in all bands)."""
    rng = np.random.default_rng(seed)
    counts = {}
    for band in bands:
        step = RESOLUTIONS.get(band, 20) // 10
        side = size // step
        values = rng.integers(1, 9000, (side, side)).astype(np.uint16)
        y, x = np.indices(values.shape)
        values[(x + y) * step < size // 3] = 0
        counts[band] = values
    return counts


@pytest.fixture(scope="session")
def make_safe(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a small SAFE product; arguments of `build_safe`, all with a default."""

    def make(
        root: Path | None = None,
        level: str = "L2A",
        baseline: str = "02.12",
        offset: int | None = None,
        counts: Mapping[str, NDArray[np.uint16]] | None = None,
        **more: Any,
    ) -> Path:
        folder = root or tmp_path_factory.mktemp("safe")
        return build_safe(folder, level, baseline, offset, counts or ground(), **more)

    return make


@pytest.fixture(scope="session")
def draw_ground() -> Callable[..., dict[str, NDArray[np.uint16]]]:
    """Draw counts for `make_safe`."""
    return ground


@pytest.fixture(scope="session")
def write_jp2() -> Callable[..., None]:
    """Write a JPEG 2000 file."""
    return write_jp2_file


@pytest.fixture(scope="session")
def zip_safe() -> Callable[[Path], Path]:
    """Move a SAFE folder into a zip."""
    return zip_folder


@pytest.fixture(scope="session")
def true_metadata() -> Path:
    """The XML of six true products."""
    folder = Path(os.environ.get("HIGHWALL_DATA", Path(__file__).parents[2] / "shared" / "data")) / "safe-metadata"
    if not folder.is_dir():
        pytest.skip(f"no true products' metadata in {folder}")
    return folder


class _Ranges(SimpleHTTPRequestHandler):
    """Serves files whole or in ranges, as object stores do."""

    def send_head(self) -> Any:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if asked is None or not path.is_file():
            return super().send_head()
        content = path.read_bytes()
        part = content[int(asked[1]) : int(asked[2]) + 1 if asked[2] else None]
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Range", f"bytes {asked[1]}-{int(asked[1]) + len(part) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        return io.BytesIO(part)

    def end_headers(self) -> None:
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[str]:
    """Serve the test's folder; gives its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Ranges, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="session")
def write_image() -> Callable[..., None]:
    """Write a file where a true product has one: JPEG 2000, or GeoTIFF if it is named so."""

    def write(path: Path, counts: NDArray[Any], resolution: int, transform: Sequence[float], epsg: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        options = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
        if path.suffix == ".tif":
            options = {"driver": "GTiff"}
        place = Affine(resolution, 0, transform[2], 0, -resolution, transform[5])
        height, width = counts.shape
        with rasterio.open(
            path,
            "w",
            count=1,
            height=height,
            width=width,
            dtype=counts.dtype,
            crs=f"EPSG:{epsg}",
            transform=place,
            **options,
        ) as file:
            file.write(counts, 1)

    return write
