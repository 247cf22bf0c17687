import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from highwall.sentinel2 import DEFAULT_BANDS
from highwall.simulation import AWAY, HOME, Region, draw_site, render_site
from highwall.simulation.site import majority

MIDDLE = ((0.5, 0.5),)
SCENES = Path(os.environ.get("HIGHWALL_DATA", Path(__file__).parents[3] / "shared" / "data")) / "scenes"


@pytest.mark.parametrize("region", [HOME, AWAY])
@pytest.mark.parametrize("shape", [(64, 64), (200, 37), (257, 129)])
def test_any_size_renders(region: Region, shape: tuple[int, int]) -> None:
    image, labels = render_site(draw_site(np.random.default_rng(shape), region, MIDDLE), shape)
    assert image.bands == DEFAULT_BANDS
    assert image.pixels.shape == (6, *shape)
    assert image.pixels.dtype == np.float32
    assert image.valid.all()
    assert labels.shape == shape
    assert labels.dtype == np.uint8
    assert labels.max() <= 3
    assert np.isfinite(image.pixels).all()
    assert image.pixels.min() > 0
    assert image.pixels.max() <= 1.5


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.tuples(st.integers(16, 40), st.integers(16, 40)), st.sampled_from([HOME, AWAY]))
def test_small_sites_render_and_repeat(seed: int, shape: tuple[int, int], region: Region) -> None:
    site = draw_site(np.random.default_rng(seed), region, MIDDLE)
    image, labels = render_site(site, shape)
    again, labels_again = render_site(site, shape)
    assert np.array_equal(image.pixels, again.pixels)
    assert np.array_equal(labels, labels_again)


def test_sites_without_mines_have_no_target_classes() -> None:
    _, labels = render_site(draw_site(np.random.default_rng(0), HOME, ()), (96, 96))
    assert not labels.any()


def test_mines_cover_a_fair_share_of_a_tile() -> None:
    shares = [
        (render_site(draw_site(np.random.default_rng(i), HOME, MIDDLE), (128, 128))[1] > 0).mean() for i in range(12)
    ]
    assert 0.12 < np.mean(shares) < 0.45


def test_regions_differ_in_light_and_season() -> None:
    home, away = ([draw_site(np.random.default_rng(i), region, MIDDLE) for i in range(60)] for region in (HOME, AWAY))
    assert np.mean([s.light.altitude for s in home]) > np.mean([s.light.altitude for s in away]) + 10
    assert np.mean([s.vigour for s in home]) > np.mean([s.vigour for s in away]) + 0.2
    assert not {s.country for s in home} & {s.country for s in away}


def test_swir_bands_are_smoother_than_visible_ones() -> None:
    image, _ = render_site(draw_site(np.random.default_rng(2), HOME, MIDDLE), (128, 128))
    step = np.abs(np.diff(image.pixels, axis=2)).mean((1, 2)) / image.pixels.std((1, 2))
    assert step[4:].max() < step[:4].min()


@given(arrays.arrays(np.uint8, st.tuples(st.just(6), st.just(8)), elements=st.integers(0, 3)))
def test_majority_agrees_with_counting(labels: np.ndarray) -> None:
    coarse = majority(labels, 2)
    for row, column in np.ndindex(3, 4):
        block = labels[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel()
        assert coarse[row, column] == np.bincount(block).argmax()


@pytest.mark.skipif(not SCENES.is_dir(), reason=f"real scenes to compare with are not at {SCENES}")
def test_band_statistics_lie_among_those_of_real_scenes() -> None:
    real = []
    for path in SCENES.glob("*.tif"):
        with rasterio.open(path) as scene:
            pixels = scene.read()[:, ::5, ::5].reshape(6, -1) * 1e-4
            real.append(np.percentile(pixels[:, (pixels > 0).all(0)], [10, 50, 90], axis=1))
    lowest, highest = np.min(real, axis=0), np.max(real, axis=0)
    for region in (HOME, AWAY):
        sites = (draw_site(np.random.default_rng(i), region, MIDDLE) for i in range(14))
        drawn = np.concatenate([render_site(site, (64, 64))[0].pixels.reshape(6, -1) for site in sites], axis=1)
        simulated = np.percentile(drawn, [10, 50, 90], axis=1)
        assert (simulated >= 0.8 * lowest).all()
        assert (simulated <= 1.2 * highest).all()
