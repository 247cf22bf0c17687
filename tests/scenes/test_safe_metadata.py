from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from affine import Affine

from highwall.errors import BadInput
from highwall.scenes import open_scene
from highwall.scenes.safe_metadata import parse_product, parse_tile

if TYPE_CHECKING:
    from pathlib import Path

TRUE = {
    "S2A_MSIL1C_20210908T042701_N0301_R133_T46RER_20210908T070248.SAFE": 32646,
    "S2A_MSIL2A_20230821T221941_N0509_R029_T01KAB_20230822T021825.SAFE": 32701,
    "S2B_MSIL2A_20191228T210519_N0212_R071_T01CCV_20201003T104658.SAFE": 32701,
    "S2B_MSIL2A_20220413T150759_N0400_R025_T33XWJ_20220414T082126.SAFE": 32633,
    "esa_S2B_MSIL2A_20210122T133229_N0214_R081_T22HBD_20210122T155500.SAFE": 32722,
}
"""Folders with metadata of true products, and their coordinate reference systems."""

REPROCESSED = "S2B_MSIL2A_20200914T231559_N0500_R087_T01VCG_20230315T224658"
"""Taken in 2020, processed in 2023; in the layout of a cloud's archive, with the tile's metadata only."""

COMMON_NAMES = {"coastal": "B01", "blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11",
                "rededge1": "B05", "nir08": "B8A", "nir09": "B09", "cirrus": "B10", "swir22": "B12"}  # fmt: skip


def known(folder: Path) -> dict[str, Any]:
    """What stactools, an independent reader, says of a product."""
    document: dict[str, Any] = json.loads((folder / "expected_output.json").read_text())
    return document


@pytest.mark.parametrize("name", TRUE)
def test_true_products_are_read_as_stactools_reads_them(true_metadata: Path, name: str) -> None:
    folder = true_metadata / name
    (file,) = folder.glob("MTD_MSIL*.xml")
    product = parse_product(file.read_bytes(), file.name)
    item = known(folder)
    says = item["properties"]
    assert product.id == says["s2:product_uri"].removesuffix(".SAFE") == name.removeprefix("esa_").removesuffix(".SAFE")
    assert product.datetime == datetime.fromisoformat(says["datetime"])
    assert product.platform == says["platform"]
    assert product.baseline == says["s2:processing_baseline"]
    assert product.level == ("L1C" if "MSIL1C" in name else "L2A")
    assert product.nodata == 0
    checked = 0
    for key, band in COMMON_NAMES.items():
        if key in item["assets"]:
            (raster,) = item["assets"][key]["raster:bands"]
            calibration = product.calibrations[band]
            assert (calibration.scale, calibration.offset) == pytest.approx((raster["scale"], raster["offset"]))
            assert raster["nodata"] == product.nodata
            assert item["assets"][key]["href"].removeprefix("./") in product.images
            checked += 1
    assert checked >= 9


@pytest.mark.parametrize("name", [*TRUE, REPROCESSED])
def test_true_tiles_lie_where_stactools_puts_them(true_metadata: Path, name: str) -> None:
    folder = true_metadata / name
    (file,) = [*folder.glob("GRANULE/*/MTD_TL.xml"), *folder.glob("metadata.xml")]
    tile = parse_tile(file.read_bytes(), file.name)
    item = known(folder)
    for key, size in (("blue", 10), ("swir16", 20), ("nir09", 60)):
        asset, grid = item["assets"][key], tile.grids[size]
        assert list(grid.shape) == asset["proj:shape"]
        assert grid.affine == Affine(*asset["proj:transform"][:6])
        assert list(grid.boundingbox) == asset["proj:bbox"]
        assert grid.crs is not None
        assert grid.crs.epsg == item["properties"].get("proj:epsg", TRUE.get(name))
    masks = {mask.kind for mask in tile.masks}
    assert {"MSK_DETFOO"} <= masks
    assert ("MSK_QUALIT" in masks) == (not re.search("N02|N03", name))


def test_the_reprocessed_tile_of_2020(true_metadata: Path) -> None:
    tile = parse_tile((true_metadata / REPROCESSED / "metadata.xml").read_bytes(), "metadata.xml")
    says = known(true_metadata / REPROCESSED)["properties"]
    assert tile.id.endswith("_N" + says["s2:processing_baseline"])
    assert tile.datetime == datetime(2020, 9, 14, 23, 19, 31, 559091, UTC)
    assert tile.datetime.replace(microsecond=559000) == datetime.fromisoformat(says["datetime"])


def shrink(folder: Path, size: int) -> None:
    """Make tiles of `size` times `size` pixels of 10 m of true tiles, in their metadata."""
    (tile,) = folder.glob("GRANULE/*/MTD_TL.xml")
    text = tile.read_text("utf-8")
    for full, step in ((10980, 1), (5490, 2), (1830, 6)):
        text = re.sub(rf"<(NROWS|NCOLS)>{full}<", rf"<\g<1>>{size // step}<", text)
    tile.write_text(text, "utf-8")


