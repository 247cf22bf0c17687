from __future__ import annotations

import copy
import resource
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from highwall.tiles import open_dataset
from highwall.training.data import read_sample
from highwall.training.decoded import Coding, decode_tiles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from highwall.tiles import Dataset


@pytest.fixture
def make(
    tmp_path: Path, draw: Callable[..., tuple[np.ndarray, np.ndarray]], save: Callable[..., Path]
) -> Callable[..., Dataset]:
    """Make a dataset of tiles of several sizes with holes, as counts or as reflectance of any fineness."""

    def dataset(dtype: type, offset: float = 0) -> Dataset:
        for number, size in enumerate((64, 32, 48)):
            pixels, mask = draw(number, size)
            pixels[:, :5, :9], mask[20:25] = 0, 255
            pixels[2, 30] = 0  # deep shadow
            values = pixels * np.pi / 31416 if dtype is np.float32 else pixels
            save(tmp_path / "data" / "images" / f"{number}.tif", values.astype(dtype))
            save(tmp_path / "data" / "masks" / f"{number}.tif", mask)
        found = open_dataset(tmp_path / "data")
        return replace(found, encoding=replace(found.encoding, offset=offset))

    return dataset


@pytest.mark.parametrize(("dtype", "offset"), [(np.uint16, 0), (np.uint16, -0.1), (np.uint16, 0.0123), (np.float32, 0)])
def test_decoded_tiles_are_what_their_files_hold(
    make: Callable[..., Dataset], tmp_path: Path, dtype: type, offset: float
) -> None:
    dataset = make(dtype, offset)
    path = tmp_path / "run" / "tiles.npy"
    decoded = decode_tiles(dataset.tiles, dataset.encoding, path)
    assert [file.name for file in path.parent.iterdir()] == ["tiles.npy"]
    for tile in reversed(dataset.tiles):
        pixels, labels = read_sample(tile, dataset.encoding)
        planes = decoded[tile]
        assert planes.dtype == dtype  # counts take half the room
        bands = decoded.coding.decode(planes[:-1]) if dtype is np.uint16 else planes[:-1]
        assert np.array_equal(bands, pixels)
        assert np.array_equal(planes[-1], labels)
        assert not planes.flags.writeable


def test_what_is_there_is_taken(make: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make(np.uint16)
    path = tmp_path / "tiles.npy"
    first = decode_tiles(dataset.tiles, dataset.encoding, path)
    before = path.stat().st_mtime_ns
    second = decode_tiles(dataset.tiles, dataset.encoding, path)
    assert path.stat().st_mtime_ns == before
    assert all(np.array_equal(first[tile], second[tile]) for tile in dataset.tiles)


def test_a_copy_maps_the_same_file(make: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make(np.uint16)
    decoded = decode_tiles(dataset.tiles, dataset.encoding, tmp_path / "tiles.npy")
    for tile in dataset.tiles:  # a moving average of weights copies all that its networks are trained with
        assert np.shares_memory(decoded[tile], copy.deepcopy({"tiles": decoded})["tiles"][tile])


def test_where_there_is_no_room_nothing_is_left(make: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make(np.uint16)
    path = tmp_path / "run" / "tiles.npy"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
        with pytest.raises(OSError, match="large"):
            decode_tiles(dataset.tiles, dataset.encoding, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(path.parent.iterdir())
    decoded = decode_tiles(dataset.tiles, dataset.encoding, path)
    assert path.stat().st_blocks * 512 >= decoded.size * 2  # no holes, to be filled when it is too late to complain


@given(
    arrays.arrays(np.uint16, st.tuples(st.integers(1, 4), st.integers(1, 6)), elements=st.integers(0, 65534)),
    st.sampled_from([1e-4, 1 / 255, 1.0, 2.75e-5]),
    st.sampled_from([0.0, -0.1, -0.2]),
)
def test_codes_say_what_counts_say(counts: np.ndarray, scale: float, offset: float) -> None:
    coding = Coding(scale, offset)
    reflectance = counts * np.float32(scale) + np.float32(offset)
    codes = coding.encode(reflectance)
    assert codes is not None
    assert np.array_equal(coding.decode(codes), reflectance)


@given(arrays.arrays(np.float32, 5, elements=st.floats(-2, 8, width=32)))
def test_what_codes_cannot_say_is_not_coded(reflectance: np.ndarray) -> None:
    coding = Coding(1e-4, 0)
    codes = coding.encode(reflectance)
    assert codes is None or np.array_equal(coding.decode(codes), reflectance)
    assert coding.encode(np.float32([0.12345678])) is None
    assert coding.encode(np.float32([-0.0001])) is None
