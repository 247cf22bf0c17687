from __future__ import annotations

import itertools
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.scenes import open_scene
from highwall.tiles import Encoding, read_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
SCALES = {"uint8": 1 / 255, "uint16": 1e-4, "int16": 1e-4, "float32": 1.0}
HIGHEST = {"uint8": 255, "uint16": 9000, "int16": 9000, "float32": 0.9}


def write(
    path: Path,
    pixels: NDArray[Any],
    names: Sequence[str] = (),
    gsd: float = 10,
    corner: tuple[float, float] = (600_000, 7_500_000),
    mask: NDArray[np.uint8] | None = None,
    **profile: Any,
) -> Path:
    """Write planes `(band, y, x)` or `(y, x)` as a raster on a grid of UTM zone 23S."""
    planes = pixels.reshape(-1, *pixels.shape[-2:])
    count, height, width = planes.shape
    where = {"crs": "EPSG:32723", "transform": Affine(gsd, 0, corner[0], 0, -gsd, corner[1])}
    shape = {"count": count, "height": height, "width": width, "dtype": planes.dtype.name}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **{"driver": "GTiff", **shape, **where, **profile}) as file:
        file.write(planes)
        for number, name in enumerate(names, 1):
            file.set_band_description(number, name)
        if mask is not None:
            file.write_mask(mask)
    return path


def draw(seed: int, shape: tuple[int, ...], dtype: str = "uint16") -> NDArray[Any]:
    values = np.random.default_rng(seed).uniform(0.01, 1, shape) * HIGHEST[dtype]
    return np.asarray(np.maximum(values, 1) if dtype != "float32" else values).astype(dtype)


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> itertools.count[int]:
    return itertools.count()


@st.composite
def rasters(draw_from: st.DrawFn) -> dict[str, Any]:
    dtype = draw_from(st.sampled_from(sorted(SCALES)))
    nodata = draw_from(st.sampled_from([None, 0, *([-9999] if dtype in ("int16", "float32") else [])]))
    nodata = draw_from(st.sampled_from([nodata, *([np.nan] if dtype == "float32" else [])]))
    height, width = draw_from(st.integers(1, 40)), draw_from(st.integers(1, 40))
    pixels = draw(draw_from(st.integers(0, 99)), (len(BANDS), height, width), dtype)
    rng = np.random.default_rng(draw_from(st.integers(0, 99)))
    holes = rng.random((height, width)) < 0.2
    marks = [0, *([nodata] if nodata is not None else []), *([np.nan, np.inf] if dtype == "float32" else [])]
    pixels[:, holes] = rng.choice(marks, holes.sum()).astype(dtype)  # in all bands
    single = rng.random(pixels.shape) < 0.05
    pixels[single] = rng.choice(marks, single.sum()).astype(dtype)  # in one
    pixels[:, -1, -1] = HIGHEST[dtype] / 2
    masked = rng.random((height, width)) < 0.8 if nodata is None and draw_from(st.booleans()) else None
    if masked is not None:
        masked[-1, -1] = True
    rows, columns = (
        sorted(draw_from(st.lists(st.integers(0, size), min_size=2, max_size=2, unique=True)))
        for size in (height, width)
    )
    return {
        "pixels": pixels,
        "nodata": nodata,
        "mask": None if masked is None else masked.astype(np.uint8) * 255,
        "inside": draw_from(st.booleans()),
        "window": (slice(*rows), slice(*columns)),
        "tiled": draw_from(st.booleans()),
    }


