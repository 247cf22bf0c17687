from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from highwall.legend import UNKNOWN
from highwall.models.answers import ask_networks
from highwall.models.backends import in_torch
from highwall.models.config import NetworkConfig
from highwall.models.features import feature_names, features
from highwall.models.networks import Networks, Normalisation, build_networks
from highwall.tiles import Dataset, open_dataset
from highwall.training.config import make_recipe
from highwall.training.data import read_sample
from highwall.training.folds import site_folds
from highwall.training.level2 import Evidence, ask, cross_fit, join

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = ("x", "y")
RECIPE = make_recipe("quick", ["forest.trees=10", "forest.min_leaf=1", "forest.max_depth=none", "folds=3"])


def evidence(rows: np.ndarray, labels: np.ndarray, tile: np.ndarray, average: np.ndarray | None = None) -> Evidence:
    average = labels if average is None else average
    answers = {"networks": np.eye(4, dtype=np.float32)[average]}
    return Evidence({}, rows.astype(np.float32), labels.astype(np.uint8), answers, tile)


def accuracy(matrices: np.ndarray) -> float:
    total = matrices.sum(0)
    return float(np.trace(total) / total.sum())


def test_a_site_never_judges_itself() -> None:
    # Labels are random by site, and features say nothing but which site it is: memory would be perfect.
    rng = np.random.default_rng(0)
    site_of_tile = np.repeat(np.arange(60), 2)
    label_of_site = rng.integers(0, 4, 60)
    place_of_site = rng.uniform(0, 1, (60, 2))
    tile = np.repeat(np.arange(120), 20)
    rows, labels = place_of_site[site_of_tile[tile]], label_of_site[site_of_tile[tile]]
    folds = site_folds(site_of_tile.tolist(), RECIPE.folds, 0)
    matrices = cross_fit(evidence(rows, labels, tile), folds, NAMES, 4, RECIPE.forest, 0).matrices
    assert accuracy(matrices["networks"]) == 1
    # Chance is 1/4; with 60 sites, 0.25 + 4 standard deviations of a binomial distribution is 0.47.
    assert accuracy(matrices["forest"]) < 0.48
    torn = site_folds(list(range(120)), RECIPE.folds, 0)
    alone = cross_fit(evidence(rows, labels, tile), torn, NAMES, 4, RECIPE.forest, 0).matrices
    assert accuracy(alone["forest"]) > 0.6  # where twins are called two sites, memory does pay


def test_what_can_be_learned_from_other_sites_is_learned() -> None:
    rng = np.random.default_rng(1)
    tile = np.repeat(np.arange(9), 200)
    labels = rng.integers(0, 3, len(tile))
    rows = np.stack([labels + rng.uniform(0, 0.5, len(tile)), rng.uniform(0, 1, len(tile))], 1)
    average = rng.integers(0, 3, len(tile))
    folds = site_folds(list(range(9)), RECIPE.folds, 0)
    matrices = cross_fit(evidence(rows, labels, tile, average), folds, NAMES, 3, RECIPE.forest, 0).matrices
    assert accuracy(matrices["forest"]) > 0.99
    for number in range(9):
        here = tile == number
        assert matrices["forest"][number].sum() == matrices["networks"][number].sum() == 200
        right = np.count_nonzero(average[here] == labels[here])
        assert np.trace(matrices["networks"][number]) == right


def test_folds_are_joined_in_the_order_of_the_tiles() -> None:
    def part(tiles: list[int]) -> Evidence:
        tile = np.repeat(np.arange(len(tiles)), 3)
        places = np.array(tiles)[tile]
        matrices = np.stack([np.full((2, 2), 10 + number) for number in tiles])
        rows = np.stack([places, np.arange(len(places))], 1).astype(np.float32)
        return Evidence({"unet": matrices}, rows, (places % 3).astype(np.uint8), {"unet": (places % 2)[:, None]}, tile)

    joined = join([(part([4, 1]), [4, 1]), (part([0, 2, 3]), [0, 2, 3])], 5)
    assert joined.matrices["unet"][:, 0, 0].tolist() == [10, 11, 12, 13, 14]
    assert joined.tile.tolist() == joined.rows[:, 0].astype(int).tolist()
    assert (joined.labels == joined.tile % 3).all()
    assert (joined.probabilities["unet"][:, 0] == joined.tile % 2).all()
    assert sorted(joined.tile.tolist()) == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3


@pytest.fixture(scope="module")
def networks() -> Networks:
    torch.manual_seed(0)
    configs = {name: NetworkConfig(architecture=name, encoder="tu-test_efficientnet") for name in ("unet", "fpn")}
    normalisation = Normalisation(mean=(0.2,) * 6, std=(0.1,) * 6)
    return build_networks(configs, ("B02", "B03", "B04", "B08", "B11", "B12"), 4, normalisation)


