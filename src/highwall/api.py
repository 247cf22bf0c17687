"""The verbs as functions, from folder to folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from highwall.errors import BadInput
from highwall.evaluation.evaluate import evaluate as evaluate_tiles
from highwall.evaluation.predict import predict as predict_tiles
from highwall.models.folder import load_model
from highwall.tiles import check as check_tiles
from highwall.tiles import open_dataset
from highwall.training.config import make_recipe
from highwall.training.run import train as train_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from highwall.evaluation.evaluate import Evaluation
    from highwall.models.model import Model
    from highwall.tiles import CheckReport, Dataset, Track

__all__ = ["check", "evaluate", "predict", "train"]


def check(
    folder: Path | str,
    *,
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
) -> CheckReport:
    """Report what a person should know of tiles before training, and what is wrong with them.

    Args:
        folder: a dataset, a split, a folder of TIFFs, or one TIFF.
        bands: band names in file order, where the files don't tell.
        scale: reflectance per count, likewise.
        offset: reflectance at 0, likewise.

    Raises:
        BadInput: there is nothing to check, or no way to tell how to read it.
    """
    return check_tiles(Path(folder), bands=bands, scale=scale, offset=offset)


def train(
    folder: Path | str,
    run: Path | str,
    *,
    preset: str = "default",
    changes: Sequence[str] = (),
    seed: int = 0,
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
) -> Model:
    """Train a model on labelled tiles; `run/model` is the model in the end.

    Args:
        folder: a dataset with a `train` split and perhaps a `val` split, or one split.
        run: folder for everything that training leaves. A run that was killed is continued.
        preset: `0try` (the reference solution), `default` or `quick`.
        changes: settings that differ from the preset's, as `key=value`.
        seed: the same seed on the same machine gives the same model.
        bands: band names in file order, where the files don't tell.
        scale: reflectance per count, likewise.
        offset: reflectance at 0, likewise.

    Raises:
        BadInput: with the reason in one line.
    """
    recipe = make_recipe(preset, changes)
    dataset = open_dataset(Path(folder), bands=bands, scale=scale, offset=offset)
    return train_run(dataset, Path(run), recipe, seed=seed)


def evaluate(
    model: Model | Path | str,
    folder: Path | str,
    *,
    split: str | None = None,
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    track: Track = iter,
) -> Evaluation:
    """Score a model on labelled tiles, level by level.

    Args:
        model: a model, or its folder.
        folder: a split, or a dataset, of which all labelled splits but `train` are taken.
        split: the one split to take.
        bands: band names in file order, where the files don't tell.
        scale: reflectance per count, likewise.
        offset: reflectance at 0, likewise.
        track: hands the tiles on and tells somebody how far it is.

    Raises:
        BadInput: with the reason in one line.
    """
    model = _loaded(model)
    dataset = open_dataset(Path(folder), bands=bands, scale=scale, offset=offset, legend=model.legend)
    unseen = tuple(tile for tile in dataset.tiles if tile.mask is not None and tile.split != "train")
    if split is None:
        dataset = replace(dataset, tiles=unseen or dataset.tiles)
    return evaluate_tiles(model, _only(dataset, split), track)


def predict(
    model: Model | Path | str,
    folder: Path | str,
    out: Path | str,
    *,
    split: str | None = None,
    probabilities: bool = False,
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    track: Track = iter,
) -> list[Path]:
    """Write a mask for every tile.

    Args:
        model: a model, or its folder.
        folder: a TIFF, a folder of TIFFs, a split, or a dataset, of which the splits without masks are taken
            (all, if all have masks).
        out: folder for the masks; they bear the tiles' names, in a folder for each split where there are several.
        split: the one split to take.
        probabilities: whether to write class probabilities too.
        bands: band names in file order, where the files don't tell.
        scale: reflectance per count, likewise.
        offset: reflectance at 0, likewise.
        track: hands the tiles on and tells somebody how far it is.

    Returns:
        The masks' paths.

    Raises:
        BadInput: with the reason in one line.
    """
    model = _loaded(model)
    dataset = open_dataset(Path(folder), bands=bands, scale=scale, offset=offset, legend=model.legend)
    unlabelled = tuple(tile for tile in dataset.tiles if tile.mask is None)
    if split is None:
        dataset = replace(dataset, tiles=unlabelled or dataset.tiles)
    return predict_tiles(model, _only(dataset, split), Path(out), probabilities=probabilities, track=track)


def _loaded(model: Model | Path | str) -> Model:
    return load_model(model) if isinstance(model, Path | str) else model


def _only(dataset: Dataset, split: str | None) -> Dataset:
    if split is None:
        return dataset
    if not dataset.split(split):
        raise BadInput(f"{dataset.root} has no split {split!r} to take (it has {', '.join(dataset.splits)})")
    return replace(dataset, tiles=dataset.split(split))
