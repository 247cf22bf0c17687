from dataclasses import replace

import numpy as np
import pytest

from highwall.simulation import BARREN, HOME, draw_site, render_site
from highwall.simulation.barren import Scenery


@pytest.mark.parametrize("scenery", list(Scenery))
def test_look_alikes_are_background_and_repeat(scenery: Scenery) -> None:
    site = replace(draw_site(np.random.default_rng(1), BARREN, ()), scenery=scenery)
    image, labels = render_site(site, (48, 48))
    again, _ = render_site(site, (48, 48))
    assert not labels.any()
    assert np.isfinite(image.pixels).all()
    assert image.pixels.min() >= 0.0001
    assert image.pixels.max() <= 1.5
    assert np.array_equal(image.pixels, again.pixels)
    plain, _ = render_site(replace(site, scenery=None), (48, 48))
    assert not np.array_equal(image.pixels, plain.pixels)


def test_a_salt_pan_is_brighter_than_a_beach_in_blue_and_darker_in_the_short_waves() -> None:
    means = {}
    for scenery in (Scenery.SALT, Scenery.DUNES):
        brightest = []
        for seed in range(4):
            site = replace(draw_site(np.random.default_rng(seed), BARREN, ()), scenery=scenery)
            pixels = render_site(site, (96, 96))[0].pixels.reshape(6, -1)
            brightest.append(pixels[:, np.argsort(pixels[0])[-200:]].mean(axis=1))
        means[scenery] = np.mean(brightest, axis=0)
    assert means[Scenery.SALT][0] > 1.3 * means[Scenery.DUNES][0]
    assert means[Scenery.SALT][5] < means[Scenery.SALT][3]
    assert means[Scenery.DUNES][5] > means[Scenery.DUNES][2]


def test_mines_may_lie_in_barren_land() -> None:
    _, labels = render_site(draw_site(np.random.default_rng(3), BARREN, ((0.5, 0.5),)), (128, 128))
    assert labels.any()


def test_other_regions_show_no_look_alikes() -> None:
    assert all(draw_site(np.random.default_rng(seed), HOME, ()).scenery is None for seed in range(5))
    shown = {draw_site(np.random.default_rng(seed), BARREN, ()).scenery for seed in range(80)}
    assert shown == set(Scenery)
