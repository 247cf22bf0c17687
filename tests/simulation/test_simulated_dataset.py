import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.coords import disjoint_bounds
from rasterio.warp import transform_bounds

from highwall.errors import BadInput
from highwall.legend import DEFAULT_LEGEND, Legend
from highwall.sentinel2 import DEFAULT_BANDS
from highwall.simulation import simulate

SIZE = 96
TILES = {"train": 5, "val": 2, "open": 2, "closed": 3}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated dataset."""
    out = tmp_path_factory.mktemp("simulated") / "tiles"
    simulate(out, tiles=TILES, size=SIZE, seed=3)
    return out


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_layout_is_that_of_the_competition(dataset: Path) -> None:
    for split, count in TILES.items():
        names = [f"{split}_{i:03d}.tif" for i in range(count)]
        assert [p.name for p in sorted((dataset / split / "images").iterdir())] == names
        assert [p.name for p in sorted((dataset / split / "masks").iterdir())] == names
    assert sorted(p.name for p in dataset.iterdir()) == ["closed", "dataset.toml", "open", "train", "val"]


def test_dataset_toml_says_how_to_read_the_files(dataset: Path) -> None:
    told = tomllib.loads((dataset / "dataset.toml").read_text())
    assert tuple(told["bands"]) == DEFAULT_BANDS
    assert (told["scale"], told["offset"]) == (1e-4, 0.0)
    assert Legend.from_names({int(i): name for i, name in told["legend"].items()}) == DEFAULT_LEGEND


def test_rasterio_reads_images_and_masks(dataset: Path) -> None:
    for path in sorted(dataset.glob("*/images/*.tif")):
        with rasterio.open(path) as image, rasterio.open(path.parents[1] / "masks" / path.name) as mask:
            assert image.descriptions == DEFAULT_BANDS
            assert set(image.dtypes) == {"uint16"}
            assert image.nodata == 0
            assert mask.dtypes == ("uint8",)
            assert image.shape == mask.shape == (SIZE, SIZE)
            assert image.crs == mask.crs
            assert image.crs.is_projected
            assert image.transform == mask.transform
            assert image.res == (10, 10)
            assert image.compression.name == mask.compression.name == "deflate"
            pixels = image.read()
            assert pixels.min() > 0
            assert pixels.max() <= 15_000
            assert set(np.unique(mask.read())) <= set(DEFAULT_LEGEND.ids)
            colours = mask.colormap(1)
            assert all(colours[value] == colour for value, colour in DEFAULT_LEGEND.colormap.items() if value < 255)


def test_each_split_shows_each_class(dataset: Path) -> None:
    for split in TILES:
        seen: set[int] = set()
        for path in (dataset / split / "masks").iterdir():
            with rasterio.open(path) as mask:
                seen |= set(np.unique(mask.read()).tolist())
        assert seen == set(DEFAULT_LEGEND.ids)


def test_splits_lie_kilometres_apart(dataset: Path) -> None:
    places = []
    for path in dataset.glob("*/images/*.tif"):
        with rasterio.open(path) as image:
            left, bottom, right, top = image.bounds
            wide = (left - 5000, bottom - 5000, right + 5000, top + 5000)
            places.append((path.parents[1].name, transform_bounds(image.crs, "EPSG:4326", *wide)))
    for (split, box), (other, other_box) in combinations(places, 2):
        if split != other:
            assert disjoint_bounds(box, other_box)


def test_neighbouring_tiles_of_a_site_join_without_a_seam(dataset: Path) -> None:
    tiles = {}
    for path in dataset.glob("*/images/*.tif"):
        with rasterio.open(path) as image:
            tiles[image.crs.to_epsg(), image.bounds.left, image.bounds.top] = image.read().astype(float)
    pairs = [
        (tile, tiles[crs, left + 10 * SIZE, top])
        for (crs, left, top), tile in tiles.items()
        if (crs, left + 10 * SIZE, top) in tiles
    ]
    assert pairs
    for west, east in pairs:
        across = np.abs(west[:, :, -1] - east[:, :, 0]).mean()
        within = np.abs(np.diff(west, axis=2)).mean() + np.abs(np.diff(east, axis=2)).mean()
        assert across < within  # twice the usual step from column to column


def test_same_seed_same_bytes_and_other_seed_other_pixels(tmp_path: Path) -> None:
    tiles = {"train": 2, "closed": 1}
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        simulate(tmp_path / name, tiles=tiles, size=48, seed=seed)
    a, b, c = (files(tmp_path / name) for name in "abc")
    assert a == b
    assert set(a) == set(c)
    assert all(a[name] != c[name] for name in a if "images" in name)


def test_progress_counts_up_to_all_tiles(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    simulate(tmp_path / "out", tiles={"val": 4}, size=16, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (4, 4)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    simulate(out, tiles={"val": 1}, size=16)
    assert (out / "dataset.toml").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        simulate(tmp_path / "out", tiles={"val": 1}, size=16)
    assert files(tmp_path) == {"out/thesis.txt": b"mine"}


@pytest.mark.parametrize(
    ("tiles", "size", "why"),
    [
        ({"test": 1}, 64, "no such split"),
        ({"val": -1}, 64, "fewer"),
        ({}, 64, "one tile"),
        ({"val": 1}, 8, "too small"),
    ],
)
def test_impossible_wishes_are_refused_in_one_line(tmp_path: Path, tiles: dict[str, int], size: int, why: str) -> None:
    with pytest.raises(BadInput, match=why) as error:
        simulate(tmp_path / "out", tiles=tiles, size=size)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="negative"):
        simulate(tmp_path / "out", tiles={"val": 1}, size=16, seed=-1)


def test_an_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "out", tiles={"val": 2}, size=16, progress=stop)
    assert not list(tmp_path.iterdir())
