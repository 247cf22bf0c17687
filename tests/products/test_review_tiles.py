from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.features import rasterize

import highwall
from highwall.errors import BadInput
from highwall.products.review import decide
from highwall.products.review_tiles import cut_reviewed
from highwall.tiles import open_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

SIZE = 32


def review(made: Any, step: int = 1) -> dict[int, int]:
    """Decide about each polygon but every fourth; return class ids after the review, of those that were decided."""
    polygons = made.polygons()
    ids = {}
    for number, (polygon, own) in enumerate(polygons["class_id"].items()):
        if number % (4 * step) == 0:
            ids[polygon] = own
            decide(made.folder, polygon, "accept", reviewer="ana")
        elif number % (4 * step) == 1:
            ids[polygon] = 0
            decide(made.folder, polygon, "reject", reviewer="ana")
        elif number % (4 * step) == 2:
            ids[polygon] = own % 3 + 1
            decide(made.folder, polygon, "reclass", class_id=ids[polygon], reviewer="ana")
    return ids


def truth(made: Any, ids: dict[int, int]) -> NDArray[np.uint8]:
    """Labels of the whole scene, by hand: unknown where nobody decided or the map knows nothing."""
    with rasterio.open(made.folder / "classes.tif") as file:
        labels, transform = np.where(file.read(1) == 255, 255, 0).astype(np.uint8), file.transform
    for polygon, shape in made.polygons().geometry.items():
        labels[rasterize([shape], labels.shape, transform=transform) == 1] = ids.get(polygon, 255)
    return labels


def decided(made: Any, ids: dict[int, int]) -> NDArray[np.bool_]:
    with rasterio.open(made.folder / "classes.tif") as file:
        shape, transform = file.shape, file.transform
    shapes = made.polygons().geometry.loc[[*ids]]
    return np.asarray(rasterize(shapes, shape, transform=transform) == 1)


def read_tiles(folder: Path) -> dict[tuple[int, int], tuple[NDArray[Any], NDArray[Any]]]:
    """Image and mask of each tile, by its row and column in the grid."""
    found = {}
    for path in folder.glob("*/masks/*.tif"):
        row, column = (int(number) for number in path.stem.split("_")[-2:])
        with rasterio.open(path) as mask, rasterio.open(path.parents[1] / "images" / path.name) as image:
            found[row, column] = (image.read(), mask.read(1))
    return found


@pytest.mark.parametrize("step", [1, 3])
def test_labels_are_what_people_decided(make_block_map: Callable[..., Any], tmp_path: Path, step: int) -> None:
    made = make_block_map((224, 256))
    ids = review(made, step)
    cut = cut_reviewed(highwall.open_scene(made.scene), made.folder, tmp_path / "tiles", size=SIZE, val=0)
    labels, there = truth(made, ids), decided(made, ids)
    tiles = read_tiles(tmp_path / "tiles")
    cells = {(row, column) for row, column in np.ndindex(7, 8) if _cell(there, row, column).any()}
    assert set(tiles) == cells
    assert len(cells) == cut.tiles["train"]
    assert cut.empty == 0
    for (row, column), (_, mask) in tiles.items():
        np.testing.assert_array_equal(mask, _cell(labels, row, column))
    assert set(np.unique(labels)) == {0, 1, 2, 3, 255}
    assert cut.notes[0].startswith(f"review: {len(ids)} of {len(made.polygons())} polygons decided")


def _cell(array: NDArray[Any], row: int, column: int) -> NDArray[Any]:
    return array[row * SIZE : (row + 1) * SIZE, column * SIZE : (column + 1) * SIZE]


def test_ground_that_the_map_knows_nothing_of_is_unknown(make_block_map: Callable[..., Any], tmp_path: Path) -> None:
    made = make_block_map((96, 96))
    ids = dict.fromkeys(made.polygons().index, 0)
    for polygon in ids:
        decide(made.folder, polygon, "reject", reviewer="ana")
    larger = np.full((6, 160, 160), 700, np.uint16)  # the scene of another day, without gaps, shifted by 16 pixels
    where = {"crs": "EPSG:32723", "transform": Affine(10, 0, 500_000 - 160, 0, -10, 7_500_000 + 160)}
    shape = {"count": 6, "height": 160, "width": 160, "dtype": "uint16"}
    with rasterio.open(tmp_path / "later.tif", "w", driver="GTiff", **shape, **where) as file:
        file.write(larger)
    cut = cut_reviewed(highwall.open_scene(tmp_path / "later.tif"), made.folder, tmp_path / "tiles", size=SIZE, val=0)
    expected = np.full((160, 160), 255, np.uint8)
    expected[16:112, 16:112] = np.where(made.ids == 255, 255, 0)
    for (row, column), (_, mask) in read_tiles(tmp_path / "tiles").items():
        np.testing.assert_array_equal(mask, _cell(expected, row, column))
    assert any("labels hold if the ground has not changed" in note for note in cut.notes)


def test_the_legend_is_the_map_s(tmp_path: Path, make_scene: Callable[..., Any]) -> None:
    legend = highwall.Legend.from_names({0: "background", 1: "mine ground", 3: "tailings pond"})

    def predict(reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        answer = np.zeros((len(reflectance), 3, *reflectance.shape[2:]), np.float32)
        answer[:, 1] = 1
        return answer

    scene = make_scene(64, 64)
    highwall.map_scene(scene, predict, tmp_path / "map", legend=legend)
    decide(tmp_path / "map", 1, "reclass", class_id=3, reviewer="ana")
    cut = cut_reviewed(scene, tmp_path / "map", tmp_path / "tiles", size=SIZE)
    assert cut.pixels == {"background": 0, "mine ground": 0, "tailings pond": 64 * 64, "unknown": 0}
    assert open_dataset(tmp_path / "tiles").encoding.legend == legend


def test_without_decisions_there_is_nothing_to_cut(make_block_map: Callable[..., Any], tmp_path: Path) -> None:
    made = make_block_map()
    scene = highwall.open_scene(made.scene)
    with pytest.raises(BadInput, match="nobody has decided about any of its polygons"):
        cut_reviewed(scene, made.folder, tmp_path / "tiles")
    (tmp_path / "other").mkdir()
    with pytest.raises(BadInput, match="is no map"):
        cut_reviewed(scene, tmp_path / "other", tmp_path / "tiles")
    assert not (tmp_path / "tiles").exists()
