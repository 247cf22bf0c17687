"""Bands that an image lacks: what the networks see in their place, and which may be missing."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from missing_fixtures import MEASURED, with_dropout

from highwall.errors import BadInput
from highwall.models.missing import FewerBands, card_text, fill, measurements
from highwall.models.model import AVERAGE
from highwall.sentinel2 import DEFAULT_BANDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from highwall.models.model import Model

RGB = ("B02", "B03", "B04")


@pytest.fixture
def pixels() -> NDArray[np.float32]:
    """Two images of all bands, the second with a hole."""
    made = np.random.default_rng(0).uniform(0.01, 0.5, (2, 6, 70, 64)).astype(np.float32)
    made[1, :, 10:30, 5:50] = 0
    return made


def seen_by_networks(model: Model, reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the first network is given."""
    found: list[NDArray[np.float32]] = []
    network = next(iter(model.networks.members.values()))
    hook = network.register_forward_pre_hook(lambda _, given: found.append(given[0].numpy().copy()))
    try:
        model.ask(reflectance)
    finally:
        hook.remove()
    return found[0]


@pytest.mark.parametrize("present", [RGB, ("B03", "B04", "B08"), ("B02", "B03", "B04", "B11"), DEFAULT_BANDS[:5]])
def test_networks_see_exactly_zero_in_missing_bands_and_the_others_as_they_are(
    lenient: Model, pixels: NDArray[np.float32], present: tuple[str, ...]
) -> None:
    there = [band in present for band in DEFAULT_BANDS]
    expected = seen_by_networks(lenient, pixels)
    expected[:, [not one for one in there]] = 0
    fewer = lenient.for_bands(present)
    assert fewer.bands == present
    np.testing.assert_array_equal(seen_by_networks(fewer, pixels[:, there]), expected)


@given(st.data())
def test_no_data_stays_no_data_and_data_stays_data(data: st.DataObject) -> None:
    present = data.draw(st.lists(st.sampled_from(DEFAULT_BANDS), min_size=1, max_size=6, unique=True))
    mean = data.draw(st.lists(st.floats(-1, 1, width=32), min_size=6, max_size=6))
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    given_ = rng.integers(0, 2, (1, len(present), 5, 7)).astype(np.float32)
    full = fill(given_, present, DEFAULT_BANDS, mean)
    valid = given_.any(1)
    assert full.dtype == np.float32
    for number, band in enumerate(DEFAULT_BANDS):
        expected = given_[:, present.index(band)] if band in present else valid * np.float32(mean[number])
        np.testing.assert_array_equal(full[:, number], expected)
    np.testing.assert_array_equal((full != 0).any(1), valid)


def test_the_average_counts_and_nothing_that_knows_all_bands_is_asked(
    lenient: Model, pixels: NDArray[np.float32]
) -> None:
    fewer = lenient.for_bands(RGB)
    there = pixels[:, :3]
    full = pixels.copy()
    mean = np.array(lenient.normalisation.mean, np.float32)[3:, None, None]
    full[:, 3:] = np.where((there != 0).any(1)[:, None], mean, 0)
    expected = lenient.ask(full).average
    assert fewer.final == AVERAGE
    assert (fewer.forest, fewer.record, fewer.first_look) == (None, None, None)
    np.testing.assert_array_equal(fewer(there), expected)
    np.testing.assert_array_equal(fewer.labels(there), expected.argmax(1))
    assert set(fewer.levels(there)) == {*lenient.networks.names, AVERAGE}
    np.testing.assert_array_equal(fewer.levels(there)[AVERAGE], expected)
    with pytest.raises(ValueError, match="no record"):
        fewer.with_applicability(there)


