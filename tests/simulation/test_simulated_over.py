import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from typer.testing import CliRunner

from highwall.errors import BadInput
from highwall.image import Image
from highwall.scenes.open import open_scene
from highwall.sentinel2 import DEFAULT_BANDS
from highwall.simulation import Backdrop, Mix, simulate_over
from highwall.simulation.backdrop import Cut, Window, blocks, turn
from highwall.simulation.earths import haze_of, is_water, local_palette
from highwall.simulation.inlay import lay_mines
from highwall.simulation.over import _shared_out
from highwall.simulation.sensor import PATH_REFLECTANCE
from highwall.simulation.spectra import Material
from highwall.tilefiles import write_image
from highwall.tiles import open_dataset, sites

SIZE = 96


def ground(seed: int, shape: tuple[int, int], *, north: float = 4_200_000) -> Image:
    """Fields of grass and soil with a lake, every pixel unlike its neighbours."""
    rng = np.random.default_rng(seed)
    grass, soil = np.array([0.05, 0.08, 0.06, 0.3, 0.2, 0.1]), np.array([0.09, 0.11, 0.14, 0.2, 0.3, 0.25])
    fields = np.kron(rng.random((shape[0] // 12 + 1, shape[1] // 12 + 1)) < 0.5, np.ones((12, 12), bool))
    pixels = np.where(fields[: shape[0], : shape[1]], grass[:, None, None], soil[:, None, None])
    pixels[:, :10, :14] = np.array([0.04, 0.04, 0.03, 0.02, 0.01, 0.01])[:, None, None]
    counts = np.rint(pixels * rng.normal(1, 0.02, pixels.shape) * 1e4)
    geobox = GeoBox(shape, Affine(10, 0, 400_000 + 50_000 * seed, 0, -10, north), "EPSG:32618")
    return Image((counts * 1e-4).astype(np.float32), np.ones(shape, bool), DEFAULT_BANDS, geobox)


def counts_of(image: Image) -> np.ndarray:
    return np.rint(image.pixels * 1e4).astype(int)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two scenes on disk; the second has an edge without data."""
    folder = tmp_path_factory.mktemp("scenes")
    one, other = ground(0, (260, 300)), ground(1, (200, 150))
    other.valid[:, 100:] = False
    for image, name in ((one, "one.tif"), (other, "other.tif")):
        write_image(folder / name, image)
    return [folder / "one.tif", folder / "other.tif"]


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def tiles_of(folder: Path) -> list[tuple[rasterio.DatasetReader, np.ndarray, np.ndarray]]:
    found = []
    for path in sorted(folder.glob("*/images/*.tif")):
        with rasterio.open(path) as image, rasterio.open(path.parents[1] / "masks" / path.name) as mask:
            found.append((image, image.read().astype(int), mask.read(1)))
    return found


def seen_in_place(image: rasterio.DatasetReader, scene: np.ndarray, affine: Affine) -> np.ndarray:
    """Return the scene's counts at the place that a tile says it is, pixel by pixel, 0 outside."""
    rows, columns = np.mgrid[0 : image.height, 0 : image.width] + 0.5
    x, y = image.transform * (columns.ravel(), rows.ravel())
    right, down = ~affine * (x, y)
    row, column = np.floor(down).astype(int), np.floor(right).astype(int)
    inside = (row >= 0) & (row < scene.shape[1]) & (column >= 0) & (column < scene.shape[2])
    found = np.zeros((6, row.size), int)
    found[:, inside] = scene[:, row[inside], column[inside]]
    return found.reshape(6, image.height, image.width)


def test_same_seed_same_bytes_and_other_seed_other_pixels(tmp_path: Path, scenes: list[Path]) -> None:
    backdrops = [Backdrop(open_scene(path)) for path in scenes]
    for name, seed, jobs in (("a", 5, 1), ("b", 5, 2), ("c", 6, 1)):
        simulate_over(
            tmp_path / name, backdrops, tiles={"train": 3}, size=48, seed=seed, mix=Mix(0.2, 0.3, decoys=0), jobs=jobs
        )
    a, b, c = (files(tmp_path / name) for name in "abc")
    assert a == b
    assert set(a) == set(c)
    assert all(a[name] != c[name] for name in a if "images" in name)


def test_pixels_away_from_mines_are_the_real_ones_at_the_place_the_tile_names(
    tmp_path: Path, scenes: list[Path]
) -> None:
    out = tmp_path / "tiles"
    simulate_over(
        out, [Backdrop(open_scene(scenes[0]))], tiles={"train": 8}, size=SIZE, seed=2, mix=Mix(0.0, 0.0, decoys=0)
    )
    with rasterio.open(scenes[0]) as scene:
        real, affine = scene.read().astype(int), scene.transform
    changed = []
    for image, pixels, mask in tiles_of(out):
        same = (pixels == seen_in_place(image, real, affine)).all(axis=0)
        changed.append(1 - same.mean())
        assert (mask[same] == 0).mean() > 0.99
    assert 0 < np.mean(changed) < 0.9


def test_without_mines_tiles_are_the_real_ground(tmp_path: Path, scenes: list[Path]) -> None:
    out = tmp_path / "tiles"
    simulate_over(
        out, [Backdrop(open_scene(scenes[0]))], tiles={"val": 4}, size=64, seed=1, mix=Mix(1.0, 0.0, decoys=0)
    )
    with rasterio.open(scenes[0]) as scene:
        real, affine = scene.read().astype(int), scene.transform
    for image, pixels, mask in tiles_of(out):
        assert (pixels == seen_in_place(image, real, affine)).all()
        assert not mask.any()


def test_unknown_windows_and_missing_data_are_unknown_and_free_of_mines(tmp_path: Path, scenes: list[Path]) -> None:
    window = (slice(20, 150), slice(10, 60))
    out = tmp_path / "tiles"
    backdrop = Backdrop(open_scene(scenes[1]), (window,))
    simulate_over(out, [backdrop], tiles={"train": 8}, size=SIZE, seed=3, mix=Mix(0.0, 0.0, decoys=0))
    with rasterio.open(scenes[1]) as scene:
        real, affine = scene.read().astype(int), scene.transform
    inside = np.zeros_like(real)
    inside[:, *window] = 1
    for image, pixels, mask in tiles_of(out):
        there = seen_in_place(image, real, affine)
        nothing = (there == 0).all(axis=0)
        assert (pixels[:, nothing] == 0).all()
        assert (pixels[:, ~nothing] > 0).all()
        unknown = seen_in_place(image, inside, affine)[0] == 1
        assert np.array_equal(mask == 255, nothing | unknown)


@pytest.mark.parametrize("without", [0.0, 1.0])
def test_drawn_mines_are_labelled_as_drawn_whatever_is_laid_around_them(
    tmp_path: Path, scenes: list[Path], without: float
) -> None:
    window, out = (slice(20, 150), slice(10, 60)), tmp_path / "tiles"
    drawn = np.zeros((200, 150), np.uint8)
    drawn[30:37, 20:24], drawn[90, 110:130], drawn[95:99, 70:90] = 2, 3, 1  # unknown ground, no data, ground at large
    backdrop = Backdrop(open_scene(scenes[1]), (window,), drawn)
    mix = Mix(without, simulated=0.0, decoys=1.0, drawn=1.0)
    simulate_over(out, [backdrop], tiles={"train": 8}, size=64, seed=3, mix=mix)
    with rasterio.open(scenes[1]) as scene:
        real, affine = scene.read().astype(int), scene.transform
    layers = np.tile(drawn.astype(int), (6, 1, 1))
    inside = np.zeros_like(real)
    inside[:, *window] = 1
    seen = set()
    for image, pixels, mask in tiles_of(out):
        there = seen_in_place(image, real, affine)
        nothing = (there == 0).all(axis=0)
        labels = seen_in_place(image, layers, affine)[0]
        seen |= set(np.unique(labels).tolist())
        assert labels.any()
        assert np.array_equal(mask[(labels > 0) & ~nothing], labels[(labels > 0) & ~nothing])
        unknown = seen_in_place(image, inside, affine)[0] == 1
        assert np.array_equal(mask == 255, nothing | (unknown & (labels == 0)))
        if without == 1:  # else mines that touch it shine into its edge, as one pixel into the next
            assert (pixels == there)[:, labels > 0].all()
            assert set(np.unique(mask[labels == 0])) <= {0, 255}
    assert seen == {0, 1, 2, 3}


def test_mixes_without_drawn_mines_are_the_same_tiles(tmp_path: Path, scenes: list[Path]) -> None:
    nothing = np.zeros((200, 150), np.uint8)
    for name, drawn, share in (("a", None, 0.9), ("b", nothing, 0.9), ("c", None, 0.0)):
        backdrop = Backdrop(open_scene(scenes[1]), (), drawn)
        simulate_over(tmp_path / name, [backdrop], tiles={"train": 2}, size=48, mix=Mix(drawn=share))
    assert files(tmp_path / "a") == files(tmp_path / "b") == files(tmp_path / "c")


def test_a_window_larger_than_its_scene_is_filled_up_without_data(tmp_path: Path, scenes: list[Path]) -> None:
    out = tmp_path / "tiles"
    simulate_over(out, [Backdrop(open_scene(scenes[1]))], tiles={"train": 2}, size=256, mix=Mix(0.0, 0.0, decoys=0))
    for _, pixels, mask in tiles_of(out):
        assert ((pixels > 0).all(axis=0) == (mask < 255)).all()
        assert (mask < 255).sum() == 200 * 100


def test_tiles_of_a_scene_without_a_place_overlap_as_in_the_scene(tmp_path: Path, scenes: list[Path]) -> None:
    """Otherwise tiles that show the same ground would be different sites, and folds would leak."""
    with rasterio.open(scenes[0]) as scene:
        real, profile = scene.read(), scene.profile
    nowhere = []
    for name in ("a", "b"):
        nowhere.append(tmp_path / f"{name}.tif")
        with rasterio.open(nowhere[-1], "w", **(profile | {"crs": None, "transform": Affine.identity()})) as scene:
            scene.write(real if name == "a" else real[:, ::-1])
            scene.descriptions = DEFAULT_BANDS
    out = tmp_path / "tiles"
    simulate_over(
        out, [Backdrop(open_scene(p)) for p in nowhere], tiles={"train": 6}, size=160, mix=Mix(1.0, 0.0, decoys=0)
    )
    places = [Affine(10, 0, 300_000, 0, -10, 8_300_000 + 200_000 * n) for n in (0, 1)]
    of_scene = [0, 0]
    for image, pixels, _ in tiles_of(out):
        assert image.crs.to_epsg() == 32723
        for n, (affine, counts) in enumerate(zip(places, (real, real[:, ::-1]), strict=True)):
            there = seen_in_place(image, counts.astype(int), affine)
            if there.any():
                assert (pixels == there).all()
                of_scene[n] += 1
    assert sum(of_scene) == 6
    assert min(of_scene) > 0
    assert len(set(sites(open_dataset(out)).values())) == 2  # windows of more than half a scene all overlap


@pytest.mark.parametrize("seed", range(6))
def test_labels_lie_where_mines_cover_the_ground(seed: int) -> None:
    image = ground(seed, (SIZE, SIZE))
    taken = np.zeros((SIZE, SIZE), bool)
    taken[60:, 70:] = True
    laid, labels, coverage = lay_mines(np.random.default_rng(seed), image, taken)
    assert set(np.unique(labels)) <= {0, 1, 2, 3}
    assert coverage.min() >= 0
    assert coverage.max() <= 1 + 1e-5
    assert (coverage[labels > 0] > 0.4).all()
    changed = (counts_of(laid) != counts_of(image)).any(axis=0)
    assert not changed[coverage == 0].any()
    assert not labels[taken].any()
    assert not labels[is_water(image.pixels)].any()
    assert changed[labels > 0].mean() > 0.99 if labels.any() else True
    assert laid.geobox is image.geobox


def test_mines_are_darker_and_brighter_than_the_ground_and_of_all_classes() -> None:
    image = ground(0, (SIZE, SIZE))
    levels, seen = [], set()
    for seed in range(14):
        laid, labels, _ = lay_mines(np.random.default_rng(seed), image, np.zeros((SIZE, SIZE), bool))
        seen |= set(np.unique(labels).tolist())
        if (labels > 0).sum() > 20:
            levels.append(laid.pixels[2][labels > 0].mean())
    assert seen == {0, 1, 2, 3}
    assert min(levels) < image.pixels[2].mean() < max(levels)


def test_no_land_no_mine() -> None:
    image = ground(0, (64, 64))
    image.pixels[:] = np.array([0.04, 0.04, 0.03, 0.02, 0.01, 0.01], np.float32)[:, None, None]
    laid, labels, coverage = lay_mines(np.random.default_rng(0), image, np.zeros((64, 64), bool))
    assert np.array_equal(laid.pixels, image.pixels)
    assert not labels.any()
    assert not coverage.any()


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_window_stays_in_its_place(quarters: int, mirrored: bool) -> None:
    image = ground(0, (20, 20))
    high = image.pixels[0] > 0.07
    turned = turn(Cut(image, high, high.astype(np.uint8)), quarters, mirrored=mirrored)
    assert image.geobox is not None
    assert turned.image.geobox is not None
    for row, column in ((0, 0), (3, 17), (11, 5)):
        x, y = turned.image.geobox.affine * (column + 0.5, row + 0.5)
        right, down = ~image.geobox.affine * (x, y)
        assert np.array_equal(turned.image.pixels[:, row, column], image.pixels[:, int(down), int(right)])
        assert turned.unknown[row, column] == turned.labels[row, column] == high[int(down), int(right)]
    assert turned.image.geobox.extent.geom.equals(image.geobox.extent.geom)


@dataclass(frozen=True)
class Memory:
    """A scene that is an image."""

    image: Image
    id: str = "memory"

    @property
    def geobox(self) -> GeoBox:
        assert self.image.geobox is not None
        return self.image.geobox

    @property
    def shape(self) -> tuple[int, int]:
        return self.image.shape

    def read(self, window: Window | None = None, bands: Sequence[str] | None = None) -> Image:  # noqa: ARG002 - has six
        rows, columns = window or (slice(0, self.shape[0]), slice(0, self.shape[1]))
        image = self.image
        return Image(
            image.pixels[:, rows, columns], image.valid[rows, columns], image.bands, self.geobox[rows, columns]
        )


def test_splits_share_no_ground_even_at_two_dates() -> None:
    first, second = Memory(ground(0, (400, 400))), Memory(ground(0, (400, 400)), "later")
    found = blocks([Backdrop(first), Backdrop(second)], 64)
    shared = _shared_out(np.random.default_rng(0), found, {"train": 6, "val": 2})
    cover = {split: np.zeros((400, 400), bool) for split in shared}
    for split, some in shared.items():
        assert {block.backdrop.scene.id for block in some} == {"memory", "later"}
        for block in some:
            cover[split][block.window] = True
    assert not (cover["train"] & cover["val"]).any()
    assert cover["train"].sum() > cover["val"].sum() > 0


def test_haze_is_found_again() -> None:
    rng = np.random.default_rng(0)
    bare = rng.uniform(0.02, 0.3, (6, 3000)).astype(np.float32)
    bare[:, :60] = np.array([0.018, 0.022, 0.014, 0.1, 0.05, 0.02], np.float32)[:, None]
    for haze in (0.0, 0.5, 1.2):
        seen = bare * (1 - 0.6 * haze * PATH_REFLECTANCE[:, None]) + haze * PATH_REFLECTANCE[:, None]
        assert haze_of(seen) == pytest.approx(haze, abs=0.1)


def test_plants_on_mines_are_those_around() -> None:
    image = ground(0, (SIZE, SIZE))
    drawn = local_palette(np.random.default_rng(0), image.pixels.reshape(6, -1))
    assert drawn.means[Material.SHRUB] == pytest.approx([0.05, 0.08, 0.06, 0.3, 0.2, 0.1], rel=0.1)


@pytest.mark.parametrize(
    ("mix", "window", "tiles", "why"),
    [
        (Mix(1.5, 0, decoys=0), None, {"train": 1}, "no share"),
        (Mix(0, -0.1), None, {"train": 1}, "no share"),
        (Mix(), (slice(0, 900), slice(0, 10)), {"train": 1}, "no window"),
        (Mix(), (slice(5, 5), slice(0, 10)), {"train": 1}, "no window"),
        (Mix(), None, {"train": 1, "val": 1, "open": 1}, "3 splits"),
        (Mix(), None, {"nose": 1}, "no such split"),
    ],
)
def test_impossible_wishes_are_refused_in_one_line(
    tmp_path: Path, scenes: list[Path], mix: Mix, window: Window | None, tiles: dict[str, int], why: str
) -> None:
    backdrop = Backdrop(open_scene(scenes[1]), () if window is None else (window,))
    with pytest.raises(BadInput, match=why) as error:
        simulate_over(tmp_path / "out", [backdrop], tiles=tiles, size=128, mix=mix)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_no_scene_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="one scene or more"):
        simulate_over(tmp_path / "out", [], tiles={"train": 1})


def test_the_command_lays_mines_over_scenes(tmp_path: Path, scenes: list[Path]) -> None:
    from highwall.cli.main import app  # noqa: PLC0415

    options = ["--train", "2", "--val", "1", "--open", "0", "--closed", "0", "--size", "48"]
    names = ["--over", str(scenes[0]), "--over", str(scenes[1]), "--unknown", f"{scenes[0]}:0:20:0:30"]
    result = CliRunner().invoke(app, ["simulate", str(tmp_path / "out"), *names, *options])
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").glob("*/images/*.tif"))) == 3


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["--over", "nowhere.tif"], "nowhere.tif"),
        (["--over", "SCENE", "--unknown", "SCENE:1:2:3"], "not of the form"),
        (["--over", "SCENE", "--unknown", "SCENE:1:2:3:x"], "not of the form"),
        (["--over", "SCENE", "--unknown", "other.tif:1:2:3:4"], "not among"),
        (["--over", "SCENE", "--unknown", "SCENE:0:9999:3:4"], "no window"),
        (["--unknown", "SCENE:1:2:3:4"], "not among"),
    ],
)
def test_the_command_ends_with_status_2_on_bad_input(
    tmp_path: Path,
    scenes: list[Path],
    names: list[str],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from highwall.cli.main import main  # noqa: PLC0415

    shutil.copy(scenes[0], tmp_path / "SCENE")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["highwall", "simulate", "out", *names])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert why in said
    assert not (tmp_path / "out").exists()