@pytest.mark.parametrize("name", TRUE)
def test_scenes_with_true_metadata(true_metadata: Path, tmp_path: Path, write_image: Any, name: str) -> None:
    folder = shutil.copytree(true_metadata / name, tmp_path / name, copy_function=shutil.copyfile)
    item = known(folder)
    shrink(folder, 60)
    rng = np.random.default_rng(0)
    for key in ("blue", "red", "swir22", "nir09", "scl"):
        if key not in item["assets"]:
            continue
        asset = item["assets"][key]
        size = round(asset["proj:transform"][0])
        kind = np.uint8 if key == "scl" else np.uint16
        counts = rng.integers(1000, 3000, (600 // size,) * 2) if key != "scl" else np.full((30, 30), 8)
        write_image(folder / asset["href"], counts.astype(kind), size, asset["proj:transform"], TRUE[name])
        if key == "blue":
            blue = counts
    scene = open_scene(folder)
    assert scene.bands == ("B02", "B04", "B09", "B12")
    assert scene.id == item["properties"]["s2:product_uri"].removesuffix(".SAFE")
    assert scene.shape == (60, 60)
    raster = item["assets"]["blue"]["raster:bands"][0]
    image = scene.read()
    np.testing.assert_allclose(image.pixels[0], blue * raster["scale"] + raster["offset"], atol=1e-7)
    assert image.valid.all()
    with scene.open(["B02"]) as reader:
        assert reader.clouded().all() == ("scl" in item["assets"])


def test_the_reprocessed_product_of_2020_has_its_offset(true_metadata: Path, tmp_path: Path, write_image: Any) -> None:
    """The tile's metadata of 2020 with the product's metadata of one that was processed likewise."""
    late = true_metadata / "S2A_MSIL2A_20230821T221941_N0509_R029_T01KAB_20230822T021825.SAFE"
    text = (late / "MTD_MSIL2A.xml").read_text("utf-8")
    for old, new in (
        ("L2A_T01KAB_A042640_20230821T221944", "L2A_T01VCG_A018417_20200914T231554"),
        (late.name.removesuffix(".SAFE"), REPROCESSED),
        ("T01KAB_20230821T221941", "T01VCG_20200914T231559"),
        ("2023-08-21T22:19:41", "2020-09-14T23:15:59"),
        (">05.09<", ">05.00<"),
        ("Sentinel-2A", "Sentinel-2B"),
    ):
        assert old in text
        text = text.replace(old, new)
    folder = tmp_path / f"{REPROCESSED}.SAFE"
    granule = folder / "GRANULE" / "L2A_T01VCG_A018417_20200914T231554"
    granule.mkdir(parents=True)
    (folder / "MTD_MSIL2A.xml").write_text(text, "utf-8")
    shutil.copyfile(true_metadata / REPROCESSED / "metadata.xml", granule / "MTD_TL.xml")
    shrink(folder, 60)
    counts = np.full((60, 60), 1500, np.uint16)
    place = known(true_metadata / REPROCESSED)["assets"]["blue"]["proj:transform"]
    write_image(granule / "IMG_DATA/R10m/T01VCG_20200914T231559_B02_10m.jp2", counts, 10, place, 32601)
    footprint = np.full((60, 60), 5, np.uint8)
    footprint[:, :10] = 0
    write_image(granule / "QI_DATA" / "MSK_DETFOO_B02.jp2", footprint, 10, place, 32601)
    scene = open_scene(folder)
    assert (scene.id, scene.origin.platform, scene.origin.baseline) == (REPROCESSED, "sentinel-2b", "05.00")
    assert scene.origin.datetime == datetime(2020, 9, 14, 23, 15, 59, 24000, UTC)
    assert scene.origin.radiometry == "MTD_MSIL2A.xml"
    image = scene.read()
    np.testing.assert_array_equal(image.valid, footprint > 0)
    np.testing.assert_array_equal(image.pixels[0], np.where(image.valid, np.float32(500) * np.float32(1e-4), 0))


def change(path: Path, old: str, new: str, file: str = "MTD_MSIL2A.xml") -> None:
    (file_path,) = path.rglob(file)
    text = file_path.read_text("utf-8")
    assert old in text
    file_path.write_text(text.replace(old, new), "utf-8")


DOCTYPES = {
    "external": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
    "bomb": '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;"><!ENTITY x "&b;&b;&b;&b;&b;">]>',
    "parameter": '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]>',
    "plain": "<!DOCTYPE a>",
}


@pytest.mark.parametrize("file", ["MTD_MSIL2A.xml", "MTD_TL.xml"])
@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES)
def test_document_types_and_entities_are_refused(make_safe: Any, file: str, doctype: str) -> None:
    path = make_safe()
    change(path, 'standalone="no"?>', f'standalone="no"?>\n{doctype}', file)
    if "x " in doctype:
        change(path, "EPSG:32601" if file == "MTD_TL.xml" else "02.12", "&x;", file)
    with pytest.raises(BadInput, match=rf"{file}: XML that is not safe to read \(DTDForbidden\)$"):
        open_scene(path)


@pytest.mark.parametrize("file", ["MTD_MSIL2A.xml", "MTD_TL.xml"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_xml_cut_short_is_refused(make_safe: Any, file: str, share: float) -> None:
    path = make_safe()
    (target,) = path.rglob(file)
    content = target.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadInput, match=rf"{file}: damaged or truncated XML \([^\n]+\)$"):
        open_scene(path)


@pytest.mark.parametrize(
    ("old", "new", "file", "reason"),
    [
        ("10000<", "ten thousand<", "MTD_MSIL2A.xml", "BOA_QUANTIFICATION_VALUE is 'ten thousand', no number"),
        ("10000<", "0<", "MTD_MSIL2A.xml", "BOA_QUANTIFICATION_VALUE is 0, not positive"),
        ("BOA_QUANTIFICATION_VALUE", "OTHER", "MTD_MSIL2A.xml", "BOA_QUANTIFICATION_VALUE is missing"),
        ('<BOA_ADD_OFFSET band_id="12">-1000</BOA_ADD_OFFSET>', "", "MTD_MSIL2A.xml", "but none for B12"),
        ('physicalBand="B12"', 'physicalBand="B99"', "MTD_MSIL2A.xml", "'B99' is no Sentinel-2 band"),
        (">Level-2A<", ">Level-1B<", "MTD_MSIL2A.xml", "neither a Level-1C nor a Level-2A product"),
        ("</Granule>", '</Granule><Granule granuleIdentifier="B"/>', "MTD_MSIL2A.xml", "a product of 2 tiles"),
        ("EPSG:32601", "EPSG:99999999", "MTD_TL.xml", "unknown coordinate reference system 'EPSG:99999999'"),
        ("EPSG:32601", "", "MTD_TL.xml", "unknown coordinate reference system ''"),
        ("<NROWS>120<", "<NROWS>0<", "MTD_TL.xml", "impossible grid of 120 x 0 pixels"),
        ("<ULX>300000<", "<ULX>nan<", "MTD_TL.xml", "ULX is 'nan', no number"),
        ("Geoposition", "Elsewhere", "MTD_TL.xml", "tells no grid"),
        ('resolution="10"', 'resolution="30"', "MTD_TL.xml", None),
        ("<XDIM>10<", "<XDIM>30<", "MTD_TL.xml", "tells no grid of 10 m"),
    ],
)
def test_metadata_that_says_too_little_is_refused(
    make_safe: Any, old: str, new: str, file: str, reason: str | None
) -> None:
    path = make_safe(offset=-1000)
    change(path, old, new, file)
    if reason is None:
        assert open_scene(path).shape == (120, 120)  # pixels are as large as XDIM says
        return
    with pytest.raises(BadInput, match=rf"{re.escape(file)}: ") as caught:
        open_scene(path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_offsets_belong_to_their_bands(make_safe: Any) -> None:
    path = make_safe(offset=-1000)
    change(path, 'band_id="11">-1000', 'band_id="11">-500')
    planes = open_scene(path).planes
    assert {band: plane.calibration.add for band, plane in planes.items()} == {
        "B01": -1000, "B02": -1000, "B04": -1000, "B8A": -1000, "B11": -500, "B12": -1000,
    }  # fmt: skip


def test_band_ids_are_what_the_product_says(make_safe: Any) -> None:
    path = make_safe(offset=-1000)
    change(path, 'bandId="11" physicalBand="B11"', 'bandId="12" physicalBand="B11"')
    change(path, 'bandId="12" physicalBand="B12"', 'bandId="11" physicalBand="B12"')
    change(path, 'band_id="11">-1000', 'band_id="11">-500')
    assert open_scene(path).planes["B12"].calibration.add == -500


def test_any_namespace_will_do(make_safe: Any) -> None:
    path = make_safe(offset=-1000)
    expected = open_scene(path).read()
    for file in ("MTD_MSIL2A.xml", "MTD_TL.xml"):
        (target,) = path.rglob(file)
        text = target.read_text().replace("n1:", "").replace("xmlns:n1=", "xmlns=").replace("psd-14", "psd-13")
        target.write_text(text)
    np.testing.assert_array_equal(open_scene(path).read().pixels, expected.pixels)


def test_an_id_that_is_no_file_name_is_not_used(make_safe: Any) -> None:
    path = make_safe(name="good")
    change(path, "good.SAFE", "../../evil.SAFE")
    assert open_scene(path).id == "good"
