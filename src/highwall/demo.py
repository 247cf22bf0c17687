"""The whole workflow on simulated tiles, to see it before having data."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from highwall import api
from highwall.errors import BadInput
from highwall.evaluation.sheet import draw_sheet
from highwall.files import write_json
from highwall.products.map import map_scene
from highwall.simulation import DEFAULT_TILES, simulate
from highwall.tiles import open_dataset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from highwall.evaluation.evaluate import Evaluation
    from highwall.evaluation.forecast import TilesForecast
    from highwall.models.model import Model
    from highwall.tiles import CheckReport

log = logging.getLogger("highwall")

CHANGES: Final = ("max_steps=90", "folds=3")
"""What the demo changes in the `quick` preset, to be done in minutes."""

SCENE: Final = 3
"""Height and width of the scene that it maps, in tiles."""


@dataclass(frozen=True, eq=False)
class Demo:
    """What a demo leaves."""

    report: CheckReport
    model: Model
    forecasts: dict[str, TilesForecast]
    """By split, made before the labels were looked at."""

    evaluations: dict[str, Evaluation]
    """By split: `open`, sites like those trained on, and `closed`, another region."""

    sheets: dict[str, Path]
    """Contact sheet by split."""

    map: Path
    """Folder of the map of a scene like the training's ground."""


def demo(
    folder: Path,
    *,
    tiles: Mapping[str, int] = DEFAULT_TILES,
    size: int = 256,
    changes: Sequence[str] = CHANGES,
    seed: int = 0,
) -> Demo:
    """Simulate tiles, check them, train, forecast, evaluate, predict, draw contact sheets, and map a scene.

    A demo that was killed goes on where it was.

    Args:
        folder: for all that the demo leaves.
        tiles: how many to simulate, by split.
        size: height and width of a tile in pixels.
        changes: settings that differ from the `quick` preset's.
        seed: the same seed gives the same tiles and the same model.

    Raises:
        BadInput: `folder` holds something else.
    """
    data, run, masks = folder / "tiles", folder / "run", folder / "masks"
    if not data.is_dir() and folder.is_dir() and any(not path.name.endswith(".part") for path in folder.iterdir()):
        raise BadInput(f"{folder} is not empty and no demo of ours: choose another folder")
    if not data.is_dir():
        log.info("simulating %d tiles", sum(tiles.values()))
        simulate(data, tiles=tiles, size=size, seed=seed)
    report = api.check(data)
    model = api.train(data, run, preset="quick", changes=changes, seed=seed)
    forecasts = {split: api.forecast(model, data, split=split) for split in ("open", "closed")}
    evaluations = {split: api.evaluate(model, data, split=split) for split in ("open", "closed")}
    write_json(folder / "scores.json", {split: result.to_json() for split, result in evaluations.items()})
    dataset = open_dataset(data)
    sheets = {}
    for split, result in evaluations.items():
        api.predict(model, data, masks / split, split=split)
        sheets[split] = folder / f"{split}.png"
        draw_sheet(model, result.tiles, dataset.encoding, sheets[split])
    shutil.copyfile(run / "curves.png", folder / "curves.png")
    return Demo(report, model, forecasts, evaluations, sheets, _map(folder, model, SCENE * size, seed + 1))


def _map(folder: Path, model: Model, size: int, seed: int) -> Path:
    """Map a simulated scene, and return the folder of the map."""
    ground = folder / "scene"
    if not ground.is_dir():
        simulate(ground, tiles={"open": 1}, size=size, seed=seed)
    (scene,) = (ground / "open" / "images").glob("*.tif")
    log.info("mapping a scene of %d x %d pixels", size, size)
    map_scene(scene, model, folder / "map")
    return folder / "map"
