"""The verbs as functions, from folder to folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from highwall.errors import BadInput
from highwall.evaluation.comparison import compare
from highwall.evaluation.evaluate import evaluate as evaluate_tiles
from highwall.evaluation.forecast import forecast as forecast_tiles
from highwall.evaluation.metrics import metric_named
from highwall.evaluation.predict import predict as predict_tiles
from highwall.models.backends import PLAIN
from highwall.models.folder import load_model
from highwall.tiles import check as check_tiles
from highwall.tiles import open_dataset
from highwall.training.config import make_recipe
from highwall.training.run import train as train_run
from highwall.training.start import base_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from highwall.evaluation.comparison import Comparison
    from highwall.evaluation.evaluate import Evaluation
    from highwall.evaluation.forecast import TilesForecast
    from highwall.models.model import Model
    from highwall.tiles import CheckReport, Dataset, Track

__all__ = ["check", "evaluate", "explain", "forecast", "predict", "train"]


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
    start: Model | Path | str | None = None,
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
        start: a model, or its folder, that the networks start from, with perhaps other bands or another legend. Its
            networks stand in for the preset's, and `changes` change them. What fits is kept, what doesn't is made anew,
            which the notes tell; the forest and all else beside the networks is always made anew.
        seed: the same seed on the same machine gives the same model.
        bands: band names in file order, where the files don't tell.
        scale: reflectance per count, likewise.
        offset: reflectance at 0, likewise.

    Raises:
        BadInput: with the reason in one line.
    """
    if isinstance(start, Path | str):
        start = load_model(start, "cpu", backend=PLAIN)  # it is not asked anything, so that speed doesn't matter
    recipe = make_recipe(preset, changes if start is None else (*base_settings(start), *changes))
    dataset = open_dataset(Path(folder), bands=bands, scale=scale, offset=offset)
    return train_run(dataset, Path(run), recipe, seed=seed, start=start)


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
    return evaluate_tiles(model, _labelled(dataset, split), track)


def explain(
    model: Model | Path | str,
    a: Path | str,
    b: Path | str,
    *,
    split_a: str | None = None,
    split_b: str | None = None,
    metric_a: str = "miou",
    metric_b: str = "miou",
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    track: Track = iter,
) -> Comparison:
    """Score a model on two sets of labelled tiles and explain the difference.

    Args:
        model: a model, or its folder.
        a: set A: a split, or a dataset, of which all labelled splits but `train` are taken.
        b: set B, likewise; perhaps the same dataset.
        split_a: the one split of `a` to take.
        split_b: the one split of `b` to take.
        metric_a: what A is scored by: `miou`, `miou_all`, `accuracy` or `f1`.
        metric_b: what B is scored by, likewise.
        bands: band names in file order, where the files of neither set tell.
        scale: reflectance per count, likewise.
        offset: reflectance at 0, likewise.
        track: hands the tiles of each set on and tells somebody how far it is.

    Raises:
        BadInput: with the reason in one line.
    """
    metrics = metric_named(metric_a), metric_named(metric_b)
    model = _loaded(model)
    opened = [open_dataset(Path(one), bands=bands, scale=scale, offset=offset, legend=model.legend) for one in (a, b)]
    set_a, set_b = _labelled(opened[0], split_a), _labelled(opened[1], split_b)
    return compare(evaluate_tiles(model, set_a, track), evaluate_tiles(model, set_b, track), *metrics)


def forecast(
    model: Model | Path | str,
    folder: Path | str,
    *,
    split: str | None = None,
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    track: Track = iter,
) -> TilesForecast:
    """Forecast a model's score on tiles without looking at labels, and say how they differ from its training tiles.

    Args:
        model: a model, or its folder.
        folder: a TIFF, a folder of TIFFs, a split, or a dataset, of which all splits but `train` are taken.
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
    others = tuple(tile for tile in dataset.tiles if tile.split != "train")
    if split is None:
        dataset = replace(dataset, tiles=others or dataset.tiles)
    return forecast_tiles(model, _only(dataset, split), track)


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


def _labelled(dataset: Dataset, split: str | None) -> Dataset:
    """Take one split, or all labelled tiles that are not for training, if there are such."""
    unseen = tuple(tile for tile in dataset.tiles if tile.mask is not None and tile.split != "train")
    return replace(dataset, tiles=unseen or dataset.tiles) if split is None else _only(dataset, split)


def _only(dataset: Dataset, split: str | None) -> Dataset:
    if split is None:
        return dataset
    if not dataset.split(split):
        raise BadInput(f"{dataset.root} has no split {split!r} to take (it has {', '.join(dataset.splits)})")
    return replace(dataset, tiles=dataset.split(split))