@given(case=rasters())
@settings(max_examples=80, deadline=None)
def test_a_raster_is_read_as_tiles_are(
    case: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, numbered: itertools.count[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "as-tiles" / f"{next(numbered)}.tif"
    tiling = {"tiled": True, "blockxsize": 16, "blockysize": 16} if case["tiled"] else {}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=case["inside"]):
        write(path, case["pixels"], BANDS, nodata=case["nodata"], mask=case["mask"], **tiling)
    scale = SCALES[case["pixels"].dtype.name]
    expected = read_image(path, Encoding(BANDS, scale, 0.0))
    scene = open_scene(path)
    whole = scene.read()
    np.testing.assert_array_equal(whole.valid, expected.valid)
    np.testing.assert_array_equal(whole.pixels, expected.pixels)
    assert whole.geobox == expected.geobox
    window = case["window"]
    part = scene.read(window)
    np.testing.assert_array_equal(part.pixels, whole.pixels[:, *window])
    np.testing.assert_array_equal(part.valid, whole.valid[window])
    with rasterio.open(path) as file:
        where = rasterio.windows.Window.from_slices(*window)
        assert part.geobox is not None
        assert part.geobox.affine.almost_equals(file.window_transform(where))


def test_bands_are_chosen_by_name_and_a_pixel_needs_only_those(tmp_path: Path) -> None:
    pixels = draw(1, (6, 5, 7))
    pixels[:3, 0, 0] = 0
    pixels[5, 1, 1] = 7777
    scene = open_scene(write(tmp_path / "a.tif", pixels, BANDS, nodata=7777))
    image = scene.read(bands=["B12", "B02"])
    assert image.bands == ("B12", "B02")
    np.testing.assert_array_equal(image.pixels[1], np.where(image.valid, pixels[0] * np.float32(1e-4), 0))
    assert np.argwhere(~image.valid).tolist() == [[1, 1]]
    assert not scene.read(bands=["B02", "B03", "B04"]).valid[0, 0]
    assert scene.read(bands=["B02", "B03", "B04"]).valid[1, 1]
    with pytest.raises(BadInput, match="band B8A is missing"):
        scene.read(bands=["B8A"])


def test_names_come_from_a_person_then_from_descriptions_then_by_default(tmp_path: Path) -> None:
    pixels = draw(2, (6, 4, 4))
    bare = write(tmp_path / "bare.tif", pixels)
    assert open_scene(bare).bands == BANDS
    others = ("B01", "B02", "B03", "B04", "B05", "B06")
    assert open_scene(bare, bands=others).bands == others
    named = write(tmp_path / "named.tif", pixels, ("b12", "B11", "b8", "B4", "b3", "B2"))
    assert open_scene(named).bands == BANDS[::-1]
    asked = open_scene(named, bands=BANDS)  # names of the file win over its order
    np.testing.assert_array_equal(asked.read(bands=["B12"]).pixels[0], pixels[0] * np.float32(1e-4))
    three = write(tmp_path / "three.tif", pixels[:3])
    with pytest.raises(BadInput, match=r"three\.tif: nothing names its 3 bands"):
        open_scene(three)
    with pytest.raises(BadInput, match=r"three\.tif: has 3 bands, not the 6 named"):
        open_scene(three, bands=BANDS)
    with pytest.raises(BadInput, match="'B13' is no Sentinel-2 band"):
        open_scene(three, bands=["B13"])


def test_scale_and_offset_come_from_a_person_then_from_tags_then_from_the_type(tmp_path: Path) -> None:
    pixels = draw(3, (6, 4, 4)) + np.uint16(1000)
    path = write(tmp_path / "a.tif", pixels)
    assert open_scene(path).origin.radiometry is None
    given_both = open_scene(path, scale=2e-4, offset=-0.2)
    np.testing.assert_allclose(given_both.read().pixels, pixels * 2e-4 - 0.2, atol=1e-7)
    assert given_both.origin.radiometry == "the options"
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = [1e-4] * 6, [-0.1] * 6
    tagged = open_scene(path)
    assert tagged.origin.radiometry == "scale tags"
    np.testing.assert_array_equal(tagged.read().pixels, (pixels - np.float32(1000)) * np.float32(1e-4))
    np.testing.assert_array_equal(open_scene(path, offset=0.0).read().pixels, pixels * np.float32(1e-4))
    for scale in (0.0, -1e-4, float("nan")):
        with pytest.raises(BadInput, match="a scale must be positive"):
            open_scene(path, scale=scale)


def write_files(folder: Path, suffix: str = "tif", **profile: Any) -> dict[str, NDArray[Any]]:
    """Write bands of 10, 20 and 60 m over the same 600 m, named as in products."""
    sizes = {"B02": 10, "B04": 10, "B8A": 20, "B11": 20, "B09": 60}
    counts = {band: draw(sum(band.encode()), (600 // gsd, 600 // gsd)) for band, gsd in sizes.items()}
    for band, plane in counts.items():
        name = f"T23KPR_20230107T131219_{band}_{sizes[band]}m.{suffix}"
        write(folder / name, plane, gsd=sizes[band], **profile)
    return counts


def assert_is(scene: Any, counts: dict[str, NDArray[Any]]) -> None:
    image = scene.read()
    assert image.bands == ("B02", "B04", "B8A", "B09", "B11")
    assert image.valid.all()
    for band, plane in zip(image.bands, image.pixels, strict=True):
        times = 60 // len(counts[band])
        fine = counts[band].repeat(times, 0).repeat(times, 1)
        np.testing.assert_array_equal(plane, fine * np.float32(1e-4))


def test_a_folder_or_a_list_of_files_is_a_scene(tmp_path: Path) -> None:
    folder = tmp_path / "2023 mine"
    counts = write_files(folder)
    write(folder / "T23KPR_20230107T131219_B02_20m.tif", draw(5, (30, 30)), gsd=20)  # the finest counts
    (folder / "readme.txt").write_text("no raster")
    scene = open_scene(folder, resampling="nearest")
    assert scene.id == "2023 mine"
    assert scene.origin.datetime == datetime(2023, 1, 7, tzinfo=UTC)
    assert_is(scene, counts)
    assert_is(open_scene(sorted(folder.glob("*.tif"), reverse=True), resampling="nearest"), counts)
    assert {*open_scene(folder).origin.hrefs} == {*map(str, folder.glob("*.tif"))} - {
        str(folder / "T23KPR_20230107T131219_B02_20m.tif")
    }


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_windows_of_files_of_many_sizes_are_parts_of_the_whole(
    resampling: Any, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "sizes"
    if not folder.exists():
        write_files(folder, nodata=4)
    scene = open_scene(folder, resampling=resampling)
    whole = scene.read()
    rows, columns = (
        slice(*sorted(data.draw(st.lists(st.integers(0, 60), min_size=2, max_size=2, unique=True)))) for _ in "yx"
    )
    part = scene.read((rows, columns))
    np.testing.assert_array_equal(part.pixels, whole.pixels[:, rows, columns])
    np.testing.assert_array_equal(part.valid, whole.valid[rows, columns])


def test_names_of_files_may_be_anything_if_a_person_names_the_bands(tmp_path: Path) -> None:
    counts = draw(6, (2, 9, 9))
    files = [write(tmp_path / name, plane) for name, plane in zip(("x.tif", "y.tif"), counts, strict=True)]
    scene = open_scene(files, bands=["B12", "B03"])
    assert scene.bands == ("B03", "B12")
    np.testing.assert_array_equal(scene.read().pixels, counts[::-1] * np.float32(1e-4))
    with pytest.raises(BadInput, match=r"x\.tif: neither its description nor its name"):
        open_scene(files)
    with pytest.raises(BadInput, match="2 files for 1 bands"):
        open_scene(files, bands=["B12"])
    with pytest.raises(BadInput, match="one file or more"):
        open_scene([])
    described = write(tmp_path / "z.tif", counts[0], ["B05"])
    assert open_scene([described]).bands == ("B05",)
    single = write(tmp_path / "one" / "L2A_B11.tif", counts[0])
    assert open_scene(single).bands == open_scene(single.parent).bands == ("B11",)


@pytest.mark.parametrize(
    ("gsd", "size", "more"),
    [
        (10, 60, {"corner": (600_010, 7_500_000)}),
        (10, 60, {"corner": (600_000, 7_499_000)}),
        (15, 40, {}),
        (20, 31, {}),
        (20, 29, {}),
        (10, 59, {}),
        (20, 30, {"crs": "EPSG:32724"}),
        (10, 60, {"crs": "EPSG:32724"}),
        (20, 30, {"transform": Affine(20, 0, 600_000, 0, -10, 7_500_000)}),
    ],
)
def test_files_on_other_grids_are_refused_in_one_line(
    tmp_path: Path, gsd: float, size: int, more: dict[str, Any]
) -> None:
    files = [
        write(tmp_path / "B02.tif", draw(7, (60, 60))),
        write(tmp_path / "B11.tif", draw(8, (size, size)), gsd=gsd, **more),
    ]
    with pytest.raises(
        BadInput,
        match=r"B11\.tif: lies on another grid than the other bands \(its corner .* gdalwarp -te \S+ \S+ \S+ \S+ puts",
    ):
        open_scene(files)


def test_a_file_of_many_bands_in_a_list_is_refused(tmp_path: Path) -> None:
    files = [write(tmp_path / "B02.tif", draw(7, (6, 6))), write(tmp_path / "B03.tif", draw(7, (3, 6, 6)))]
    with pytest.raises(BadInput, match=r"B03\.tif: has 3 bands"):
        open_scene(files)


def test_nothing_needs_to_be_known_of_the_ground(tmp_path: Path) -> None:
    pixels = draw(9, (6, 30, 20))
    bare: dict[str, Any] = {"crs": None, "transform": None}
    scene = open_scene(write(tmp_path / "all.tif", pixels, **bare))
    assert scene.geobox.crs is None
    assert scene.shape == (30, 20)
    image = scene.read((slice(3, 9), slice(0, 20)))
    np.testing.assert_array_equal(image.pixels, pixels[:, 3:9] * np.float32(1e-4))
    files = [write(tmp_path / f"{band}.tif", plane, **bare) for band, plane in zip(BANDS, pixels, strict=True)]
    np.testing.assert_array_equal(open_scene(files).read().pixels, scene.read().pixels)
    small = write(tmp_path / "small" / "B11.tif", pixels[4, :15, :10], **bare)
    with pytest.raises(BadInput, match="lies on another grid"):
        open_scene([files[0], small])


def test_jpeg_2000(tmp_path: Path) -> None:
    lossless = {"driver": "JP2OpenJPEG", "QUALITY": 100, "REVERSIBLE": "YES"}
    counts = write_files(tmp_path, "jp2", **lossless)
    assert_is(open_scene(tmp_path, resampling="nearest"), counts)


def test_virtual_rasters(tmp_path: Path) -> None:
    pixels = draw(10, (6, 20, 30))
    write(tmp_path / "source.tif", pixels)
    bands = "".join(
        f'<VRTRasterBand dataType="UInt16" band="{n}"><Description>{band}</Description><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">source.tif</SourceFilename><SourceBand>{n}</SourceBand>'
        "</SimpleSource></VRTRasterBand>"
        for n, band in enumerate(BANDS, 1)
    )
    path = tmp_path / "scene.vrt"
    path.write_text(
        '<VRTDataset rasterXSize="30" rasterYSize="20"><SRS>EPSG:32723</SRS>'
        f"<GeoTransform>600000, 10, 0, 7500000, 0, -10</GeoTransform>{bands}</VRTDataset>"
    )
    image, expected = open_scene(path).read(), open_scene(tmp_path / "source.tif").read()
    np.testing.assert_array_equal(image.pixels, expected.pixels)
    assert image.geobox == expected.geobox


def test_scenes_can_be_sent_to_another_process(tmp_path: Path) -> None:
    pixels = draw(11, (6, 20, 30), "float32")
    pixels[0, :5] = np.nan
    scene = open_scene(write(tmp_path / "S2_20191231_a.tif", pixels, nodata=np.nan))
    sent = pickle.loads(pickle.dumps(scene))  # noqa: S301 - made here
    assert (sent.id, sent.geobox, sent.bands, sent.origin) == (scene.id, scene.geobox, scene.bands, scene.origin)
    assert sent.origin.datetime == datetime(2019, 12, 31, tzinfo=UTC)
    image, expected = sent.read(), scene.read()
    np.testing.assert_array_equal(image.pixels, expected.pixels)
    np.testing.assert_array_equal(image.valid[:5], np.zeros((5, 30), bool))
    assert image.valid[5:].all()


def test_windows_outside_are_refused(tmp_path: Path) -> None:
    scene = open_scene(write(tmp_path / "a.tif", draw(12, (6, 20, 30))))
    for rows, columns in ((slice(0, 21), slice(0, 5)), (slice(-1, 5), slice(0, 5)), (slice(5, 5), slice(0, 5))):
        with pytest.raises(BadInput, match="no window"):
            scene.read((rows, columns))


def test_what_is_no_raster_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.tif").write_text("no raster")
    write(tmp_path / "complex.tif", np.ones((6, 4, 4), np.complex64))
    for name, reason in {
        "none.tif": "no such file or folder",
        "empty": "no scene in this folder",
        "text.tif": "not readable as TIFF",
        "complex.tif": "pixels of type complex64",
    }.items():
        with pytest.raises(BadInput, match=reason) as error:
            open_scene(tmp_path / name)
        assert str(error.value).startswith(f"{tmp_path / name}: ")
        assert "\n" not in str(error.value)


def test_a_raster_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", draw(13, (6, 256, 256)), driver="COG", blocksize=128)
    expected = open_scene(path).read((slice(0, 128), slice(0, 128))).pixels
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    scene = open_scene(path)
    np.testing.assert_array_equal(scene.read((slice(0, 128), slice(0, 128))).pixels, expected)
    with pytest.raises(BadInput, match=r"a\.tif: damaged or truncated") as error:
        scene.read()
    assert "\n" not in str(error.value)