@pytest.fixture
def tiles(tmp_path: Path, draw: Callable[..., tuple[np.ndarray, np.ndarray]], save: Callable[..., Path]) -> Dataset:
    """Three tiles, a part of each unknown."""
    for number in range(3):
        pixels, mask = draw(number)
        mask[: 8 * number + 4] = 255
        pixels[:, 40:50, 40:50] = 0
        save(tmp_path / "images" / f"{number}.tif", pixels)
        save(tmp_path / "masks" / f"{number}.tif", mask)
    return open_dataset(tmp_path)


@pytest.mark.parametrize("answers", ["masks", "probabilities"])
def test_evidence_is_what_the_networks_say_of_known_pixels(networks: Networks, tiles: Dataset, answers: str) -> None:
    config = RECIPE.forest.model_copy(update={"answers": answers})
    whole = ask(networks, tiles.tiles, tiles.encoding, config, 1, 0)
    names = feature_names(tiles.encoding.bands, networks.names, tiles.encoding.legend, config.answers)
    for number, tile in enumerate(tiles.tiles):
        pixels, labels = read_sample(tile, tiles.encoding)
        known = labels != UNKNOWN
        here = whole.tile == number
        assert (whole.labels[here] == labels[known]).all()
        np.testing.assert_array_equal(whole.rows[here, :6].T, pixels[:, known])
        seen = ask_networks(in_torch(networks, torch.float32), pixels[None])
        members, average = seen.members, seen.average
        assert (average[0][:, known] == whole.probabilities["networks"][here].T).all()
        said = {"unet": members[0, 0], "fpn": members[1, 0]}
        for column, name in enumerate(names[6:], 6):
            member, _, kind = name.partition(": ")
            told = (
                said[member].argmax(0) if answers == "masks" else said[member][tiles.encoding.legend.names.index(kind)]
            )
            np.testing.assert_allclose(whole.rows[here, column], told[known], atol=1e-6)
        for level, answer in (said | {"networks": average[0]}).items():
            expected = np.zeros((4, 4), int)
            np.add.at(expected, (labels[known], answer.argmax(0)[known]), 1)
            np.testing.assert_array_equal(whole.matrices[level][number], expected)


def test_the_share_drawn_is_even_over_tiles_and_a_matter_of_the_seed(networks: Networks, tiles: Dataset) -> None:
    whole = ask(networks, tiles.tiles, tiles.encoding, RECIPE.forest, 1, 0)
    part = ask(networks, tiles.tiles, tiles.encoding, RECIPE.forest, 0.1, 0)
    for number in range(3):
        assert np.count_nonzero(part.tile == number) == round(0.1 * np.count_nonzero(whole.tile == number))
        everything = {row.tobytes() for row in whole.rows[whole.tile == number]}
        drawn = [row.tobytes() for row in part.rows[part.tile == number]]
        assert set(drawn) <= everything
        assert len(set(drawn)) == len(drawn)  # no pixel twice
    for level, matrix in whole.matrices.items():  # the scores are those of all pixels nevertheless
        np.testing.assert_array_equal(part.matrices[level], matrix)
    same, other = (ask(networks, tiles.tiles, tiles.encoding, RECIPE.forest, 0.1, seed) for seed in (0, 1))
    assert np.array_equal(same.rows, part.rows)
    assert not np.array_equal(other.rows, part.rows)
    assert len(ask(networks, tiles.tiles, tiles.encoding, RECIPE.forest, 0, 0).rows) == 0


def test_features_of_several_tiles_are_rows_of_pixels() -> None:
    rng = np.random.default_rng(0)
    reflectance = rng.uniform(0, 1, (6, 2, 3, 5)).astype(np.float32)
    probabilities = rng.dirichlet(np.ones(4), (2, 2, 3, 5)).astype(np.float32).transpose(0, 4, 1, 2, 3)
    masks = features(reflectance, probabilities, "masks")
    shares = features(reflectance, probabilities, "probabilities")
    assert masks.shape == (30, 8)
    assert shares.shape == (30, 14)
    for row, (n, y, x) in enumerate(np.ndindex(2, 3, 5)):
        np.testing.assert_array_equal(masks[row, :6], reflectance[:, n, y, x])
        assert masks[row, 6:].tolist() == [probabilities[m, :, n, y, x].argmax() for m in range(2)]
        np.testing.assert_array_equal(shares[row, 6:10], probabilities[0, :, n, y, x])
        np.testing.assert_array_equal(shares[row, 10:], probabilities[1, :, n, y, x])
