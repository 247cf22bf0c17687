"""Items as Earth Search, Planetary Computer and the Copernicus Data Space write them, with small files behind them."""

from __future__ import annotations

import json
import os
import pickle
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from highwall.errors import BadInput
from highwall.scenes import open_scene
from highwall.scenes.calibration import Calibration
from highwall.scenes.stac_bands import band_of
from highwall.sentinel2 import BANDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

DATA = Path(os.environ.get("HIGHWALL_DATA", Path(__file__).parents[3] / "shared" / "data"))

COMMON = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B11": "swir16",
    "B12": "swir22",
}
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
USED = ("B01", "B02", "B03", "B04", "B05", "B08", "B8A", "B11", "B12")
SIZE = 600
"""Width and height of the ground in metres."""


def counts_of(band: str) -> NDArray[np.uint16]:
    """Draw counts of a product without offset; the ground has a hole that all bands see."""
    pixels = SIZE // BANDS[band][1]
    counts = np.random.default_rng([*band.encode()]).integers(1, 6000, (pixels, pixels)).astype(np.uint16)
    counts[: pixels // 10, : pixels // 5] = 0
    return counts


def scl() -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 12, (SIZE // 20, SIZE // 20)).astype(np.uint8)


def transform(gsd: int) -> list[float]:
    return [gsd, 0, 600_000, 0, -gsd, 7_500_000]


def write(path: Path, pixels: NDArray[Any], raised: int = 0, driver: str = "COG") -> Path:
    counts = np.where(pixels > 0, pixels + raised, 0).astype(pixels.dtype)
    height, width = counts.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"QUALITY": 100, "REVERSIBLE": "YES"} if driver == "JP2OpenJPEG" else {}
    with rasterio.open(
        path,
        "w",
        driver=driver,
        count=1,
        height=height,
        width=width,
        dtype=counts.dtype.name,
        crs="EPSG:32723",
        transform=Affine(*transform(SIZE // height)),
        **options,
    ) as file:
        file.write(counts, 1)
    return path


def write_bands(folder: Path, raised: int = 0, suffix: str = "tif") -> None:
    driver = "JP2OpenJPEG" if suffix == "jp2" else "COG"
    for band in USED:
        write(folder / f"{band}.{suffix}", counts_of(band), raised, driver)
    write(folder / f"SCL.{suffix}", scl(), 0, driver)


def item(properties: dict[str, Any], assets: dict[str, Any], **more: Any) -> dict[str, Any]:
    corner = [-44.0, -22.6]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "S2B_23KPR_20230107_0_L2A",
        "geometry": {"type": "Point", "coordinates": corner},
        "bbox": [*corner, *corner],
        "properties": {"datetime": "2023-01-07T13:12:19.024000Z", "platform": "sentinel-2b", **properties},
        "links": [
            {"rel": "self", "href": "https://stac.example/collections/s2/items/S2B_23KPR_20230107_0_L2A"},
            {"rel": "derived_from", "href": "https://stac.example/collections/l1c/items/S2B_23KPR_20230107_0_L1C"},
            {"rel": "collection", "href": "https://stac.example/collections/s2"},
        ],
        "assets": assets,
        **more,
    }


def earth_search(*, applied: bool | None, offset: float | None = -0.1, jp2: bool = True) -> dict[str, Any]:
    """As Earth Search v1: keys and names are common names, GeoTIFFs first, their JPEG 2000 twins after them."""
    assets: dict[str, Any] = {}
    for band in USED:
        wavelength, gsd = BANDS[band]
        raster = {"nodata": 0, "data_type": "uint16", "bits_per_sample": 15, "spatial_resolution": gsd, "scale": 1e-4}
        name = COMMON[band]
        common = name[:-1] if name.startswith("rededge") else name
        asset = {
            "href": f"./{band}.tif",
            "type": COG,
            "eo:bands": [{"name": name, "common_name": common, "center_wavelength": wavelength}],
            "gsd": gsd,
            "proj:shape": [SIZE // gsd, SIZE // gsd],
            "proj:transform": transform(gsd),
            "raster:bands": [raster if offset is None else raster | {"offset": offset}],
            "roles": ["data", "reflectance"],
        }
        assets[name] = asset
        if jp2:
            assets[f"{name}-jp2"] = {**deepcopy(asset), "href": f"./{band}.jp2", "type": "image/jp2"}
    classes = [{"nodata": 0, "data_type": "uint8", "spatial_resolution": 20}]
    assets["scl"] = {"href": "./SCL.tif", "type": COG, "raster:bands": classes, "roles": ["data", "reflectance"]}
    assets["visual"] = {
        "href": "./TCI.tif",
        "type": COG,
        "eo:bands": [{"name": name, "common_name": name} for name in ("red", "green", "blue")],
        "proj:shape": [SIZE // 10, SIZE // 10],
        "proj:transform": transform(10),
        "roles": ["visual"],
    }
    assets["thumbnail"] = {"href": "./thumbnail.jpg", "type": "image/jpeg", "roles": ["thumbnail"]}
    assets["granule_metadata"] = {"href": "./metadata.xml", "type": "application/xml", "roles": ["metadata"]}
    flag = {} if applied is None else {"earthsearch:boa_offset_applied": applied}
    return item({"proj:epsg": 32723, "s2:processing_baseline": "05.09", **flag}, assets, collection="sentinel-2-l2a")


def planetary_computer(baseline: str | None) -> dict[str, Any]:
    """As Planetary Computer: keys are ESA's band names, and nothing but the baseline tells of an offset."""
    assets: dict[str, Any] = {}
    for band in USED:
        wavelength, gsd = BANDS[band]
        common = {"B01": "coastal", "B05": "rededge", "B8A": "rededge"}.get(band, COMMON[band])
        assets[band] = {
            "href": f"https://store.example/{band}.tif",
            "type": COG,
            "eo:bands": [{"name": band, "common_name": common, "center_wavelength": wavelength}],
            "gsd": float(gsd),
            "proj:bbox": [600_000.0, 7_499_400.0, 600_600.0, 7_500_000.0],
            "proj:shape": [SIZE // gsd, SIZE // gsd],
            "proj:transform": [float(number) for number in transform(gsd)],
            "roles": ["data"],
        }
    assets["SCL"] = {**deepcopy(assets["B11"]), "href": "https://store.example/SCL.tif"}
    del assets["SCL"]["eo:bands"]
    assets["AOT"] = {**deepcopy(assets["SCL"]), "href": "https://store.example/AOT.tif"}
    told = {} if baseline is None else {"s2:processing_baseline": baseline}
    return item({"proj:epsg": 32723, "s2:product_type": "S2MSI2A", **told}, assets)


def copernicus(*, offset: float = -0.1) -> dict[str, Any]:
    """As the Copernicus Data Space, in STAC 1.1: several sizes of each band, scale and offset beside `bands`."""
    assets: dict[str, Any] = {}
    for band in USED:
        wavelength, gsd = BANDS[band]
        for size in (60, 20, 10):
            if size < gsd:
                continue
            assets[f"{band}_{size}m"] = {
                "href": f"s3://eodata/{band}_{size}m.jp2" if size > gsd else f"./{band}.tif",
                "type": "image/jp2" if size > gsd else COG,
                "bands": [{"name": band, "eo:common_name": COMMON[band], "eo:center_wavelength": wavelength}],
                "gsd": size,
                "proj:code": "EPSG:32723",
                "proj:shape": [SIZE // size, SIZE // size],
                "proj:transform": transform(size),
                "raster:scale": 0.0001,
                "raster:offset": offset,
                "nodata": 0,
                "data_type": "uint16",
                "roles": ["data", "reflectance", f"sampling:{'original' if size == gsd else 'downsampled'}"],
            }
    assets["SCL_60m"] = {"href": "./SCL_60m.jp2", "type": "image/jp2", "roles": ["data"]}
    assets["SCL_20m"] = {"href": "./SCL.tif", "type": COG, "roles": ["data"]}
    properties = {"processing:version": "05.11", "processing:level": "L2"}
    return item(properties, assets, stac_version="1.1.0", collection="sentinel-2-l2a")


def save(folder: Path, document: dict[str, Any], name: str = "item.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for asset in document["assets"].values():
        asset["href"] = asset["href"].replace("https://store.example/", "./")
    path = folder / name
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files without an offset: of an old baseline, or of Earth Search after it subtracted it."""
    folder = tmp_path_factory.mktemp("plain")
    write_bands(folder)
    return folder


@pytest.fixture(scope="module")
def raised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same ground as ESA writes it since baseline 04.00, as GeoTIFF and as JPEG 2000."""
    folder = tmp_path_factory.mktemp("raised")
    write_bands(folder, 1000)
    write_bands(folder, 1000, "jp2")
    return folder


def reflectance(band: str) -> NDArray[np.float32]:
    return counts_of(band).astype(np.float32) * np.float32(1e-4)


def test_earth_search_with_the_offset_subtracted(folder: Path) -> None:
    scene = open_scene(save(folder, earth_search(applied=True)))
    assert scene.bands == USED
    assert scene.shape == (60, 60)
    assert scene.geobox.crs == "EPSG:32723"
    assert scene.geobox.affine == Affine(*transform(10))
    image = scene.read()
    for position, band in enumerate(scene.bands):
        if BANDS[band][1] == 10:
            np.testing.assert_array_equal(image.pixels[position], np.where(image.valid, reflectance(band), 0))
    np.testing.assert_array_equal(image.valid, counts_of("B02") > 0)
    assert scene.origin.radiometry == "earthsearch:boa_offset_applied"


@pytest.mark.parametrize(
    ("document", "raised_counts"),
    [
        (earth_search(applied=True), False),
        (earth_search(applied=True, offset=0), False),
        (earth_search(applied=True, offset=None), False),
        (earth_search(applied=False, offset=0), False),
        (earth_search(applied=False), True),
        (earth_search(applied=None), True),
        (earth_search(applied=None, offset=None), True),
        (planetary_computer("05.09"), True),
        (planetary_computer("04.00"), True),
        (planetary_computer("03.01"), False),
        (planetary_computer("02.12"), False),
        (copernicus(), True),
        (copernicus(offset=0), False),
    ],
)
def test_one_ground_has_one_reflectance_whatever_the_catalogue(
    document: dict[str, Any], raised_counts: bool, folder: Path, raised: Path
) -> None:
    scene = open_scene(save(raised if raised_counts else folder, deepcopy(document)))
    expected = open_scene(save(folder, earth_search(applied=True), "expected.json"))
    assert scene.origin.radiometry is not None
    assert scene.bands == expected.bands
    image, reference = scene.read(), expected.read()
    np.testing.assert_array_equal(image.valid, reference.valid)
    np.testing.assert_array_equal(image.pixels, reference.pixels)


@pytest.mark.parametrize("taken", ["2018-01-01T00:00:00Z", "2025-01-01T00:00:00Z"])
@pytest.mark.parametrize(("baseline", "add"), [("05.00", -1000), ("02.14", 0)])
def test_the_date_tells_nothing(tmp_path: Path, taken: str, baseline: str, add: int) -> None:
    document = planetary_computer(baseline)
    document["properties"]["datetime"] = taken
    scene = open_scene(save(tmp_path, document))
    assert {plane.calibration for plane in scene.planes.values()} == {Calibration(1e-4, add)}


def test_without_any_word_of_it_radiometry_is_unknown(tmp_path: Path) -> None:
    scene = open_scene(save(tmp_path, planetary_computer(None)))
    assert scene.origin.radiometry is None
    assert {plane.calibration for plane in scene.planes.values()} == {Calibration(1e-4, 0)}


def test_the_flag_does_not_speak_of_jpeg_2000(raised: Path) -> None:
    document = earth_search(applied=True)
    document["assets"] = {key: asset for key, asset in document["assets"].items() if key.endswith("-jp2")}
    scene = open_scene(save(raised, document, "jp2.json"))
    assert scene.bands == USED
    image = scene.read(bands=["B02", "B08"])
    np.testing.assert_array_equal(image.pixels[1], np.where(image.valid, reflectance("B08"), 0))


def test_the_finest_file_counts_and_then_the_geotiff(tmp_path: Path) -> None:
    planes = open_scene(save(tmp_path, earth_search(applied=True))).planes
    assert {band: Path(plane.path).name for band, plane in planes.items()} == {b: f"{b}.tif" for b in USED}
    planes = open_scene(save(tmp_path, copernicus())).planes
    assert {band: Path(plane.path).name for band, plane in planes.items()} == {b: f"{b}.tif" for b in USED}


@pytest.mark.parametrize("document", [earth_search(applied=True), planetary_computer("05.09"), copernicus()])
def test_scene_classification_marks_clouds(document: dict[str, Any], folder: Path) -> None:
    with open_scene(save(folder, deepcopy(document))).open(["B02"]) as reader:
        marked = reader.clouded()
        np.testing.assert_array_equal(marked, np.isin(scl(), (1, 3, 8, 9, 10)).repeat(2, 0).repeat(2, 1))
        np.testing.assert_array_equal(marked[7:33, 11:50], reader.clouded((slice(7, 33), slice(11, 50))))


def test_origin_is_what_the_item_says(folder: Path) -> None:
    path = save(folder, earth_search(applied=True))
    origin = open_scene(path).origin
    assert origin.datetime == datetime(2023, 1, 7, 13, 12, 19, 24_000, UTC)
    assert (origin.platform, origin.level, origin.baseline) == ("sentinel-2b", "L2A", "05.09")
    assert origin.hrefs == (
        str(path),
        "https://stac.example/collections/s2/items/S2B_23KPR_20230107_0_L2A",
        "https://stac.example/collections/l1c/items/S2B_23KPR_20230107_0_L1C",
    )
    assert open_scene(save(folder, copernicus())).origin.baseline == "05.11"


def test_the_grid_comes_from_the_file_where_the_item_does_not_tell_it(folder: Path) -> None:
    document = earth_search(applied=True)
    told = open_scene(save(folder, document))
    for asset in document["assets"].values():
        asset.pop("proj:transform", None)
    assert open_scene(save(folder, document)).geobox == told.geobox


@pytest.mark.parametrize(
    "fields",
    [
        {"proj:transform": [10, 0, 600_050, 0, -10, 7_500_000]},
        {"proj:transform": [20, 0, 600_000, 0, -20, 7_500_000]},
        {"proj:transform": [20, 0, 600_000, 0, -20, 7_500_000], "proj:shape": [30, 30]},
        {"proj:shape": [70, 60]},
        {"proj:shape": [30, 30]},
    ],
)
def test_an_item_with_another_grid_than_its_files_is_refused(folder: Path, fields: dict[str, list[float]]) -> None:
    document = earth_search(applied=True, jp2=False)
    for key in ("blue", "green", "red", "nir"):
        document["assets"][key] |= fields
    scene = open_scene(save(folder, document))
    with pytest.raises(BadInput, match=r"B02\.tif: ") as error:
        scene.read(bands=["B02"])
    assert "\n" not in str(error.value)


def test_a_band_whose_file_is_missing_hinders_no_other(folder: Path) -> None:
    document = earth_search(applied=True)
    document["assets"]["swir16"]["href"] = "./elsewhere.tif"
    scene = open_scene(save(folder, document))
    scene.read(bands=["B02", "B12"])
    with pytest.raises(BadInput, match=r"elsewhere\.tif: not readable"):
        scene.read()


def test_one_file_with_many_bands(folder: Path, tmp_path: Path) -> None:
    bands = ("B04", "B03", "B02")
    profile = {"driver": "GTiff", "dtype": "uint16", "crs": "EPSG:32723", "transform": Affine(*transform(10))}
    with rasterio.open(tmp_path / "stack.tif", "w", count=3, height=60, width=60, **profile) as file:
        file.write(np.stack([counts_of(band) for band in bands]))
    names = [{"name": band, "raster:scale": 1e-4, "raster:offset": 0.0} for band in bands]
    document = item({}, {"data": {"href": "stack.tif", "type": COG, "bands": names}}, stac_version="1.1.0")
    scene = open_scene(save(tmp_path, document))
    assert scene.bands == ("B02", "B03", "B04")
    image = scene.read()
    np.testing.assert_array_equal(image.pixels[0], reflectance("B02"))
    np.testing.assert_array_equal(image.pixels[2], reflectance("B04"))


@pytest.mark.parametrize(
    ("key", "described", "band"),
    [
        ("B04", {}, "B04"),
        ("B8A_20m", {}, "B8A"),
        ("nir08-jp2", {}, "B8A"),
        ("rededge2", {"name": "rededge2", "common_name": "rededge", "center_wavelength": 0.74}, "B06"),
        ("x", {"common_name": "rededge", "center_wavelength": 0.865}, "B8A"),
        ("x", {"eo:common_name": "rededge", "eo:center_wavelength": 0.783}, "B07"),
        ("x", {"common_name": "rededge"}, None),
        ("x", {"name": "b02", "common_name": "nir"}, "B02"),
        ("wvp", {}, None),
        ("aot", {"name": "aot"}, None),
    ],
)
def test_names_of_bands(key: str, described: dict[str, Any], band: str | None) -> None:
    assert band_of(key, described) == band


def test_a_scene_can_be_sent_and_its_name_is_fit_for_a_file(folder: Path) -> None:
    document = earth_search(applied=True)
    document["id"] = "../../S2B 23KPR"
    scene = open_scene(save(folder, document))
    assert Path(scene.id).name == scene.id
    assert not scene.id.startswith(".")
    sent = pickle.loads(pickle.dumps(scene))  # noqa: S301 - made here
    np.testing.assert_array_equal(sent.read().pixels, scene.read().pixels)


def broken() -> Iterator[tuple[str, str]]:
    good = json.dumps(earth_search(applied=True))
    yield good[:500], "no JSON"
    yield "", "no JSON"
    yield "[1, 2]", "no STAC item"
    yield "{}", "no STAC item"
    yield json.dumps({"type": "Collection", "id": "s2", "links": []}), "a Collection, not a STAC item"
    yield json.dumps({"type": "FeatureCollection", "features": []}), "a FeatureCollection, not a STAC item"
    yield json.dumps({"type": "Feature", "geometry": None, "properties": {}}), "no STAC item"
    yield json.dumps({"type": "Feature", "properties": {}, "assets": {}}), "no valid STAC item"
    nothing = earth_search(applied=True)
    nothing["assets"] = {"visual": nothing["assets"]["visual"]}
    yield json.dumps(nothing), "no asset that is a Sentinel-2 band"
    odd = earth_search(applied=True)
    for asset in odd["assets"].values():
        asset["proj:transform"] = ["ten"]
    yield json.dumps(odd), "no valid STAC item"
    odd = earth_search(applied=True)
    odd["properties"]["proj:epsg"] = 1
    yield json.dumps(odd), "no valid STAC item"


@pytest.mark.parametrize(("text", "reason"), list(broken()))
def test_what_is_no_item_is_refused_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "item.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=reason) as error:
        open_scene(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_a_missing_file_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nothing\.json: no such file$"):
        open_scene(tmp_path / "nothing.json")
    with pytest.raises(BadInput, match="not from s3"):
        open_scene("s3://bucket/item.json")


def documents() -> list[Path]:
    return sorted((DATA / "safe-metadata").glob("*/expected_output.json"))


@pytest.mark.skipif(not documents(), reason="needs ../shared/data (or HIGHWALL_DATA)")
def test_items_of_real_products() -> None:
    for path in documents():
        scene = open_scene(path)
        baseline = str(scene.origin.baseline)
        told = {round(plane.calibration.add) for plane in scene.planes.values()}
        assert told == {-1000 if baseline >= "04.00" else 0}, path
        assert {plane.calibration.scale for plane in scene.planes.values()} == {1e-4}
        assert scene.shape == (10980, 10980)
        assert {"B02", "B03", "B04", "B08", "B11", "B12"} <= {*scene.bands}
        assert (scene.clouds is None) == (scene.origin.level == "L1C")
        assert scene.origin.radiometry == "raster:bands"


def test_file_urls_are_paths(folder: Path) -> None:
    path = save(folder, earth_search(applied=True))
    read: Callable[[Any], Any] = lambda place: open_scene(place).read(bands=["B02"]).pixels  # noqa: E731
    np.testing.assert_array_equal(read(path.as_uri()), read(path))
