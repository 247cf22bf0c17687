from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from highwall.forecasting.domain import DomainShift, Giveaway, domain_shift
from highwall.forecasting.looks import look_names
from highwall.sentinel2 import DEFAULT_BANDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = look_names(DEFAULT_BANDS)
MIX = np.random.default_rng(99).normal(size=(6, len(NAMES)))
"""Statistics of real tiles hang together: here by six hidden ones."""


def looks(rng: np.random.Generator, tiles: int) -> NDArray[np.float32]:
    mixed = rng.normal(size=(tiles, 6)) @ MIX + 0.3 * rng.normal(size=(tiles, len(NAMES)))
    return (0.2 + 0.02 * mixed).astype(np.float32)


def shift(training: NDArray[Any], new: NDArray[Any], seed: int = 0) -> DomainShift:
    """Compare tiles, each of them a site."""
    return domain_shift(training, range(len(training)), new, range(len(new)), NAMES, seed)


@pytest.mark.parametrize(("tiles", "others"), [(10, 10), (45, 10), (20, 4), (5, 5)])
def test_draws_of_one_kind_are_not_told_apart(tiles: int, others: int) -> None:
    found = [shift(looks(rng, tiles), looks(rng, others)) for rng in map(np.random.default_rng, range(12))]
    aucs = [each.auc for each in found if each.auc is not None]
    assert len(aucs) == len(found)
    error = np.std(aucs) / np.sqrt(len(aucs))
    assert error < 0.1
    assert abs(np.mean(aucs) - 0.5) < 3 * error
    assert sum(bool(each.giveaways) for each in found) <= 3  # 12 trials at 5 %: more than 3 in 1 of 400


@pytest.mark.parametrize(("tiles", "others"), [(2, 2), (10, 3), (45, 12)])
def test_what_is_far_off_is_told(tiles: int, others: int) -> None:
    rng = np.random.default_rng(1)
    found = shift(looks(rng, tiles), looks(rng, others) + np.float32(0.5))
    assert found.auc == 1
    if tiles == 2:  # can be chance
        assert found.describe() == ""
    else:
        assert found.describe() == "brighter in B02, B03 and B04, rougher in B02 and B03"  # of equals the first


def test_one_statistic_is_enough_and_named_with_its_medians() -> None:
    rng = np.random.default_rng(2)
    training, new = looks(rng, 30), looks(rng, 12)
    column = NAMES.index("B12 p75")
    new[:, column] -= 1
    found = shift(training, new)
    assert found.auc is not None
    assert found.auc > 0.9
    first = found.giveaways[0]
    assert (first.name, first.auc, first.higher) == ("B12 p75", 1, False)
    assert first.training == pytest.approx(np.median(training[:, column]))
    assert first.new == pytest.approx(np.median(new[:, column]))
    assert found.describe().startswith("darker in B12")


def test_giveaways_are_areas_under_curves_of_site_medians() -> None:
    rng = np.random.default_rng(3)
    training, new = looks(rng, 40), looks(rng, 24)
    new += np.float32(0.06)
    sites, others = np.arange(40) // 2, 7 * (np.arange(24) // 3)
    found = domain_shift(training, sites, new, others, NAMES)
    assert found.giveaways
    aucs = [giveaway.auc for giveaway in found.giveaways]
    assert aucs == sorted(aucs, reverse=True)
    for giveaway in found.giveaways:
        column = NAMES.index(giveaway.name)
        medians = [np.median(training[sites == site, column]) for site in np.unique(sites)]
        medians += [np.median(new[others == site, column]) for site in np.unique(others)]
        expected = roc_auc_score(np.arange(28) >= 20, medians)
        assert giveaway.auc == pytest.approx(max(expected, 1 - expected))
        assert giveaway.higher == (expected > 0.5)


def test_one_giveaway_to_a_subject_and_five_at_most() -> None:
    rng = np.random.default_rng(4)
    found = shift(looks(rng, 20), looks(rng, 20) + np.float32(1))
    assert len({giveaway.subject for giveaway in found.giveaways}) == len(found.giveaways) == 5


