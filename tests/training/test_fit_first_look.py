from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

import highwall
from highwall.models.patches import PATCH, count_in_patch
from highwall.tiles import open_dataset, read_image
from highwall.training.data import read_sample
from highwall.training.first_look import FOLDS, RECALL, Windows, fit_first_look, lay_windows, set_threshold
from highwall.training.folds import site_folds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from highwall.models.first_look import FirstLook
    from highwall.tiles import Dataset

SIDE = 4
"""Height and width of a window in patches."""


@pytest.fixture(scope="module")
def dataset(draw: Callable[..., Any], save: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Eight tiles of grass, each its own site, all but two with a mine in a corner, and some labels unknown."""
    root = tmp_path_factory.mktemp("glance")
    rng = np.random.default_rng(1)
    for number in range(8):
        pixels, mask = draw(100 + number, 160, classes=(0,))
        if number < 6:
            mine, ids = draw(number, 64, classes=(1, 2, 3))
            top, left = rng.integers(0, 96, 2)
            pixels[:, top : top + 64, left : left + 64], mask[top : top + 64, left : left + 64] = mine, ids
        mask[:10, :40] = 255
        save(
            root / "train" / "images" / f"{number}.tif",
            pixels,
            (500 * number, 0),
            ("B02", "B03", "B04", "B08", "B11", "B12"),
        )
        save(root / "train" / "masks" / f"{number}.tif", mask, (500 * number, 0))
    return open_dataset(root)


def fitted(dataset: Dataset, tiles: Sequence[int], sites: Sequence[int], seed: int = 0) -> FirstLook | None:
    return fit_first_look([dataset.tiles[n] for n in tiles], sites, dataset.encoding, seed, SIDE)


def test_a_mine_in_grass_is_seen_at_a_glance(dataset: Dataset) -> None:
    look = fitted(dataset, range(8), range(8))
    assert look is not None
    assert look.recall >= RECALL
    assert look.low <= look.recall <= look.high
    assert look.sites == 6
    assert look.skipped > 0.5
    for tile in dataset.tiles:
        image = read_image(tile.image, dataset.encoding)
        _, labels = read_sample(tile, dataset.encoding)
        mines = count_in_patch((labels > 0) & (labels < 255)) > PATCH**2 // 2
        kept = look.scores(image.pixels, image.valid) >= look.threshold
        assert kept.any() == mines.any()


def test_the_same_tiles_and_seed_give_the_same(dataset: Dataset) -> None:
    one, other = (fitted(dataset, range(8), range(8), seed=3) for _ in range(2))
    assert one is not None
    assert other is not None
    np.testing.assert_equal(one.to_arrays(), other.to_arrays())


def test_without_two_sites_with_mines_there_is_none(dataset: Dataset) -> None:
    assert fitted(dataset, (0, 6, 7), (0, 1, 2)) is None
    assert fitted(dataset, (0, 1, 7), (0, 0, 1)) is None
    assert fitted(dataset, (6, 7), (0, 1)) is None
    assert fitted(dataset, (0, 1, 7), (0, 1, 2)) is not None


def test_tiles_without_labels_have_no_say(dataset: Dataset, tmp_path: Path) -> None:
    blank = tmp_path / "blank.tif"
    with rasterio.open(blank, "w", "GTiff", 160, 160, 1, dtype="uint8") as mask:
        mask.write(np.full((1, 160, 160), 255, np.uint8))
    labelled = dataset.tiles[:2]
    tiles = [*labelled, *(replace(dataset.tiles[2], mask=blank) for _ in range(2 * FOLDS - 2))]
    cuts = (site_folds(range(2 * FOLDS), FOLDS, seed) for seed in range(1000))
    seed = next(seed for seed, cut in enumerate(cuts) if cut[0] == cut[1])  # all that is known in one fold
    look = fit_first_look(tiles, range(2 * FOLDS), dataset.encoding, seed, SIDE)
    alone = fit_first_look(labelled, range(2), dataset.encoding, seed, SIDE)
    assert look is not None
    assert alone is not None
    np.testing.assert_equal(look.to_arrays(), alone.to_arrays())


def random_windows(seed: int) -> Windows:
    rng = np.random.default_rng(seed)
    sites = rng.integers(0, 4, 9)
    scores = [np.round(rng.uniform(0, 1, rng.integers(2, 7, 2)), 1) for _ in sites]
    mine = [rng.integers(0, 50, of.shape) * (of + rng.uniform(0, 0.4, of.shape) > 0.6) for of in scores]
    mine[0][0, 0] = mine[-1][0, 0] = 5
    sites[0], sites[-1] = 0, 1
    return lay_windows(scores, mine, sites.tolist(), SIDE)


@pytest.mark.parametrize("seed", range(8))
def test_recall_is_counted_window_by_window(seed: int) -> None:
    windows = random_windows(seed)
    trial = set_threshold(windows)
    candidates = np.unique(windows.score[windows.mine > 0])
    sites = [site for site in np.unique(windows.site) if windows.mine[windows.site == site].sum()]

    def share(threshold: float, where: Any) -> float:
        kept = sum(int(m) for s, m, w in zip(windows.score, windows.mine, where, strict=True) if w and s >= threshold)
        return kept / int(windows.mine[where].sum())

    everywhere = np.ones(len(windows.mine), bool)
    assert share(trial.threshold, everywhere) >= RECALL
    assert trial.recall >= RECALL
    np.testing.assert_array_equal(trial.of, [windows.mine[windows.site == site].sum() for site in sites])
    if trial.threshold == 0:
        return
    aim = min(a for a in (0.995, 0.996, 0.997, 0.998, 0.9985, 0.999, 0.9995, 1.0) if reached(windows, sites, a))
    assert trial.threshold == max(c for c in candidates if share(c, everywhere) >= aim)
    assert trial.recall == pytest.approx(left_out(windows, sites, aim))


def left_out(windows: Windows, sites: Sequence[Any], aim: float) -> float:
    """Hold the threshold that all sites but one would give against that one, in turn."""
    kept = 0
    for site in sites:
        own = windows.site == site
        score, mine = windows.score[~own], windows.mine[~own]
        enough = [t for t in np.unique(score[mine > 0]) if mine[score >= t].sum() >= aim * mine.sum()]
        kept += windows.mine[own & (windows.score >= max(enough))].sum()
    return float(kept / windows.mine.sum())


def reached(windows: Windows, sites: Sequence[Any], aim: float) -> bool:
    return left_out(windows, sites, aim) >= RECALL


def test_where_sites_differ_too_much_nothing_is_skipped() -> None:
    scores = [np.full((2, 2), 0.9), np.full((2, 2), 0.1)]
    mine = [np.full((2, 2), 10), np.full((2, 2), 10)]
    trial = set_threshold(lay_windows(scores, mine, (0, 1), SIDE))
    assert trial.threshold == 0
    assert trial.recall == 1


def test_a_training_leaves_a_first_look_and_says_what_it_costs(
    dataset: Dataset, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    model = highwall.train(dataset.root, tmp_path / "run", preset="quick", changes=(*tiny, "folds=0", "max_steps=1"))
    assert model.first_look is not None
    folder = tmp_path / "run" / "model"
    assert "first_look.safetensors" in (folder / "SHA256SUMS").read_text()
    facts = json.loads((folder / "model.json").read_text())["properties"]["highwall:facts"]
    assert facts["first_look"] == model.first_look.to_json()
    loaded = highwall.load_model(folder).first_look
    assert loaded is not None
    np.testing.assert_equal(loaded.to_arrays(), model.first_look.to_arrays())
