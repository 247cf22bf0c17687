"""A whole training: tiles in, model out. It can be killed at any time and started again."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import torch.distributed as dist

from highwall.errors import BadInput
from highwall.evaluation.summary import summarise
from highwall.files import write_json
from highwall.models.folder import load_model, save_model
from highwall.models.model import AVERAGE, Model
from highwall.training.curves import draw_curves
from highwall.training.facts import facts, named, report
from highwall.training.first_look import fit_first_look
from highwall.training.fit import HISTORY, check_devices
from highwall.training.formats import agreement
from highwall.training.held_out import FILE, make_held_out
from highwall.training.leak import leak
from highwall.training.level2 import ask
from highwall.training.missing import measure_missing
from highwall.training.plan import make_plan
from highwall.training.record import make_record
from highwall.training.stages import (
    Run,
    fit_level2_honestly,
    fit_level2_on_validation,
    fit_networks,
    judge_folds,
    judge_other_folds,
    settled,
)
from highwall.training.start import from_start

if TYPE_CHECKING:
    from pathlib import Path

    from highwall.tiles import Dataset
    from highwall.training.config import Recipe

log = logging.getLogger("highwall")

CLAIM: Final = "run.json"
"""Says what a folder is being used for, so that a killed training is continued and no other overwritten."""


def train(dataset: Dataset, folder: Path, recipe: Recipe, *, seed: int = 0, start: Model | None = None) -> Model:
    """Train a model on labelled tiles; `folder/model` is the model in the end.

    Args:
        dataset: tiles with a `train` split and perhaps a `val` split, or one split alone.
        folder: the run. One that was killed is continued; a finished one is left as it is.
        recipe: what to do.
        seed: the same seed on the same machine gives the same model.
        start: the model that networks start from where they have its names, architectures and encoders and no
            pre-trained weights are asked for (see `highwall.models.inherit`).

    Raises:
        BadInput: the tiles can't be trained on, nothing can start from the model, or the folder holds something else.
    """
    if not 0 <= seed < 2**31:
        raise BadInput(f"a seed is a whole number from 0 to {2**31 - 1}, not {seed}")
    check_devices(recipe)
    run = Run(dataset, make_plan(dataset, recipe, seed), recipe, folder, seed)
    if start is not None:
        plan, started = from_start(run.plan, dataset.encoding, start)
        run = replace(run, plan=plan, start=started)
    _claim(run)
    for note in run.plan.notes:
        log.warning("note: %s", note)
    if (folder / "model").exists():
        log.info("the training in %s is complete", folder)
        return load_model(folder / "model")
    run = settled(run)
    roles, legend = run.plan.roles, dataset.encoding.legend
    networks = fit_networks(run)
    reference = recipe.learn_from == "val"
    judged, others = judge_folds(run), judge_other_folds(run)
    look = fit_first_look(run.plan.roles.train, roles.sites, dataset.encoding, seed)
    level2 = fit_level2_on_validation(run, networks) if reference else fit_level2_honestly(run, judged)
    calibration = judged.calibration() if judged else {}
    scores = {"out_of_fold": summarise(judged.matrices, roles.sites, legend)} if judged else {}
    on_validation = None
    if roles.validation:
        asked = ask(networks, roles.validation, dataset.encoding, recipe.forest, 0, seed, recipe.views)
        on_validation = asked.matrices
        scores["validation"] = summarise(on_validation, roles.validation_sites, legend)
    told = {
        "scores": scores,
        "leak": leak(run, judged, others),
        "calibration": {level: found.to_json(legend.names) for level, found in calibration.items()},
        "agreement": agreement(run, networks),
        "forest": None if level2.config is None else level2.config.model_dump(mode="json"),
        "forests_tried": [trial.to_json() for trial in judged.trials] if judged else [],
        "first_look": None if look is None else look.to_json(),
        "missing_bands": [one.to_json() for one in measure_missing(run, networks, judged)],
    }
    model = Model(
        networks=networks,
        configs=named(run.plan.networks),
        normalisation=run.plan.normalisation,
        bands=dataset.encoding.bands,
        legend=legend,
        forest=level2.forest,
        answers=recipe.forest.answers,
        final=level2.final,
        temperatures={level: found.temperature for level, found in calibration.items()},
        first_look=look,
        facts=facts(run) | told,
    )
    if judged:
        alike = [fold for fold, _ in others] if level2.final == AVERAGE else []  # which have no forest
        model = replace(model, record=make_record(run, model, [*judged.folds, *alike]))
    if not dist.is_initialized() or dist.get_rank() == 0:
        draw_curves(run.stage("networks") / HISTORY, folder / "curves.png")
        write_json(folder / "training.json", report(model))
        shutil.rmtree(run.tiles.path.parent, ignore_errors=True)  # a run with a model is not looked at again
        save_model(model, folder / "model")
        if held_out := make_held_out(run, model, judged, on_validation):
            held_out.save(folder / FILE)  # last, as it is only to look at
    return model


def _claim(run: Run) -> None:
    """Take the folder for this training, or make sure that it is this training's already."""
    mine = {
        "recipe": run.recipe.model_dump(mode="json"),
        "networks": {name: config.model_dump(mode="json") for name, config in run.plan.networks.items()},
        "bands": list(run.dataset.encoding.bands),
        "classes": {str(c.id): c.name for c in run.dataset.encoding.legend.classes},
        "training tiles": run.plan.statistics.fingerprint,
        "validation tiles": run.plan.validation,
        "seed": run.seed,
        "start": run.start and run.start.model.fingerprint,
    }
    path = run.folder / CLAIM
    try:
        held = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if run.folder.is_dir() and any(run.folder.iterdir()):
            raise BadInput(f"{run.folder} is not empty and no training of ours: choose another folder") from None
        write_json(path, mine)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from None
    else:
        if different := [key for key in mine if held.get(key) != mine[key]]:
            raise BadInput(
                f"{run.folder} holds another training ({', '.join(different)} differ): choose another folder"
            )
