"""The report of a training: what the model scores where it had not learned, and what it is bad at."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from highwall.reports.again import advice, again_section, next_section
from highwall.reports.confusion import confusion_section
from highwall.reports.course import curves_section, leak_section, missing_section
from highwall.reports.data import MOST_TILES, data_section
from highwall.reports.findings import class_findings, trust
from highwall.reports.html import Child, page, section, tag
from highwall.reports.judged import Judged
from highwall.reports.reliability import reliability_section
from highwall.reports.scores import score_table, scores_section
from highwall.reports.sites import sites_section
from highwall.reports.tiles import tiles_section
from highwall.reports.top import contents, top
from highwall.reports.write import write
from highwall.tiles import check, open_dataset
from highwall.training.fit import HISTORY
from highwall.training.held_out import FILE as HELD_OUT
from highwall.training.held_out import HeldOut
from highwall.training.history import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from xml.etree.ElementTree import Element

    from highwall.legend import Legend
    from highwall.models.model import Model
    from highwall.tiles import Dataset

FILE: Final = "report.html"
"""Its name in a run."""

_WHAT: Final = {
    "out_of_fold": "held out in training",
    "validation": "of the validation tiles",
}
_TITLES: Final = {
    "out_of_fold": "Per cent, out of fold: networks that had not learned from the tile's site",
    "validation": "Per cent, on the validation tiles",
}


def report_training(
    model: Model,
    run: Path | str,
    folder: Path | str,
    *,
    command: str = "",
    bands: Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
) -> Path:
    """Write what there is to see of a finished training as `report.html` in its folder.

    Args:
        model: what came of it.
        run: the training's folder.
        folder: the tiles that it was given.
        command: how to do it again.
        bands: as for `train`.
        scale: as for `train`.
        offset: as for `train`.

    Returns:
        The report's path; one that was there is replaced.

    Raises:
        BadInput: the tiles can't be read any more.
        OSError: the folder holds no finished training, or can't be written to.
    """
    run, folder = Path(run), Path(folder)
    reading: dict[str, Any] = {"bands": bands, "scale": scale, "offset": offset}
    dataset = open_dataset(folder, **reading)
    told = json.loads((run / "training.json").read_text("utf-8"))
    held_out = HeldOut.load(run / HELD_OUT) if (run / HELD_OUT).exists() else None
    checked = check(folder, **reading) if len(dataset.tiles) <= MOST_TILES else None
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    title = f"{model.id} in {run.resolve().name}"
    kind = f"Training of {title}, {when}"
    ends = [
        *_course(run, told, model.facts),
        data_section(checked, str(folder), told["notes"]),
    ]
    if held_out is None or held_out.level not in told.get(held_out.kind, {}):
        head = tag("header", tag("p", kind, class_="kind"), tag("h1", _bare(told)))
        sections = [
            *_tables(told, model.legend),
            *ends,
            next_section(_general(run)),
            again_section(model, command, when),
        ]
    else:
        judged = _judged(model, told, held_out, dataset)
        findings = class_findings(judged.matrix, judged.legend)
        calibration = (told["calibration"] or {}).get(judged.level)
        reliability = calibration and reliability_section(
            calibration["after"], judged.legend, calibration["before"], calibration["temperature"]
        )
        others = {_TITLES[key]: told[key] for key in _TITLES if key in told and key != held_out.kind}
        advised = advice(judged, findings, model.facts, calibration and calibration["after"])
        head = top(kind, judged, findings, _on_validation(told, held_out), *_warned(model))
        sections = [
            tiles_section(judged, dataset.encoding),
            scores_section(judged, others),
            confusion_section(judged),
            sites_section(judged),
            reliability,
            *ends,
            next_section([*advised, *_general(run)]),
            again_section(model, command, when),
        ]
    shown = [one for one in sections if one is not None]
    write(run / FILE, page(f"Training: {title}", head, contents(shown), *shown))
    return run / FILE


def _judged(model: Model, told: dict[str, Any], held_out: HeldOut, dataset: Dataset) -> Judged:
    by_key = {tile.key: tile for tile in dataset.tiles}
    return Judged(
        model.legend,
        held_out.level,
        _WHAT[held_out.kind],
        told[held_out.kind],
        tuple(by_key.get(key) for key in held_out.keys),
        held_out.keys,
        held_out.sites,
        held_out.matrices,
        held_out.answers,
    )


def _on_validation(told: dict[str, Any], held_out: HeldOut) -> str | None:
    """Say what the validation tiles gave beside."""
    score = told.get("validation", {}).get(held_out.level)
    if held_out.kind == "validation" or not score or score["miou"] is None:
        return None
    return f"On the validation tiles it scored {100 * score['miou']:.1f} %, {trust(score)}."


def _warned(model: Model) -> list[str]:
    """Say what makes the score look better than it is."""
    if model.facts.get("recipe", {}).get("learn_from") == "val":
        return ["The validation tiles chose the weights, and the forest learned from them: their score flatters."]
    return []


def _bare(told: dict[str, Any]) -> str:
    """Say what can be said without the answers."""
    for key in _TITLES:
        score = told.get(key, {}).get(told["final"])
        if score and score["miou"] is not None:
            name = min((name for name in score["iou"] if score["iou"][name] is not None), key=lambda n: score["iou"][n])
            return (
                f"Mean IoU {100 * score['miou']:.1f} %, {trust(score)}; worst at {name} (IoU "
                f"{100 * score['iou'][name]:.1f} %). Answers were not kept, so no tiles are shown."
            )
    return "Nothing was held out in this training, so that nothing is known of the score."


def _tables(told: dict[str, Any], legend: Legend) -> Iterator[Element]:
    """Show the scores that there are as tables alone."""
    tables = [
        tag("div", score_table(told[key], legend, told["final"], title), class_="wide")
        for key, title in _TITLES.items()
        if key in told
    ]
    if tables:
        yield section("Scores by level and class", *tables, id_="scores")


def _course(run: Path, told: dict[str, Any], facts: Mapping[str, Any]) -> Iterator[Element | None]:
    """Show how it went, and what was measured on the way."""
    history = run / "stages" / "networks" / HISTORY
    if history.exists() and (rows := read_rows(history)):
        yield curves_section(rows)
    if told["leak"]:
        yield leak_section(told["leak"])
    yield missing_section(facts)


def _general(run: Path) -> list[Child]:
    """Say what to do with any model."""
    model = run / "model"
    return [
        tag("span", "See the answers on a map: ", tag("code", f"highwall map {model} SCENE -o OUT"), "."),
        tag(
            "span",
            "Judge it on tiles of other places: ",
            tag("code", f"highwall evaluate {model} DIR --report FILE.html"),
            ".",
        ),
        tag(
            "span", "Ask what to expect where there are no labels: ", tag("code", f"highwall forecast {model} DIR"), "."
        ),
    ]
