from __future__ import annotations

import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from highwall.errors import BadInput
from highwall.scenes import open_scene

if TYPE_CHECKING:
    from pathlib import Path


def refuse(path: Any, reason: str) -> None:
    with pytest.raises(BadInput, match=reason) as caught:
        open_scene(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path).rstrip("/") in message


@pytest.mark.parametrize("name", ["../evil.jp2", "a/../../evil.jp2", "/etc/evil.jp2", "C:/evil.jp2", "..\\evil.jp2"])
def test_a_zip_that_climbs_out_is_refused(make_safe: Any, tmp_path: Path, name: str) -> None:
    path = make_safe(tmp_path, zipped=True)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"evil")
    before = sorted(tmp_path.parent.rglob("*"))
    refuse(path, "outside of the product")
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize("listed", ["../../B02", "/etc/B02", "GRANULE/../../../B02"])
def test_metadata_that_points_out_of_the_product_is_refused(make_safe: Any, listed: str) -> None:
    path = make_safe()
    metadata = path / "MTD_MSIL2A.xml"
    metadata.write_text(metadata.read_text().replace("</Granule>", f"<IMAGE_FILE>{listed}</IMAGE_FILE></Granule>"))
    refuse(path, "outside of the product")


def test_a_zip_with_two_products_is_refused_unless_one_is_named(make_safe: Any, tmp_path: Path) -> None:
    one, two = (make_safe(tmp_path, name=name) for name in ("one", "two"))
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as archive:
        for file in [*one.rglob("*"), *two.rglob("*")]:
            archive.write(file, file.relative_to(tmp_path))
    refuse(tmp_path / "both.zip", r"holds 2 products \(one\.SAFE/MTD_MSIL2A\.xml, two\.SAFE/MTD_MSIL2A\.xml")
    scene = open_scene(f"/vsizip/{tmp_path}/both.zip/two.SAFE")
    assert scene.id == "two"
    np.testing.assert_array_equal(scene.read().pixels, open_scene(two).read().pixels)


def test_a_zip_without_folder_is_a_product_too(make_safe: Any, tmp_path: Path) -> None:
    folder = make_safe(tmp_path)
    path = shutil.make_archive(str(tmp_path / "flat"), "zip", folder)
    np.testing.assert_array_equal(open_scene(path).read().pixels, open_scene(folder).read().pixels)


def test_a_zip_without_a_product_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    refuse(tmp_path / "a.zip", r"holds no Sentinel-2 product \(no MTD_MSIL1C\.xml or MTD_MSIL2A\.xml\)$")


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_a_zip_cut_short_is_refused(make_safe: Any, tmp_path: Path, share: float) -> None:
    path = make_safe(tmp_path, zipped=True)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refuse(path, "damaged or truncated zip")


def test_metadata_damaged_within_a_zip_is_refused(make_safe: Any, tmp_path: Path) -> None:
    path = make_safe(tmp_path, zipped=True)
    content = path.read_bytes()
    assert content.count(b"BOA_QUANTIFICATION_VALUE unit") == 1
    path.write_bytes(content.replace(b"BOA_QUANTIFICATION_VALUE unit", b"BOA_QUANTIFICATION_VALUE UNIT"))
    refuse(path, "damaged or truncated zip")


def test_metadata_that_unpacks_without_end_is_refused(make_safe: Any, tmp_path: Path) -> None:
    folder = make_safe(tmp_path)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.SAFE/MTD_MSIL2A.xml", (folder / "MTD_MSIL2A.xml").read_bytes() + b" " * 2**27)
    assert (tmp_path / "bomb.zip").stat().st_size < 2**20
    with pytest.raises(BadInput, match=r"more than 64 MB are no metadata$"):
        open_scene(tmp_path / "bomb.zip")


def test_a_folder_without_metadata_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.SAFE").mkdir()
    refuse(tmp_path / "a.SAFE", "holds no Sentinel-2 product")


def test_a_folder_in_the_folder_is_found(make_safe: Any, tmp_path: Path) -> None:
    path = make_safe(tmp_path / "name.SAFE")
    np.testing.assert_array_equal(open_scene(tmp_path / "name.SAFE").read().pixels, open_scene(path).read().pixels)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_a_product_on_a_server_reads_the_same(
    make_safe: Any, tmp_path: Path, serve: str, level: str, zipped: bool
) -> None:
    path = make_safe(tmp_path, level, zipped=zipped)
    local = open_scene(path)
    for ending in ("",) if zipped else ("", "/", f"/MTD_MSI{level}.xml"):
        remote = open_scene(f"{serve}/{path.name}{ending}")
        assert remote.id == local.id
        assert remote.origin.datetime == local.origin.datetime
        np.testing.assert_array_equal(remote.read().pixels, local.read().pixels)


def test_nothing_on_a_server_is_refused(tmp_path: Path, serve: str) -> None:
    for name in ("a_MSIL2A_b.SAFE", "a.zip"):
        with pytest.raises(BadInput, match=r"not readable \(FileNotFoundError\)$"):
            open_scene(f"{serve}/{name}")
