"""Maps that say where they can't be trusted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pystac
import pytest
import rasterio
from rasterio.features import rasterize
from rio_cogeo.cogeo import cog_validate

import highwall
from highwall.cli.map_table import print_map
from highwall.errors import BadInput
from highwall.files import sha256
from highwall.forecasting.looks import look
from highwall.legend import DEFAULT_LEGEND
from highwall.models.experience import make_experience
from highwall.models.observation import observe
from highwall.models.record import Record, Trials
from highwall.products.job import Outcome
from highwall.products.outlook import MOST, SIDE, outlook, places
from highwall.products.plan import Options, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from highwall.models.model import Model
    from highwall.scenes import Scene

RASTERS = ("classes.tif", "probabilities.tif")


def familiar(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
    """An applicability that falls with the reflectance of one band."""
    return (1 - reflectance[:, 4:5]).clip(0, 1)


class Stop(Exception):  # noqa: N818 - no error: what a test does to a run
    pass


class Judge:
    """A local predictor with a record, that stops after so many windows."""

    fingerprint = "judge"

    def __init__(self, local: Any, record: Any = "of a training", most: int = 10**9) -> None:
        self.local, self.record, self.left = local, record, most

    def __call__(self, reflectance: NDArray[np.float32]) -> Any:
        assert self.record is None, "asked without the applicability"
        return self.local(reflectance)

    def with_applicability(self, reflectance: NDArray[np.float32]) -> Any:
        self.left -= len(reflectance)
        if self.left < 0:
            raise Stop
        return np.concatenate([self.local(reflectance), familiar(reflectance)], axis=1)


def read(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as file:
        return file.read()


def polygons(folder: Path) -> Any:
    return geopandas.read_file(folder / "polygons.gpkg", layer="polygons")


def test_the_last_band_is_the_applicability(make_scene: Callable[..., Scene], local: Any, tmp_path: Path) -> None:
    scene = make_scene(300, 200, hole=True)
    highwall.map_scene(scene, local, tmp_path / "plain", window=64, overlap=24)
    highwall.map_scene(scene, Judge(local), tmp_path / "judged", window=64, overlap=24)
    assert sha256(tmp_path / "judged" / "classes.tif") == sha256(tmp_path / "plain" / "classes.tif")
    image = scene.read()
    with rasterio.open(tmp_path / "judged" / "probabilities.tif") as file:
        assert file.descriptions == (*DEFAULT_LEGEND.names, "applicability")
        assert (file.nodata, set(file.scales), set(file.offsets)) == (255, {0.004}, {0.0})
        np.testing.assert_array_equal(file.read([1, 2, 3, 4]), read(tmp_path / "plain" / "probabilities.tif"))
        plane = file.read(5, masked=True) * file.scales[4]
    np.testing.assert_array_equal(~plane.mask, image.valid)
    assert np.abs(plane - familiar(image.pixels[None])[0, 0]).max() <= 0.002 + 1e-6
    assert cog_validate(tmp_path / "judged" / "probabilities.tif") == (True, [], [])
    document = json.loads((tmp_path / "judged" / "item.json").read_text())
    pystac.Item.from_dict(document | {"stac_extensions": []}, preserve_dict=True).validate()
    *classes, last = document["assets"]["probabilities"]["bands"]
    plain = json.loads((tmp_path / "plain" / "item.json").read_text())["assets"]["probabilities"]["bands"]
    assert classes == plain
    assert last == plain[0] | {"name": "applicability", "description": last["description"]}
    assert "Meyer and Pebesma 2021" in last["description"]


def test_polygons_and_manifest_tell_what_lies_outside(
    make_scene: Callable[..., Scene], local: Any, tmp_path: Path
) -> None:
    scene = make_scene(120, 90, hole=True)
    made = highwall.map_scene(scene, Judge(local), tmp_path / "out", window=64, overlap=24, parquet=True)
    counts = read(tmp_path / "out" / "probabilities.tif")[4].astype(int)
    table = polygons(tmp_path / "out")
    number = rasterize(
        zip(table.geometry, table["id"], strict=True), counts.shape, transform=scene.geobox.affine, dtype="int32"
    ).ravel()
    means = np.bincount(number, counts.ravel())[1:] / np.bincount(number)[1:] / 250
    np.testing.assert_allclose(table["applicability"], means)
    assert table["outside_experience"].tolist() == (means < 0.5).tolist()
    assert 0 < table["outside_experience"].sum() < len(table)
    for row in made.manifest["classes"]:
        ours = table[table["class"] == row["class"]]
        assert row["polygons_outside"] == ours["outside_experience"].sum()
    known = counts != 255
    assert made.manifest["outside_share"] == pytest.approx((counts < 125).sum() / known.sum(), abs=1e-6)
    assert made.manifest["forecast"] is None
    assert made.to_json()["outside_share"] == made.manifest["outside_share"]
    parquet = geopandas.read_parquet(tmp_path / "out" / "polygons.parquet")
    assert parquet["outside_experience"].tolist() == table["outside_experience"].tolist()


def test_without_a_record_nothing_is_known_of_it(make_scene: Callable[..., Scene], local: Any, tmp_path: Path) -> None:
    scene = make_scene(90, 80)
    highwall.map_scene(scene, local, tmp_path / "plain")
    made = highwall.map_scene(scene, Judge(local, record=None), tmp_path / "out")
    assert {name: sha256(tmp_path / "out" / name) for name in RASTERS} == {
        name: sha256(tmp_path / "plain" / name) for name in RASTERS
    }
    assert polygons(tmp_path / "out")[["applicability", "outside_experience"]].isna().all(axis=None)
    assert made.manifest["outside_share"] is None
    assert {row["polygons_outside"] for row in made.manifest["classes"]} == {None}


def test_a_run_that_stopped_goes_on_to_the_same_bytes(
    make_scene: Callable[..., Scene], local: Any, tmp_path: Path
) -> None:
    scene = make_scene(500, 100, hole=True)
    options: dict[str, Any] = {"window": 64, "overlap": 40, "batch": 3}
    for name in ("whole", "again"):
        highwall.map_scene(scene, Judge(local), tmp_path / name, **options)
    for most in (20, 30):
        with pytest.raises(Stop):
            highwall.map_scene(scene, Judge(local, most=most), tmp_path / "out", **options)
    with pytest.raises(BadInput, match="differs in applicability"):
        highwall.map_scene(scene, Judge(local, record=None), tmp_path / "out", **options)
    highwall.map_scene(scene, Judge(local), tmp_path / "out", **options)
    for name in (*RASTERS, "polygons.gpkg", "item.json"):
        assert sha256(tmp_path / "out" / name) == sha256(tmp_path / "whole" / name), name
        assert sha256(tmp_path / "again" / name) == sha256(tmp_path / "whole" / name), name


def test_ground_without_any_data_has_no_share(make_scene: Callable[..., Scene], local: Any, tmp_path: Path) -> None:
    scene = make_scene(60, 70)
    with rasterio.open(scene.planes["B02"].path, "r+") as file:
        file.write(np.zeros((6, 60, 70), np.uint16))
    made = highwall.map_scene(scene, Judge(local, most=0), tmp_path / "out")
    assert made.manifest["outside_share"] is None
    assert {row["polygons_outside"] for row in made.manifest["classes"]} == {0}


def test_the_table_says_it_in_one_line(
    make_scene: Callable[..., Scene], local: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = make_scene(60, 70)
    for name, record in (("judged", "of a training"), ("plain", None)):
        made = highwall.map_scene(scene, Judge(local, record=record), tmp_path / name)
        print_map(Outcome(scene.id, made), 1, 1)
        said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("outside the training")]
        if record is None:
            assert said == []
        else:
            table, share = polygons(tmp_path / name), made.manifest["outside_share"]
            outside = f"{table['outside_experience'].sum():,} of {len(table):,} polygons"
            assert said == [f"outside the training experience: {share:.1%} of the known ground, {outside}"]


@pytest.fixture(scope="module")
def judging(trained: Any, draw: Callable[..., Any]) -> Model:
    """The small model, with a record of four tiles."""
    model: Model = trained.model
    tiles = np.stack([draw(seed, 128)[0] for seed in range(4)]).astype(np.float32) / np.float32(1e4)
    embedding = model.ask(tiles).embedding
    looks = np.stack([look(tile, np.ones((128, 128), bool), model.bands) for tile in tiles])
    first, nothing = tiles[:1], np.zeros(1, np.int64)
    seen = observe(model(first)[0], model.ask(first).members[:, 0], np.ones((128, 128), bool), 0.5, 0.5, 0)
    record = Record(
        experience=make_experience(embedding.reshape(-1, embedding.shape[-1]), 0, threshold=5),
        appearance=make_experience(looks, 0),
        looks=looks,
        position=np.arange(4),
        sites=np.arange(4),
        trials=Trials(seen, confusion=np.zeros((1, 4, 4)), site=nothing, fold=nothing, change=nothing),
    )
    return replace(model, record=record)


def test_a_model_maps_its_own_applicability(make_scene: Callable[..., Scene], judging: Model, tmp_path: Path) -> None:
    scene = make_scene(128, 192)
    highwall.map_scene(scene, judging, tmp_path / "out", window=64, overlap=0, batch=2)
    pixels = scene.read().pixels
    made = read(tmp_path / "out" / "probabilities.tif")
    for row in range(0, 128, 64):
        for column in range(0, 192, 64):
            where = np.s_[:, row : row + 64, column : column + 64]
            answer = judging.with_applicability(pixels[where][None])[0]
            assert np.abs(made[where] - answer * 250).max() <= 0.5 + 1e-2  # batches of another size round otherwise
    assert len(np.unique(made[4])) > 2


@pytest.mark.parametrize("shape", [(1, 1), (256, 256), (257, 300), (5000, 300), (2000, 2000), (10_980, 10_980)])
def test_places_are_spread_over_the_scene(shape: tuple[int, int]) -> None:
    found = np.array(places(shape))
    assert len(np.unique(found, axis=0)) == len(found)
    assert (found >= 0).all()
    assert (found + SIDE <= np.maximum(shape, SIDE)).all()
    cells = int(np.prod(-(-np.array(shape) // SIDE)))
    assert len(found) >= min(cells, MOST)
    if cells > 4 * MOST:  # each quarter has its share, also where few are taken
        for few in (MOST, MOST // 2, MOST // 4):
            south, east = (found[:few] + SIDE / 2 > np.array(shape) / 2).T
            shares = np.bincount(2 * south + east, minlength=4) / few
            np.testing.assert_allclose(shares, 1 / 4, atol=0.1)


def test_the_outlook_is_what_the_model_says_of_known_ground(make_scene: Callable[..., Scene], judging: Model) -> None:
    scene = make_scene(256 * 2, 256 * 3 - 56, hole=True)
    clouds = np.zeros(scene.shape, np.uint8)
    clouds[300:, 500:] = 1
    assert judging.record is not None
    plan = replace(make_plan(scene, judging, judging.legend, None, Options()), clouds=clouds)
    seen = outlook(plan, judging, judging.record)
    assert seen is not None
    image = scene.read()
    expected = []
    for row, column in places(scene.shape):
        where = np.s_[row : row + SIDE, column : column + SIDE]
        known = image.valid[where] & (clouds[where] == 0)
        if known.mean() < 0.5:
            continue
        pixels = image.pixels[(slice(None), *where)][None]
        answer = judging.with_applicability(pixels)[0]
        dissimilarity = np.sqrt(1 / answer[4, known].astype(float) - 1).mean()  # in thresholds: the inverse of a plane
        strangeness = judging.record.appearance.dissimilarity(look(pixels[0], known, judging.bands)[None])[0]
        members = judging.ask(pixels).members[:, 0]
        expected.append(observe(answer[:4], members, known, dissimilarity, strangeness, 0))
    assert 2 <= len(expected) < len(places(scene.shape))
    assert len(seen) == len(expected)
    for name, values in vars(seen).items():
        reference = np.concatenate([getattr(one, name) for one in expected])
        np.testing.assert_allclose(values, reference, rtol=1e-4, err_msg=name)
    hidden = replace(plan, clouds=np.ones(scene.shape, np.uint8))
    assert outlook(hidden, judging, judging.record) is None


def test_the_outlook_takes_no_more_than_its_share(make_scene: Callable[..., Scene], judging: Model) -> None:
    scene = make_scene(SIDE * 9, SIDE * 7)
    assert judging.record is not None
    plan = make_plan(scene, judging, judging.legend, None, Options())
    seen = outlook(plan, judging, judging.record)
    assert seen is not None
    np.testing.assert_allclose(seen.expected.sum((1, 2)), np.full(MOST, SIDE**2))
