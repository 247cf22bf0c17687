from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from highwall.errors import BadInput
from highwall.scenes import open_scene
from highwall.scenes.scene import DEFAULT_RESAMPLING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.image import Image

SIZE = 120


def raised(counts: dict[str, Any]) -> dict[str, Any]:
    """Counts of the same ground from baseline 04.00 on."""
    return {band: np.where(values, values + 1000, 0).astype(np.uint16) for band, values in counts.items()}


def assert_same(one: Image, other: Image) -> None:
    np.testing.assert_array_equal(one.pixels.view(np.uint32), other.pixels.view(np.uint32))  # bits, not values
    np.testing.assert_array_equal(one.valid, other.valid)
    assert one.bands == other.bands
    assert one.geobox == other.geobox


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_a_band_of_10_m_is_its_counts_times_the_scale(make_safe: Any, draw_ground: Any, level: str) -> None:
    scene = open_scene(make_safe(level=level))
    assert scene.bands == ("B01", "B02", "B04", "B8A", "B11", "B12")
    assert scene.origin.level == level
    image = scene.read(bands=["B04", "B02"])
    drawn = draw_ground()
    assert image.bands == ("B04", "B02")
    valid = (drawn["B04"] != 0) & (drawn["B02"] != 0)
    np.testing.assert_array_equal(image.valid, valid)
    expected = np.stack([drawn["B04"], drawn["B02"]]).astype(np.float32) * np.float32(1e-4)
    np.testing.assert_array_equal(image.pixels, np.where(valid, expected, 0))


def test_the_grid_is_that_of_the_finest_files(make_safe: Any) -> None:
    scene = open_scene(make_safe())
    with rasterio.open(scene.planes["B02"].path) as file:
        assert scene.geobox.crs == file.crs
        assert scene.geobox.affine == file.transform
        assert scene.shape == file.shape == (SIZE, SIZE)


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_the_same_ground_reads_the_same_from_any_baseline(
    make_safe: Any, draw_ground: Any, tmp_path: Path, level: str, resampling: Any
) -> None:
    counts = draw_ground()
    old = open_scene(make_safe(tmp_path / "old", level, "02.12", None, counts), resampling=resampling)
    new = open_scene(make_safe(tmp_path / "new", level, "05.09", -1000, raised(counts)), resampling=resampling)
    assert (old.origin.baseline, new.origin.baseline) == ("02.12", "05.09")
    assert_same(old.read(), new.read())


def test_the_offset_counts_whatever_the_baseline_says(make_safe: Any, draw_ground: Any, tmp_path: Path) -> None:
    plain = make_safe(tmp_path / "plain", baseline="05.09", offset=None)
    zero = make_safe(tmp_path / "zero", baseline="05.09", offset=0)
    early = make_safe(tmp_path / "early", baseline="02.12", offset=-1000, counts=raised(draw_ground()))
    assert_same(open_scene(plain).read(), open_scene(zero).read())
    assert_same(open_scene(plain).read(), open_scene(early).read())


def test_a_folder_a_zip_and_the_metadata_are_one_scene(make_safe: Any, draw_ground: Any, tmp_path: Path) -> None:
    scl = np.full((60, 60), 4, np.uint8)
    scl[:7, :9] = 9
    folder = make_safe(tmp_path / "folder", scl=scl)
    zipped = make_safe(tmp_path / "zip", scl=scl, zipped=True)
    renamed = shutil.copytree(folder, tmp_path / "without suffix")
    whole = open_scene(folder)
    inner = f"/vsizip/{zipped}/{folder.name}"
    for other in (
        str(folder) + "/", folder / "MTD_MSIL2A.xml", renamed, zipped, inner, f"{inner}/MTD_MSIL2A.xml",
    ):  # fmt: skip
        scene = open_scene(other)
        assert scene.id == whole.id == folder.name.removesuffix(".SAFE")
        assert_same(scene.read(), whole.read())
        with scene.open() as reader, whole.open() as expected:
            np.testing.assert_array_equal(reader.clouded(), expected.clouded())
            assert reader.clouded().sum() == 14 * 18


@pytest.fixture(scope="module")
def scenes(make_safe: Any, draw_ground: Any) -> Callable[[Any], tuple[Any, Image]]:
    """One product, as scenes of different resampling, each with its whole image."""
    path = make_safe(counts=raised(draw_ground(3)), offset=-1000)
    made = {method: open_scene(path, resampling=method) for method in ("nearest", "bilinear", "cubic")}
    wholes = {method: scene.read() for method, scene in made.items()}
    return lambda method: (made[method], wholes[method])


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(["nearest", "bilinear", "cubic"]))
def test_any_window_is_cut_from_the_whole(scenes: Any, data: Any, method: str) -> None:
    scene, whole = scenes(method)
    spans = [sorted(data.draw(st.tuples(*[st.integers(0, SIZE)] * 2).filter(lambda s: s[0] != s[1]))) for _ in "yx"]
    rows, columns = (slice(*span) for span in spans)
    image = scene.read((rows, columns))
    np.testing.assert_array_equal(image.pixels, whole.pixels[:, rows, columns])
    np.testing.assert_array_equal(image.valid, whole.valid[rows, columns])
    assert image.geobox == whole.geobox[rows, columns]


