"""Products in the layout of ESA's EOPF Sample Service, as of 2025."""

from __future__ import annotations

import json
import pickle
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from highwall.errors import BadInput
from highwall.scenes import open_scene
from highwall.scenes.calibration import Calibration

zarr = pytest.importorskip("zarr", reason="needs highwall[eopf]")

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

GROUPS = {10: ("b02", "b03", "b04", "b08"), 20: ("b02", "b05", "b11", "b12", "b8a"), 60: ("b01", "b02", "b09")}
SIZE = 600
"""Width and height of the ground in metres."""

LOST = {"MSI_LOST": 4, "QT_DEFECTIVE_PIXELS": 16, "QT_NODATA_PIXELS": 32}
MEANINGS = ["ANC_LOST", "ANC_DEG", "MSI_LOST", "MSI_DEG", *list(LOST)[1:], "QT_PARTIALLY_CORRECTED_PIXELS", "SATURATED"]


def counts_of(band: str, metres: int) -> NDArray[np.uint16]:
    pixels = SIZE // metres
    counts = np.random.default_rng([metres, *band.encode()]).integers(1, 6000, (pixels, pixels)).astype(np.uint16)
    counts[: pixels // 10, : pixels // 5] = 0
    return counts


def classes(high: int, metres: int = 20) -> NDArray[np.uint8]:
    pixels = SIZE // metres
    return np.random.default_rng(7).integers(0, high, (pixels, pixels)).astype(np.uint8)


def add_array(group: Any, name: str, values: NDArray[Any], dimensions: str, **attributes: Any) -> None:
    """Add an array as ESA's processor writes it: blocks of zstd in blosc, bits shuffled."""
    form = group.metadata.zarr_format
    blosc = zarr.codecs.BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle")
    if form == 2:
        import numcodecs  # noqa: PLC0415 - comes with zarr

        blosc = numcodecs.Blosc("zstd", 3, numcodecs.Blosc.BITSHUFFLE)
    array = group.create_array(
        name,
        shape=values.shape,
        chunks=tuple(-(-size // 2) for size in values.shape),
        dtype=values.dtype,
        compressors=blosc,
        fill_value=0,
        dimension_names=tuple(dimensions) if form == 3 else None,
    )
    array[:] = values
    array.attrs.update(attributes | ({"_ARRAY_DIMENSIONS": list(dimensions)} if form == 2 else {}))


def add_grid(group: Any, metres: int, arrays: dict[str, NDArray[Any]], **attributes: Any) -> None:
    pixels = SIZE // metres
    centres = metres * np.arange(pixels) + metres // 2
    add_array(group, "x", 699_960 + centres, "x")
    add_array(group, "y", 4_700_040 - centres, "y")
    grid = {
        "proj:epsg": 32632,
        "proj:shape": [pixels, pixels],
        "proj:transform": [metres, 0, 699_960, 0, -metres, 4_700_040, 0, 0, 1],
    }
    for name, values in arrays.items():
        add_array(group, name, values, "yx", **grid, **attributes)


def make(path: Path, *, level: str = "L2A", raised: int = 1000, form: int = 2, epsg: int | None = 32632) -> Path:
    root = zarr.open_group(path, mode="w", zarr_format=form)
    about = {
        "datetime": None,
        "start_datetime": "2025-10-08T10:00:41.024000+00:00",
        "platform": "sentinel-2a",
        "processing:level": level,
        "product:type": f"S02MSI{level}",
        "eopf:baseline": "05.11" if raised else "02.14",
        "proj:epsg": epsg,
    }
    root.attrs["stac_discovery"] = {"type": "Feature", "id": f"{path.stem}.SAFE", "properties": about}
    root.attrs["other_metadata"] = {"horizontal_CRS_code": "EPSG:32632"}
    meaning = {"scale_factor": 0.0001, "add_offset": -raised * 1e-4, "fill_value": 0, "valid_min": 1, "dtype": "<u2"}
    for metres, bands in GROUPS.items():
        counts = {band: counts_of(band, metres) for band in bands}
        counts = {band: np.where(c > 0, c + raised, 0).astype(np.uint16) for band, c in counts.items()}
        group = root.create_group(f"measurements/reflectance/r{metres}m")
        add_grid(group, metres, counts, **meaning, _eopf_attrs=meaning)
        marked = {band: classes(256, metres) for band in bands}
        masks = root.create_group(f"quality/mask/r{metres}m")
        add_grid(masks, metres, marked, flag_masks=[1, 2, 4, 8, 16, 32, 64, 128], flag_meanings=MEANINGS)
    if level == "L2A":
        add_grid(root.create_group("conditions/mask/l2a_classification/r20m"), 20, {"scl": classes(12)})
    zarr.consolidate_metadata(path)
    return path


NAME = "S2A_MSIL2A_20251008T100041_N0511_R122_T32TQM_20251008T122613"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("eopf") / f"{NAME}.zarr")


def zipped(product: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(product.rglob("*")):
            archive.write(file, file.relative_to(product).as_posix())
    return path


def test_a_product_is_a_scene(product: Path) -> None:
    scene = open_scene(product)
    assert scene.id == NAME
    assert scene.bands == ("B01", "B02", "B03", "B04", "B05", "B08", "B8A", "B09", "B11", "B12")
    assert scene.shape == (60, 60)
    assert scene.geobox.crs == "EPSG:32632"
    assert scene.geobox.affine == Affine(10, 0, 699_960, 0, -10, 4_700_040)
    assert {plane.calibration for plane in scene.planes.values()} == {Calibration(1e-4, -1000)}
    origin = scene.origin
    assert origin.datetime == datetime(2025, 10, 8, 10, 0, 41, 24_000, UTC)
    assert (origin.platform, origin.level, origin.baseline) == ("sentinel-2a", "L2A", "05.11")
    assert origin.radiometry == "scale_factor and add_offset"


def test_reflectance_is_that_of_the_counts_without_the_offset(product: Path) -> None:
    bands = ["B02", "B03", "B04", "B08"]
    image = open_scene(product).read(bands=bands)
    counts = np.stack([counts_of(band.lower(), 10) for band in bands])
    np.testing.assert_array_equal(image.valid, (counts > 0).all(0))
    np.testing.assert_array_equal(image.pixels, np.where(image.valid, counts.astype(np.float32) * np.float32(1e-4), 0))


def test_old_and_new_baselines_give_the_same_image(product: Path, tmp_path: Path) -> None:
    new, old = open_scene(product).read(), open_scene(make(tmp_path / "old.zarr", raised=0)).read()
    np.testing.assert_array_equal(new.valid, old.valid)
    np.testing.assert_array_equal(new.pixels, old.pixels)


def test_coarse_bands_lie_where_rasterio_puts_them(product: Path) -> None:
    """A coarse pixel, shown by the nearest neighbour, is that of the array read by zarr."""
    scene = open_scene(product, resampling="nearest")
    counts = zarr.open_group(product, mode="r")["measurements/reflectance/r20m/b11"][:].astype(np.float32)
    image = scene.read((slice(13, 51), slice(20, 47)), ["B11"])
    expected = ((counts - 1000) * np.float32(1e-4)).repeat(2, 0).repeat(2, 1)[13:51, 20:47]
    np.testing.assert_array_equal(image.pixels[0], np.where(image.valid, expected, 0))
    assert image.geobox is not None
    assert image.geobox.affine == Affine(10, 0, 699_960 + 200, 0, -10, 4_700_040 - 130)


def test_scene_classification_marks_clouds(product: Path) -> None:
    scene = open_scene(product)
    assert scene.flaws == ()
    with scene.open(["B02"]) as reader:
        expected = np.isin(classes(12), (1, 3, 8, 9, 10)).repeat(2, 0).repeat(2, 1)
        np.testing.assert_array_equal(reader.clouded(), expected)


def test_quality_masks_of_l1c_say_what_was_not_measured(tmp_path: Path) -> None:
    scene = open_scene(make(tmp_path / "S2B_MSIL1C_20250113.zarr", level="L1C"))
    assert scene.clouds is None
    assert scene.origin.level == "L1C"
    image = scene.read(bands=["B02"])
    lost = (classes(256, 10) & sum(LOST.values())) > 0
    np.testing.assert_array_equal(image.valid, (counts_of("b02", 10) > 0) & ~lost)


def test_a_zip_holds_the_same_product(product: Path, tmp_path: Path) -> None:
    archive = zipped(product, tmp_path / f"{NAME}.zarr.zip")
    scene = open_scene(archive)
    assert scene.id == NAME
    image, expected = scene.read(), open_scene(product).read()
    np.testing.assert_array_equal(image.pixels, expected.pixels)
    np.testing.assert_array_equal(image.valid, expected.valid)


def test_windows_are_parts_of_the_whole_and_scenes_can_be_sent(product: Path) -> None:
    scene = open_scene(product)
    whole = scene.read()
    sent = pickle.loads(pickle.dumps(scene))  # noqa: S301 - made here
    for window in (np.s_[0:1, 0:1], np.s_[29:31, 29:60], np.s_[7:53, 11:12]):
        part = sent.read(window)
        np.testing.assert_array_equal(part.pixels, whole.pixels[:, *window])
        np.testing.assert_array_equal(part.valid, whole.valid[window])


def test_an_item_that_names_a_product_opens_it(product: Path) -> None:
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": NAME,
        "geometry": None,
        "properties": {"datetime": "2025-10-08T10:00:41Z"},
        "links": [],
        "assets": {
            "SR_10m": {"href": f"./{NAME}.zarr/measurements/reflectance/r10m", "type": "application/vnd+zarr"},
            "product": {"href": f"./{NAME}.zarr", "type": "application/vnd+zarr"},
        },
    }
    path = product.parent / "item.json"
    path.write_text(json.dumps(item))
    np.testing.assert_array_equal(
        open_scene(path).read(bands=["B02"]).pixels, open_scene(product).read(bands=["B02"]).pixels
    )


def test_zarr_format_3_is_read_or_refused_in_one_line(product: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "new.zarr", form=3)
    if tuple(map(int, rasterio.__gdal_version__.split(".")[:2])) < (3, 11):
        with pytest.raises(BadInput, match=r"Zarr format 3 needs GDAL 3\.11 or newer"):
            open_scene(path)
    else:
        np.testing.assert_array_equal(open_scene(path).read().pixels, open_scene(product).read().pixels)


def test_a_lacking_reference_system_is_found_elsewhere_or_missed(product: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "bare.zarr", epsg=None)
    root = zarr.open_group(path, mode="r+", use_consolidated=False)
    for group in root["measurements/reflectance"].group_values():
        for array in group.array_values():
            array.attrs.pop("proj:epsg", None)
    zarr.consolidate_metadata(path)
    assert open_scene(path).geobox == open_scene(product).geobox
    root.attrs["other_metadata"] = {}
    zarr.consolidate_metadata(path)
    with pytest.raises(BadInput, match="coordinate reference system"):
        open_scene(path)


def test_what_is_no_product_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    zarr.open_group(tmp_path / "other.zarr", mode="w", zarr_format=2)
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / ".zgroup").write_text("{")
    (tmp_path / "broken.zarr.zip").write_bytes(b"PK\x03\x04 and no more")
    reasons = {
        "missing.zarr": "no such file",
        "empty.zarr": "not readable as Zarr",
        "other.zarr": "no EOPF product",
        "broken.zarr": "not readable as Zarr",
        "broken.zarr.zip": "not readable as Zarr",
    }
    for name, reason in reasons.items():
        with pytest.raises(BadInput, match=reason) as error:
            open_scene(tmp_path / name)
        assert str(error.value).startswith(f"{tmp_path / name}: ")
        assert "\n" not in str(error.value)


def test_a_chunk_cut_short_is_damage(product: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "cut.zarr")
    chunk = path / "measurements/reflectance/r10m/b03/1.1"
    chunk.write_bytes(chunk.read_bytes()[:40])
    scene = open_scene(path)
    scene.read(bands=["B02"])
    with pytest.raises(BadInput, match=r"b03.*damaged") as error:
        scene.read(bands=["B03"])
    assert "\n" not in str(error.value)