def test_tiles_of_one_site_are_never_split() -> None:
    """Four copies of each tile: whoever saw one of them knows the others."""
    aucs = []
    for rng in map(np.random.default_rng, range(8)):
        training, new = (looks(rng, 8).repeat(4, axis=0) for _ in range(2))
        sites = np.arange(32) // 4
        aucs.append(domain_shift(training, sites, new, sites, NAMES).auc)
    assert shift(training, new).auc > 0.8  # type: ignore[operator] # leaks, as each tile is said to be a site
    assert abs(np.mean(aucs) - 0.5) < 3 * np.std(aucs) / np.sqrt(8)  # type: ignore[arg-type]


@pytest.mark.parametrize(("tiles", "sites"), [(0, []), (1, [0]), (5, [3] * 5)])
def test_fewer_than_two_sites_tell_nothing(tiles: int, sites: list[int]) -> None:
    rng = np.random.default_rng(5)
    training, new = looks(rng, 20), looks(rng, tiles) + np.float32(1)
    for found in (
        domain_shift(training, range(20), new, sites, NAMES),
        domain_shift(new, sites, training, range(20), NAMES),
    ):
        assert found == DomainShift(None, ())
        assert found.describe() == ""


def test_numbers_of_sites_of_one_side_mean_nothing_to_the_other() -> None:
    rng = np.random.default_rng(6)
    training, new = looks(rng, 12), looks(rng, 9)
    sites = np.arange(9) // 2
    same = domain_shift(training, np.arange(12) // 3, new, sites, NAMES)
    assert domain_shift(training, np.arange(12) // 3, new, 50 + sites, NAMES) == same


@pytest.mark.filterwarnings("error")
def test_tiles_without_data_and_statistics_that_are_unknown_or_constant_do_no_harm() -> None:
    rng = np.random.default_rng(7)
    training, new = looks(rng, 20), looks(rng, 10) + np.float32(0.3)
    training[:, 3] = new[:, 3] = 0.25  # always the same
    training[:, 5] = new[:, 5] = np.nan  # unknown everywhere
    training[:, 7] = np.nan  # on one side
    new[rng.random(new.shape) < 0.1] = np.nan
    found = shift(training, new)
    assert found.auc == 1
    gap = np.full((1, len(NAMES)), np.nan, np.float32)
    assert shift(np.concatenate([training, gap]), np.concatenate([new, gap])) == found
    assert not {NAMES[3], NAMES[5], NAMES[7]} & {giveaway.name for giveaway in found.giveaways}
    json.dumps(found.to_json(), allow_nan=False)


def test_a_statistic_that_training_holds_constant_tells() -> None:
    rng = np.random.default_rng(8)
    training, new = looks(rng, 20), looks(rng, 3)
    before = shift(training, new).auc
    training[:, 0], new[:, 0] = 0, 1
    after = shift(training, new).auc
    assert before is not None
    assert after is not None
    assert before < 0.7
    assert after > 0.85


def test_one_seed_one_answer() -> None:
    rng = np.random.default_rng(9)
    training, new = looks(rng, 11), looks(rng, 6)
    assert shift(training, new, 1) == shift(training, new, 1)
    assert shift(training, new, 1).auc != shift(training, new, 2).auc


def test_words() -> None:
    def gives(name: str, higher: bool) -> Giveaway:
        return Giveaway(name, 0.9, higher, 0.0, 1.0)

    told = (gives("B12 p75", True), gives("NDVI", False), gives("B11 p50", True), gives("B02 texture", False))
    assert DomainShift(0.9, told).describe() == "brighter in B11 and B12, less green, smoother in B02"
    assert DomainShift(0.9, (gives("NDMI", False), gives("BSI", True))).describe() == "drier, barer"
    assert DomainShift(0.9, (gives("NDWI", True), gives("B03 p01", False))).describe() == "less green, darker in B03"