def test_it_is_itself_where_no_band_is_missing_and_another_model_where_one_is(lenient: Model) -> None:
    assert lenient.for_bands(("B12", "B8A", *DEFAULT_BANDS[:5])) is lenient
    fewer = lenient.for_bands(("B8A", "B04", "B02", "B03"))
    assert fewer.bands == RGB
    assert fewer.for_bands(RGB) is fewer
    assert lenient.missing is None
    assert len({lenient.fingerprint, fewer.fingerprint, lenient.for_bands((*RGB, "B11")).fingerprint}) == 3


def test_a_model_with_fewer_bands_still_can_do_with_other_bands(lenient: Model, pixels: NDArray[np.float32]) -> None:
    again = lenient.for_bands((*RGB, "B08")).for_bands(RGB)
    assert again.fingerprint == lenient.for_bands(RGB).fingerprint
    np.testing.assert_array_equal(again(pixels[:, :3]), lenient.for_bands(RGB)(pixels[:, :3]))
    with pytest.raises(BadInput, match="B02 B03 B04 or B03 B04 B08 at least"):
        again.for_bands(["B02", "B08"])


def test_a_copy_and_another_backend_do_without_them_too(lenient: Model, pixels: NDArray[np.float32]) -> None:
    fewer = lenient.for_bands(RGB)
    again = pickle.loads(pickle.dumps(fewer)).computed_by("torch-float32")  # noqa: S301 - our own
    assert again.missing == fewer.missing
    np.testing.assert_allclose(again(pixels[:, :3]), fewer(pixels[:, :3]), atol=1e-6)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (RGB, "B08, B11, B12 are missing: expect mIoU about 31 instead of 40 (on held-out sites of the training)"),
        (
            ("B12", *RGB),
            (
                "B08, B11 are missing: expect mIoU about 31 instead of 40 "
                "(with B02 B03 B04 alone, on held-out sites of the training)"
            ),
        ),
        (
            DEFAULT_BANDS[:4],
            (
                "B11, B12 are missing: expect mIoU about 35 instead of 40 "
                "(with B03 B04 B08 alone, on held-out sites of the training)"
            ),
        ),
        (
            DEFAULT_BANDS[1:],
            (
                "B02 is missing: expect mIoU about 35 instead of 40 "
                "(with B03 B04 B08 alone, on held-out sites of the training)"
            ),
        ),
    ],
)
def test_it_says_what_it_costs(lenient: Model, there: tuple[str, ...], expected: str) -> None:
    missing = lenient.for_bands(there).missing
    assert missing is not None
    told = "; the networks' average counts, since the forest learned from all bands"
    assert missing.sentence == expected + told * (lenient.final == "forest")
    document = missing.to_json()
    assert document["bands"] == [band for band in DEFAULT_BANDS if band not in there]
    assert document["sentence"] == missing.sentence
    assert set(document["measured_with"]) <= set(there)


def test_what_is_not_allowed_is_refused(trained: Any, lenient: Model) -> None:
    with pytest.raises(
        BadInput, match=r"^band B08 B11 B12 is missing \(there are B04 B03 B02\), and the model was not"
    ):
        trained.model.for_bands(("B04", "B03", "B02"))
    with pytest.raises(BadInput, match="not trained with band dropout"):
        with_dropout(trained.model, *MEASURED, share=0).for_bands(RGB)
    with pytest.raises(BadInput, match="nothing told how the model fares without"):
        with_dropout(trained.model).for_bands(RGB)
    with pytest.raises(BadInput, match=r"^band B03 B04 is missing \(there are B02 B08 B11 B12\), and the model needs"):
        lenient.for_bands(("B02", "B08", "B11", "B12"))


def test_measurements_survive_the_facts_and_damage_shows(lenient: Model) -> None:
    assert measurements(lenient.facts) == [*MEASURED]
    assert measurements({}) == []
    assert card_text({}) == ""
    assert "with B02 B03 B04 alone expect mIoU about 31 instead of 40" in card_text(lenient.facts)
    document = MEASURED[0].to_json()
    for key in document:
        with pytest.raises(BadInput, match="damaged"):
            FewerBands.from_json({name: value for name, value in document.items() if name != key})