def test_20_m_get_onto_10_m_bilinearly_by_name(make_safe: Any, draw_ground: Any) -> None:
    counts = draw_ground(bands=("B02", "B11"))
    counts["B11"] = np.maximum(counts["B11"], 1)
    counts["B02"] = np.maximum(counts["B02"], 1)
    scene = open_scene(make_safe(counts=counts))
    assert scene.resampling == DEFAULT_RESAMPLING == "bilinear"
    around = np.pad(counts["B11"].astype(float), 1, mode="edge")
    expected = np.empty((SIZE, SIZE))
    for row in range(SIZE):
        for column in range(SIZE):
            r, c = row // 2 + 1, column // 2 + 1
            r2, c2 = r + (1 if row % 2 else -1), c + (1 if column % 2 else -1)
            expected[row, column] = (
                0.5625 * around[r, c] + 0.1875 * (around[r2, c] + around[r, c2]) + 0.0625 * around[r2, c2]
            )
    image = scene.read(bands=["B11"])
    np.testing.assert_array_equal(image.pixels[0], np.floor(expected + 0.5).astype(np.float32) * np.float32(1e-4))
    assert image.valid.all()


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
@pytest.mark.parametrize("offset", [None, -1000])
def test_no_data_does_not_bleed(make_safe: Any, resampling: Any, offset: int | None) -> None:
    coarse, fine = np.full((60, 60), 5000, np.uint16), np.full((SIZE, SIZE), 5000, np.uint16)
    coarse[20:30, 20:30] = 0
    coarse[0, 59] = 0
    scene = open_scene(make_safe(counts={"B02": fine, "B12": coarse}, offset=offset), resampling=resampling)
    image = scene.read()
    np.testing.assert_array_equal(image.valid, (coarse != 0).repeat(2, 0).repeat(2, 1))
    assert set(np.unique(image.pixels)) == {0, np.float32(5000 + (offset or 0)) * np.float32(1e-4)}
    assert scene.read(bands=["B02"]).valid.all()


def masks(band_size: int, **layers: tuple[int, int]) -> Any:
    """Eight layers of zeros, with ones in rows `a:b` of a layer, by keyword `layer3=(a, b)`."""
    result = np.zeros((8, band_size, band_size), np.uint8)
    for name, (start, stop) in layers.items():
        result[int(name.removeprefix("layer")) - 1, start:stop] = 1
    return result


def test_flawed_pixels_are_not_valid(make_safe: Any) -> None:
    footprint = np.full((SIZE, SIZE), 7, np.uint8)
    footprint[:, :6] = 0
    quality = {f"layer{layer}": (10 * layer, 10 * layer + 4) for layer in range(1, 9)}
    scene = open_scene(
        make_safe(
            baseline="05.09",
            counts={"B02": np.full((SIZE, SIZE), 3000, np.uint16), "B11": np.full((60, 60), 3000, np.uint16)},
            masks={
                "DETFOO_B02": footprint,
                "QUALIT_B02": masks(SIZE, **quality),
                "QUALIT_B11": masks(60, layer6=(0, 2)),
            },
        )
    )
    expected = np.ones((SIZE, SIZE), bool)
    expected[:, :6] = False
    for layer in (3, 5, 6):
        expected[10 * layer : 10 * layer + 4] = False
    np.testing.assert_array_equal(scene.read(bands=["B02"]).valid, expected)
    other = np.ones((SIZE, SIZE), bool)
    other[:4] = False
    np.testing.assert_array_equal(scene.read(bands=["B11"]).valid, other)
    image = scene.read()
    np.testing.assert_array_equal(image.valid, expected & other)
    assert (image.pixels[:, ~image.valid] == 0).all()
    np.testing.assert_array_equal(scene.read((slice(1, 51), slice(3, 60))).valid, image.valid[1:51, 3:60])


def test_masks_that_were_not_downloaded_are_not_missed(make_safe: Any) -> None:
    path = make_safe(masks={"DETFOO_B02": np.zeros((SIZE, SIZE), np.uint8)})
    assert not open_scene(path).read(bands=["B02"]).valid.any()
    next(path.rglob("MSK_DETFOO_B02.jp2")).unlink()
    assert open_scene(path).read(bands=["B02"]).valid.mean() > 0.9


@pytest.mark.parametrize("value", range(12))
def test_the_scene_classification_marks_clouds(make_safe: Any, value: int) -> None:
    scl = np.full((60, 60), 4, np.uint8)
    scl[5:7, 50:] = value
    scene = open_scene(make_safe(scl=scl))
    with scene.open() as reader:
        expected = np.isin(scl, [1, 3, 8, 9, 10]).repeat(2, 0).repeat(2, 1)
        np.testing.assert_array_equal(reader.clouded(), expected)
        np.testing.assert_array_equal(reader.clouded((slice(9, 12), slice(99, 105))), expected[9:12, 99:105])


def test_l1c_marks_no_clouds(make_safe: Any) -> None:
    assert open_scene(make_safe(level="L1C")).clouds is None


def test_the_finest_file_of_a_band_counts(make_safe: Any, tmp_path: Path, write_jp2: Any) -> None:
    path = make_safe()
    granule = next(path.glob("GRANULE/*"))
    coarse = granule / "IMG_DATA" / "R20m" / "T01VCG_20200914T231559_B02_20m.jp2"
    write_jp2(coarse, np.full((60, 60), 7, np.uint16), 20)
    metadata = path / "MTD_MSIL2A.xml"
    line = f"<IMAGE_FILE>{coarse.relative_to(path).as_posix().removesuffix('.jp2')}</IMAGE_FILE>"
    for where in ("</Granule>", "<IMAGE_FILE>"):
        metadata.write_text(metadata.read_text().replace(where, line + where, 1))
    assert open_scene(path).planes["B02"].path.endswith("B02_10m.jp2")
    next(granule.rglob("*B02_10m.jp2")).unlink()
    assert open_scene(path).planes["B02"].path.endswith("B02_20m.jp2")


def test_without_files_of_10_m_the_grid_has_20_m(make_safe: Any, draw_ground: Any, write_jp2: Any) -> None:
    finer = np.full((SIZE, SIZE), 3, np.uint8)
    finer[31, 17] = 0  # one of the four 10 m pixels in a pixel of 20 m
    path = make_safe(masks={"DETFOO_B11": np.full((60, 60), 3, np.uint8)})
    mask = next(path.rglob("MSK_DETFOO_B11.jp2"))
    for file in path.glob("GRANULE/*/IMG_DATA/R10m/*"):
        file.unlink()
    scene = open_scene(path)
    assert scene.shape == (60, 60)
    assert scene.bands == ("B01", "B8A", "B11", "B12")
    before = scene.read(bands=["B11"])
    np.testing.assert_array_equal(before.valid, draw_ground()["B11"] != 0)
    write_jp2(mask, finer, 10)
    after = scene.read(bands=["B11"])
    assert [*map(tuple, np.argwhere(before.valid & ~after.valid))] == [(15, 8)]


def test_renamed_and_flat_products_are_found(make_safe: Any, tmp_path: Path) -> None:
    path = make_safe()
    expected = open_scene(path).read()
    granule = next(path.glob("GRANULE/*"))
    granule.rename(granule.with_name("renamed"))
    assert_same(open_scene(path).read(), expected)
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in [*path.rglob("*.jp2"), *path.rglob("*.xml")]:
        shutil.copy(file, flat)
    assert_same(open_scene(flat).read(), expected)


def test_files_without_georeference_lie_where_the_metadata_says(
    make_safe: Any, draw_ground: Any, write_jp2: Any
) -> None:
    path = make_safe()
    expected = open_scene(path).read()
    for band in ("B02", "B11"):
        file = next(path.rglob(f"*{band}_?0m.jp2"))
        file.unlink()
        write_jp2(file, draw_ground()[band], 0, None)
        with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(file) as bare:
            assert bare.crs is None
    assert_same(open_scene(path).read(), expected)


def test_files_elsewhere_than_the_metadata_says_are_refused(make_safe: Any, draw_ground: Any, write_jp2: Any) -> None:
    path = make_safe()
    file = next(path.rglob("*B02_10m.jp2"))
    write_jp2(file, draw_ground()["B02"], 10, (300010, 6700020))
    with pytest.raises(BadInput, match=r"B02_10m\.jp2: lies on another grid"):
        open_scene(path).read(bands=["B02"])


def test_a_missing_band_is_named(make_safe: Any) -> None:
    path = make_safe()
    next(path.rglob("*B12_20m.jp2")).unlink()
    scene = open_scene(path)
    assert "B12" not in scene.bands
    with pytest.raises(BadInput, match=r"^S2B_MSIL2A_\w+: band B12 is missing \(there are B01 B02 B04 B8A B11\)$"):
        scene.read(bands=["B02", "B12"])


def test_a_product_without_images_is_refused(make_safe: Any) -> None:
    path = make_safe()
    for file in path.rglob("*.jp2"):
        file.unlink()
    with pytest.raises(BadInput, match=r"MTD_MSIL2A\.xml: none of the 6 images that it lists is there$"):
        open_scene(path)


@pytest.mark.parametrize("part", [0.0, 0.5])
def test_a_damaged_image_is_named(make_safe: Any, part: float) -> None:
    path = make_safe()
    file = next(path.rglob("*B02_10m.jp2"))
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(BadInput, match=r"B02_10m\.jp2: (not readable|damaged)") as caught:
        open_scene(path).read(bands=["B02"])
    assert "\n" not in str(caught.value)
